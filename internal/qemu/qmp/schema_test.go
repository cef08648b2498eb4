package qmp

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp/schema"
)

// versions are the oldest and the newest QEMU that this product is held to.
var versions = []string{"7.2", "10.0"}

func recorded(t *testing.T, version string) *schema.Schema {
	t.Helper()
	f, err := os.Open("schema/testdata/qemu-" + version + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s, err := schema.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryCommandIsAsTheRecordedQEMUsHaveIt(t *testing.T) {
	if len(defined) < 30 {
		t.Fatalf("only %d commands are defined", len(defined))
	}
	for _, version := range versions {
		m := matcher{t, recorded(t, version)}
		for _, d := range defined {
			t.Run(version+" "+d.name, func(t *testing.T) {
				m.t = t
				command := m.s.Command(d.name)
				if command == nil {
					t.Fatal("no such command")
				}
				m.sent(d.name, command.Args, reflect.TypeOf(d.args))
				m.received(d.name, command.Return, reflect.TypeOf(d.answer))
			})
		}
	}
}

func TestEveryEventIsAsTheRecordedQEMUsHaveIt(t *testing.T) {
	for _, version := range versions {
		m := matcher{t, recorded(t, version)}
		for name, data := range eventData {
			t.Run(version+" "+name, func(t *testing.T) {
				m.t = t
				event := m.s.Event(name)
				switch {
				case event == nil:
					t.Fatal("no such event")
				case data != nil:
					m.received(name, event.Args, reflect.TypeOf(data))
				case len(m.s.Entity(event.Args).Members) > 0:
					t.Error("it has data")
				}
			})
		}
	}
}

func TestEveryEventWeNameIsChecked(t *testing.T) {
	for _, name := range constants(t, "event.go", "Event") {
		if _, ok := eventData[name]; !ok {
			t.Errorf("event %s is in no test", name)
		}
	}
}

func TestStatesAndCausesAreThoseOfTheRecordedQEMUs(t *testing.T) {
	for _, version := range versions {
		s := recorded(t, version)
		for _, c := range []struct{ file, prefix, object, member string }{
			{"control.go", "State", s.Command("query-status").Return, "status"},
			{"event.go", "Cause", s.Event("SHUTDOWN").Args, "reason"},
			{"job.go", "Job", s.Event("JOB_STATUS_CHANGE").Args, "status"},
		} {
			i := slices.IndexFunc(s.Entity(c.object).Members, func(m schema.Member) bool { return m.Name == c.member })
			have := slices.Sorted(slices.Values(s.Entity(s.Entity(c.object).Members[i].Type).Values))
			want := slices.Sorted(slices.Values(constants(t, c.file, c.prefix)))
			if !slices.Equal(have, want) {
				t.Errorf("%s: constants %s*\n%v, QEMU has\n%v", version, c.prefix, want, have)
			}
		}
	}
}

// constants returns the values of the string constants of a file whose names begin with prefix.
func constants(t *testing.T, file, prefix string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, prefix) && len(v.Values) == 1 {
			if lit, ok := v.Values[0].(*ast.BasicLit); ok {
				value, _ := strconv.Unquote(lit.Value)
				found[value] = true
			}
		}
		return true
	})
	if len(found) == 0 {
		t.Fatalf("no constants %s* in %s", prefix, file)
	}
	return slices.Collect(maps.Keys(found))
}

// matcher holds Go types against a schema.
type matcher struct {
	t *testing.T
	s *schema.Schema
}

var rawType = reflect.TypeFor[json.RawMessage]()

// sent: QEMU knows every member that we may send, and gets every one that it insists on.
func (m matcher) sent(path, typ string, g reflect.Type) {
	if g == nil { // an Object: its builder is tested with schema.CheckArguments
		return
	}
	members := m.s.Entity(typ).Members
	fields := fields(g)
	for name, f := range fields {
		i := slices.IndexFunc(members, func(s schema.Member) bool { return s.Name == name })
		if i < 0 {
			m.t.Errorf("%s: QEMU knows no argument %s", path, name)
			continue
		}
		if !f.always && !members[i].Optional() {
			m.t.Errorf("%s: argument %s may be left out, and QEMU insists on it", path, name)
		}
		m.kind(path+"."+name, members[i].Type, f.typ, m.sent)
	}
	for _, s := range members {
		if _, ok := fields[s.Name]; !ok && !s.Optional() {
			m.t.Errorf("%s: QEMU insists on argument %s", path, s.Name)
		}
	}
}

// received: QEMU may send every member that we read, and always sends those without omitempty.
func (m matcher) received(path, typ string, g reflect.Type) {
	e := m.s.Entity(typ)
	if g == rawType || g == reflect.TypeFor[none]() {
		return
	}
	if g.Kind() == reflect.Slice {
		m.kind(path, typ, g, m.received)
		return
	}
	for name, f := range fields(g) {
		i := slices.IndexFunc(e.Members, func(s schema.Member) bool { return s.Name == name })
		if i < 0 {
			m.t.Errorf("%s: QEMU sends no %s", path, name)
			continue
		}
		if f.always && e.Members[i].Optional() {
			m.t.Errorf("%s: QEMU may leave out %s", path, name)
		}
		m.kind(path+"."+name, e.Members[i].Type, f.typ, m.received)
	}
}

// kind compares one value's type, and goes on with next below it.
func (m matcher) kind(path, typ string, g reflect.Type, next func(string, string, reflect.Type)) {
	e := m.s.Entity(typ)
	if g.Kind() == reflect.Pointer {
		g = g.Elem()
	}
	switch {
	case g == rawType:
	case g.Kind() == reflect.Slice && e.Meta == schema.MetaArray:
		m.kind(path+"[]", e.Element, g.Elem(), next)
	case g.Kind() == reflect.Struct && e.Meta == schema.MetaObject:
		next(path, typ, g)
	case e.JSON == "int" && (g.Kind() == reflect.Int || g.Kind() == reflect.Int64):
	case g.Kind() != goKind(e):
		m.t.Errorf("%s: %s where QEMU has %s %s", path, g, e.Meta, e.JSON)
	}
}

func goKind(e *schema.Entity) reflect.Kind {
	switch {
	case e.Meta == schema.MetaEnum || e.JSON == "string":
		return reflect.String
	case e.JSON == "boolean":
		return reflect.Bool
	}
	return reflect.Invalid
}

type field struct {
	typ    reflect.Type
	always bool // without omitempty
}

func fields(g reflect.Type) map[string]field {
	out := map[string]field{}
	for i := range g.NumField() {
		f := g.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			panic(fmt.Sprintf("%s.%s has no json tag", g, f.Name))
		}
		out[name] = field{f.Type, options != "omitempty"}
	}
	return out
}
