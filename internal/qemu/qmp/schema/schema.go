// Package schema reads what a QEMU says it can do: the answer of query-qmp-schema.
//
// What lives here: the schema as a value, and checks of JSON against it. What does not: asking for it
// (package qmp), and what a missing command means for a VM (host/probe, rule). Recordings of real
// QEMUs are in testdata; tests hold every command of package qmp, and whoever builds arguments for
// -blockdev, -netdev or a command, against them.
//
// Source: qapi/introspect.json. Names of types are masked there (numbers), names of commands, events
// and members are not.
package schema

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// maxBytes bounds a schema, unpacked; QEMU 10.0 has 0.25 MiB.
const maxBytes = 16 << 20

// Meta-types of an Entity.
const (
	MetaBuiltin   = "builtin"
	MetaEnum      = "enum"
	MetaArray     = "array"
	MetaObject    = "object"
	MetaAlternate = "alternate"
	MetaCommand   = "command"
	MetaEvent     = "event"
)

// Entity is a command, an event or a type; which fields count depends on Meta.
type Entity struct {
	Name     string    `json:"name"`
	Meta     string    `json:"meta-type"`
	JSON     string    `json:"json-type"`    // builtin: "string", "int", "number", "boolean", "null", "value"
	Values   []string  `json:"values"`       // enum
	Element  string    `json:"element-type"` // array
	Members  []Member  `json:"members"`      // object; alternate (only Type counts)
	Tag      string    `json:"tag"`          // object with variants: the member that chooses
	Variants []Variant `json:"variants"`     // object
	Args     string    `json:"arg-type"`     // command, event
	Return   string    `json:"ret-type"`     // command
	OOB      bool      `json:"allow-oob"`    // command
	Features []string  `json:"features"`
}

// Member is a member of an object.
type Member struct {
	Name    string          `json:"name"`
	Type    string          `json:"type"`
	Default json.RawMessage `json:"default"` // there, as null, if the member is optional
}

// Optional reports whether the member may be left out.
func (m Member) Optional() bool { return m.Default != nil }

// Variant adds the members of Type when the tag is Case.
type Variant struct {
	Case string `json:"case"`
	Type string `json:"type"`
}

// Schema is everything one QEMU can do.
type Schema struct {
	// Version of the QEMU, where the recording has it: "7.2.22".
	Version string

	entities map[string]*Entity
}

// Read reads a schema: the array that QEMU answers, or a recording of it ({"version", "schema"}),
// gzipped or not. The error is of kind Unreadable.
func Read(r io.Reader) (*Schema, error) {
	raw, err := unpack(r)
	if err != nil {
		return nil, unreadable(err)
	}
	var recorded struct {
		Version string    `json:"version"`
		Schema  []*Entity `json:"schema"`
	}
	if err := json.Unmarshal(raw, &recorded.Schema); err != nil {
		if err := json.Unmarshal(raw, &recorded); err != nil {
			return nil, unreadable(err)
		}
	}
	return index(recorded.Version, recorded.Schema)
}

func unreadable(err error) error {
	return fault.New(fault.Unreadable, "this is not a QMP schema").Because(err)
}

func unpack(r io.Reader) ([]byte, error) {
	b := bufio.NewReader(r)
	r = b
	if magic, _ := b.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		r = z
	}
	return io.ReadAll(io.LimitReader(r, maxBytes))
}

// index refuses a schema that breaks the rules of QAPI, so that lookups cannot fail and checks cannot
// run in circles later.
func index(version string, all []*Entity) (*Schema, error) {
	s := &Schema{Version: version, entities: make(map[string]*Entity, len(all))}
	for _, e := range all {
		if e == nil {
			return nil, unreadable(errors.New("an entity is null"))
		}
		s.entities[e.Name] = e
	}
	if len(all) == 0 {
		return nil, unreadable(errors.New("it is empty"))
	}
	for _, e := range all {
		for _, r := range e.refers() {
			to := s.entities[r.name]
			if to == nil || !slices.Contains(r.metas, to.Meta) {
				return nil, unreadable(fmt.Errorf("%q refers to %q, which is no %s", e.Name, r.name, strings.Join(r.metas, " or ")))
			}
		}
	}
	for _, e := range all {
		if !s.ends(e, maxVariants) {
			return nil, unreadable(fmt.Errorf("the variants of %q have no end", e.Name))
		}
	}
	return s, nil
}

// maxVariants is how deep variants may have variants; QEMU needs 2.
const maxVariants = 8

func (s *Schema) ends(e *Entity, depth int) bool {
	for i, v := range e.Variants {
		again := slices.ContainsFunc(e.Variants[:i], func(o Variant) bool { return o.Case == v.Case })
		if depth == 0 || again || !s.ends(s.entities[v.Type], depth-1) {
			return false
		}
	}
	return true
}

// reference is a name, and what may bear it.
type reference struct {
	name  string
	metas []string
}

var (
	anyType  = []string{MetaBuiltin, MetaEnum, MetaArray, MetaObject, MetaAlternate}
	oneKind  = []string{MetaBuiltin, MetaEnum, MetaArray, MetaObject}
	anObject = []string{MetaObject}
)

func (e *Entity) refers() []reference {
	var all []reference
	switch e.Meta {
	case MetaCommand:
		all = append(all, reference{e.Args, anObject}, reference{e.Return, anyType})
	case MetaEvent:
		all = append(all, reference{e.Args, anObject})
	case MetaArray:
		all = append(all, reference{e.Element, anyType})
	case MetaAlternate:
		for _, m := range e.Members {
			all = append(all, reference{m.Type, oneKind})
		}
	case MetaObject:
		for _, m := range e.Members {
			all = append(all, reference{m.Type, anyType})
		}
	}
	for _, v := range e.Variants {
		all = append(all, reference{v.Type, anObject})
	}
	return all
}

// Entity returns the command, event or type of that name, nil if there is none.
func (s *Schema) Entity(name string) *Entity { return s.entities[name] }

// Command returns the command of that name, nil if this QEMU has none.
func (s *Schema) Command(name string) *Entity { return s.of(MetaCommand, name) }

// Event returns the event of that name, nil if this QEMU has none.
func (s *Schema) Event(name string) *Entity { return s.of(MetaEvent, name) }

func (s *Schema) of(meta, name string) *Entity {
	if e := s.entities[name]; e != nil && e.Meta == meta {
		return e
	}
	return nil
}

// Count returns how many commands, events and types there are.
func (s *Schema) Count() (commands, events, types int) {
	for _, e := range s.entities {
		switch e.Meta {
		case MetaCommand:
			commands++
		case MetaEvent:
			events++
		default:
			types++
		}
	}
	return commands, events, types
}
