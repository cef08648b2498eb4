package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// form is what a value of the declaration may look like.
type form uint8

const (
	formObject form = iota // fixed keys
	formMap                // keys of the owner's choice
	formList
	formText
	formWhole
	formFlag
	formSize // model.Bytes: a number of bytes, or a string with a unit
)

var formNames = [...]string{
	"a set of keys", "a set of keys", "a list", "a string", "a whole number", "true or false",
	`a size such as "2GiB", or a number of bytes`,
}

func (f form) String() string { return formNames[f] }

// shape is the one description of what a declaration looks like. It is derived from the Go types
// whose JSON tags are the v1 schema, and from the notes (notes.go) for what a type cannot say.
// Strict reading, the JSON Schema and the completion of keys all come from it.
type shape struct {
	form   form
	path   string // hypervisor.vms.*.cpus
	note   note
	fields []field // of an object, in the order of the Go type
	elem   *shape  // of a map or list
	absent bool    // a set or list whose absence is not the same as being empty
}

// field is one key of an object.
type field struct {
	name  string
	index []int // for reflect.Value.FieldByIndex
	shape *shape
}

func (s *shape) field(name string) (field, bool) {
	for _, f := range s.fields {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func (s *shape) names() []string {
	var out []string
	for _, f := range s.fields {
		out = append(out, f.name)
	}
	return out
}

// theShape is that of a whole file.
var theShape = sync.OnceValue(func() *shape { return derive("", reflect.TypeFor[document]()) })

// vmShape is that of one VM.
func vmShape() *shape {
	s, _ := theShape().under("hypervisor.vms.*")
	return s
}

// under returns the shape at a path of shapes.
func (s *shape) under(path string) (*shape, bool) {
	if path == "" || s == nil {
		return s, s != nil
	}
	head, rest, _ := strings.Cut(path, ".")
	if s.elem != nil && s.form == formMap {
		return s.elem.under(rest)
	}
	f, ok := s.field(head)
	if !ok {
		return nil, false
	}
	return f.shape.under(rest)
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

func derive(path string, t reflect.Type) *shape {
	s := &shape{path: path, note: notes()[path]}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
		s.absent = true
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		if t.Kind() != reflect.Int64 {
			panic(fmt.Sprintf("config cannot read a %s at %s", t, path)) // met by every test; never at run time
		}
		s.form = formSize
		return s
	}
	switch t.Kind() {
	case reflect.Struct:
		s.form, s.fields = formObject, fieldsOf(path, t)
	case reflect.Map:
		s.form, s.elem = formMap, derive(join(path, "*"), t.Elem())
	case reflect.Slice:
		s.form, s.elem = formList, derive(path+"[]", t.Elem())
	case reflect.String:
		s.form = formText
	case reflect.Int:
		s.form = formWhole
	case reflect.Bool:
		s.form = formFlag
	default:
		panic(fmt.Sprintf("config cannot read a %s at %s", t, path))
	}
	return s
}

func fieldsOf(path string, t reflect.Type) []field {
	var out []field
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "-" {
			continue
		}
		out = append(out, field{name: name, index: f.Index, shape: derive(join(path, name), f.Type)})
	}
	return out
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
