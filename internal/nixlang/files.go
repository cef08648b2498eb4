package nixlang

import (
	"errors"
	"io"
	"io/fs"
	"path"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// inFolder returns the name inside the declared folder of what v, a path or an absolute string,
// names.
func (m *machine) inFolder(v *value, at pos) (string, error) {
	name, err := m.text(v, at, coercePaths)
	if err != nil {
		return "", err
	}
	if !path.IsAbs(name) {
		return "", failf(at, "string '%s' doesn't represent an absolute path", shorten(name)).
			try("write it as a path, without quotes: ./file.nix")
	}
	if name, err = m.clean(name, name, at); err != nil {
		return "", err
	}
	local, ok := m.below(name)
	switch {
	case m.files == nil:
		return "", failf(at, "cannot read %s: no files are at hand here", shorten(name)).
			try("write it into a file: those beside it and below its folder are read")
	case !ok || !fs.ValidPath(local):
		return "", failf(at, "cannot read %s: it lies outside the declared folder", shorten(name)).
			try("only files beside the declaration or below it are read")
	}
	return local, nil
}

func (m *machine) stat(name string, at pos) (fs.FileInfo, error) {
	info, err := fs.Stat(m.files, name)
	if err != nil {
		return nil, m.unreadable(name, at, err)
	}
	return info, nil
}

func (m *machine) unreadable(name string, at pos, err error) error {
	why := err
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		why = pe.Err
	}
	e := failf(at, "cannot read %s: %v", m.shown(name), why)
	e.cause = err
	return e
}

// shown is how positions and messages name a file of the declared folder.
func (m *machine) shown(name string) string { return path.Join(m.folder, name) }

// readFile reads a whole file of the declared folder.
func (m *machine) readFile(name string, at pos) (string, error) {
	if m.reads++; m.reads > m.limits.Files {
		return "", failf(at, "more files are read than the limit Files of %d", m.limits.Files)
	}
	f, err := m.files.Open(name)
	if err != nil {
		return "", m.unreadable(name, at, err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return "", failf(at, "cannot read %s: not a regular file", m.shown(name))
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(m.limits.SourceBytes)+1))
	if err != nil {
		return "", m.unreadable(name, at, err)
	}
	if len(data) > m.limits.SourceBytes {
		return "", failf(at, "%s is larger than the limit SourceBytes of %d bytes", m.shown(name), m.limits.SourceBytes)
	}
	return string(data), m.reserve(at, len(data), 1)
}

// importFile returns the value of a file; a folder stands for its default.nix. Every file is
// evaluated once, so that two that import each other are an infinite recursion and found.
func (m *machine) importFile(name string, at pos) (*value, error) {
	info, err := m.stat(name, at)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		name = path.Join(name, "default.nix")
	}
	v, ok := m.imports[name]
	if !ok {
		v = lazyValue(func(m *machine) (*value, error) { return m.evalFile(name, at) })
		m.imports[name] = v
	}
	if err := m.force(v, at); err != nil {
		return nil, traced(err, at, "while importing %s", m.shown(name))
	}
	return v, nil
}

func (m *machine) evalFile(name string, at pos) (*value, error) {
	text, err := m.readFile(name, at)
	if err != nil {
		return nil, err
	}
	src := &source{name: m.shown(name), dir: path.Join(m.base, path.Dir(name)), text: text}
	return m.evalSource(src)
}

func (m *machine) evalSource(src *source) (*value, error) {
	e, err := parse(src, m.scope, m.limits)
	if err != nil {
		return nil, err
	}
	if m.start.src == nil {
		m.start = e.at()
	}
	return m.eval(e, m.globals)
}

func invalidName(name string) error {
	return fault.New(fault.Invalid, "%q is no name of a file inside the declared folder", name)
}
