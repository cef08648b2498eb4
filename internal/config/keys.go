package config

import (
	"slices"
	"strings"
)

// Key is one key that may be written at a place of the declaration.
type Key struct {
	Name   string   `json:"name"`
	Takes  string   `json:"takes"`            // "a whole number"
	Doc    string   `json:"doc"`              // one or two sentences
	Values []string `json:"values,omitempty"` // all there are, where they are few
}

// Keys returns the keys that may stand at path ("hypervisor.vms.web"), in the order of the schema;
// nil where there are none, or they are of the owner's choice.
func Keys(path string) []Key {
	s, ok := theShape().at(path)
	if !ok || s.form != formObject {
		return nil
	}
	var out []Key
	for _, f := range s.fields {
		k := Key{Name: f.name, Takes: f.shape.form.String(), Doc: f.shape.note.doc, Values: slices.Clone(f.shape.note.enum)}
		if f.shape.form == formList {
			k.Values = slices.Clone(f.shape.elem.note.enum)
		}
		out = append(out, k)
	}
	return out
}

// IsText reports whether a string is what may stand at path, whatever it looks like.
func IsText(path string) bool {
	s, ok := theShape().at(path)
	return ok && s.form == formText
}

// at returns the shape at a path of a declaration. Keys in quotes stand for one key.
func (s *shape) at(path string) (*shape, bool) {
	for path != "" {
		var head string
		head, path = firstKey(path)
		switch f, ok := s.field(head); {
		case s.form == formMap:
			s = s.elem
		case ok:
			s = f.shape
		default:
			return nil, false
		}
		for strings.HasPrefix(path, "[") && s.form == formList {
			_, path, _ = strings.Cut(path, "]")
			s = s.elem
		}
		path = strings.TrimPrefix(path, ".")
	}
	return s, true
}

// firstKey cuts the first key off a path.
func firstKey(path string) (head, rest string) {
	if strings.HasPrefix(path, `"`) {
		if i := strings.IndexByte(path[1:], '"'); i >= 0 {
			return path[1 : i+1], path[i+2:]
		}
	}
	if i := strings.IndexAny(path, ".["); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}
