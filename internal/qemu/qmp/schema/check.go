package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// CheckArguments returns everything that is wrong with the arguments of a command: unknown, missing
// and ill-typed members, each with its path. Raw may be nil for no arguments. A command whose
// arguments QEMU does not check by its schema (device_add takes any property of the device) is held
// to what the schema names. Options of -blockdev and -netdev are arguments of blockdev-add and
// netdev_add.
func (s *Schema) CheckArguments(command string, raw []byte) []string {
	e := s.Command(command)
	if e == nil {
		return []string{"no command " + command}
	}
	c := checker{schema: s, open: command == "device_add"}
	c.object(command, e.Args, raw)
	return c.problems
}

// CheckAnswer returns everything that is wrong with what a command is said to have answered.
func (s *Schema) CheckAnswer(command string, raw []byte) []string {
	e := s.Command(command)
	if e == nil {
		return []string{"no command " + command}
	}
	return s.check(command, e.Return, raw)
}

// CheckEvent returns everything that is wrong with the data of an event; nil for none.
func (s *Schema) CheckEvent(name string, raw []byte) []string {
	e := s.Event(name)
	if e == nil {
		return []string{"no event " + name}
	}
	c := checker{schema: s}
	c.object(name, e.Args, raw)
	return c.problems
}

func (s *Schema) check(path, typ string, raw []byte) []string {
	c := checker{schema: s}
	v, err := parse(raw)
	if err != nil {
		return []string{path + ": " + err.Error()}
	}
	c.value(path, s.entities[typ], v)
	return c.problems
}

type checker struct {
	schema   *Schema
	open     bool // unknown members of the outermost object are fine
	problems []string
}

func (c *checker) say(path, format string, args ...any) {
	c.problems = append(c.problems, path+": "+fmt.Sprintf(format, args...))
}

// parse keeps numbers as they are written, so that an int can be told from a number.
func parse(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return v, nil
}

// object checks arguments or data, where nothing at all stands for an empty object.
func (c *checker) object(path, typ string, raw []byte) {
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	v, err := parse(raw)
	if err != nil {
		c.say(path, "%v", err)
		return
	}
	c.value(path, c.schema.entities[typ], v)
}

func (c *checker) value(path string, e *Entity, v any) {
	switch e.Meta {
	case MetaBuiltin:
		if !builtin(e.JSON, v) {
			c.say(path, "%s where %s belongs", kind(v), e.JSON)
		}
	case MetaEnum:
		if w, ok := v.(string); !ok || !slices.Contains(e.Values, w) {
			c.say(path, "%v is none of %s", v, strings.Join(e.Values, ", "))
		}
	case MetaArray:
		c.array(path, e, v)
	case MetaAlternate:
		c.alternate(path, e, v)
	case MetaObject:
		m, ok := v.(map[string]any)
		if !ok {
			c.say(path, "%s where an object belongs", kind(v))
			return
		}
		c.members(path, e, m)
	default:
		c.say(path, "%s is no type", e.Name)
	}
}

func (c *checker) array(path string, e *Entity, v any) {
	list, ok := v.([]any)
	if !ok {
		c.say(path, "%s where an array belongs", kind(v))
		return
	}
	for i, item := range list {
		c.value(fmt.Sprintf("%s[%d]", path, i), c.schema.entities[e.Element], item)
	}
}

// alternate takes the form of the value's kind, as QEMU does.
func (c *checker) alternate(path string, e *Entity, v any) {
	for _, m := range e.Members {
		if form := c.schema.entities[m.Type]; form.fits(v) {
			c.value(path, form, v)
			return
		}
	}
	c.say(path, "%s fits none of its forms", kind(v))
}

// fits reports whether v is of the kind of JSON that e describes.
func (e *Entity) fits(v any) bool {
	switch e.Meta {
	case MetaEnum:
		return kind(v) == "string"
	case MetaArray, MetaObject:
		return kind(v) == e.Meta
	}
	return builtin(e.JSON, v)
}

func (c *checker) members(path string, e *Entity, v map[string]any) {
	known := map[string]bool{}
	open := c.open
	c.open = false
	for _, m := range c.schema.MembersFor(e, v) {
		known[m.Name] = true
		item, there := v[m.Name]
		switch {
		case there:
			c.value(path+"."+m.Name, c.schema.entities[m.Type], item)
		case !m.Optional():
			c.say(path, "%s is missing", m.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if !known[name] && !open {
			c.say(path, "%s is unknown", name)
		}
	}
}

// MembersFor returns the members of an object whose tag has the value it has in v: its own, and those
// of the variant. A variant may have variants itself.
func (s *Schema) MembersFor(e *Entity, v map[string]any) []Member {
	all := slices.Clone(e.Members)
	tag, _ := v[e.Tag].(string)
	for _, variant := range e.Variants {
		if variant.Case == tag {
			all = append(all, s.MembersFor(s.entities[variant.Type], v)...)
		}
	}
	return all
}

func builtin(json string, v any) bool {
	if json == "value" {
		return true
	}
	k := kind(v)
	return k == json || json == "number" && k == "int"
}

func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "number"
		}
		return "int"
	}
	return fmt.Sprintf("%T", v)
}
