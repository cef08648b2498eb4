package nixlang

import (
	"path"
	"strings"
)

// A path value holds an absolute name. Names inside the declared folder begin with m.base; a path
// that is written relative to a file may not climb out of it.

// below returns the name inside the declared folder ("." for the folder itself).
func (m *machine) below(name string) (string, bool) {
	if name == m.base {
		return ".", true
	}
	return strings.CutPrefix(name, strings.TrimSuffix(m.base, "/")+"/")
}

// clean resolves "." and ".." in an absolute name. What begins in the declared folder stays there;
// written is how messages name it.
func (m *machine) clean(name, written string, at pos) (string, error) {
	rest, inside := m.below(name)
	if !inside {
		return path.Clean(name), nil
	}
	local := path.Join(".", rest) // keeps a leading ".."
	if local == ".." || strings.HasPrefix(local, "../") {
		return "", failf(at, "the path %s leaves the declared folder", shorten(written)).
			try("keep what is imported beside the file or below it")
	}
	return path.Join(m.base, local), nil
}

// plain is the value of a path without interpolation, nil where there is none or it is refused.
func (x *pathExpr) plain(m *machine) *value {
	if len(x.parts) > 0 {
		return nil
	}
	v, err := x.eval(m, nil)
	if err != nil {
		return nil
	}
	return v
}

func (x *pathExpr) eval(m *machine, scopes *env) (*value, error) {
	name := x.first
	if !strings.HasPrefix(name, "/") {
		name = strings.TrimSuffix(x.src.dir, "/") + "/" + name
	}
	for _, e := range x.parts {
		v, err := m.eval(e, scopes)
		if err != nil {
			return nil, err
		}
		s, err := m.text(v, e.at(), coercePaths)
		if err != nil {
			return nil, err
		}
		if err := m.reserve(x.pos, len(name)+len(s), 1); err != nil {
			return nil, err
		}
		name += s
	}
	name, err := m.clean(name, printed(x), x.pos)
	return pathValue(name), err
}

// extendPath is `path + text`.
func (m *machine) extendPath(l, r *value, at pos) (*value, error) {
	s, err := m.text(r, at, coercePaths)
	if err != nil {
		return nil, err
	}
	if err := m.reserve(at, len(l.str)+len(s), 1); err != nil {
		return nil, err
	}
	name, err := m.clean(l.str+s, l.str+s, at)
	return pathValue(name), err
}
