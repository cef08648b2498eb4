package nixlang

import (
	"errors"
	"io/fs"
	"strings"
)

var fileBuiltins = []primitive{
	{"import", 1, func(m *machine, at pos, args []*value) (*value, error) {
		name, err := m.inFolder(args[0], at)
		if err != nil {
			return nil, err
		}
		return m.importFile(name, at)
	}},
	{"readFile", 1, func(m *machine, at pos, args []*value) (*value, error) {
		name, err := m.inFolder(args[0], at)
		if err != nil {
			return nil, err
		}
		text, err := m.readFile(name, at)
		if err == nil && strings.IndexByte(text, 0) >= 0 {
			return nil, failf(at, "the contents of the file %s cannot be a Nix string: it holds a NUL byte", m.shown(name))
		}
		return stringValue(text), err
	}},
	{"pathExists", 1, func(m *machine, at pos, args []*value) (*value, error) {
		name, err := m.inFolder(args[0], at)
		if err != nil {
			return nil, err
		}
		_, err = fs.Stat(m.files, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, m.unreadable(name, at, err)
		}
		return boolValue(err == nil), nil
	}},
	{"readDir", 1, readDir},
	{"hashFile", 2, func(m *machine, at pos, args []*value) (*value, error) {
		name, err := m.inFolder(args[1], at)
		if err != nil {
			return nil, err
		}
		text, err := m.readFile(name, at)
		if err != nil {
			return nil, err
		}
		return hashString(m, at, []*value{args[0], stringValue(text)})
	}},
}

// readDir tells of every entry of a folder what it is.
func readDir(m *machine, at pos, args []*value) (*value, error) {
	name, err := m.inFolder(args[0], at)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(m.files, name)
	if err != nil {
		return nil, m.unreadable(name, at, err)
	}
	if err := m.reserve(at, len(entries), sizeAttr+sizeValue); err != nil {
		return nil, err
	}
	items := make([]attr, len(entries))
	for i, e := range entries {
		items[i] = attr{name: e.Name(), val: stringValue(entryKind(e.Type()))}
	}
	return attrsValue(newAttrs(items)), nil
}

func entryKind(t fs.FileMode) string {
	switch {
	case t.IsRegular():
		return "regular"
	case t.IsDir():
		return "directory"
	case t&fs.ModeSymlink != 0:
		return "symlink"
	}
	return "unknown"
}
