package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// ChangeKind says what became of a path.
type ChangeKind string

// The kinds.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Changed ChangeKind = "changed"
)

// Change is one difference between two declarations. A thing that is there as a whole in one of
// them only (a VM, a disk) is one change, with the thing as its value.
type Change struct {
	Path string     `json:"path"` // hypervisor.vms.web.memory
	Kind ChangeKind `json:"kind"`
	Old  any        `json:"old,omitempty"` // as the declaration's Go type has it; absent when added
	New  any        `json:"new,omitempty"` // absent when removed
}

// String is the change in one line: `~ hypervisor.vms.web.memory: 1GiB → 2GiB`.
func (c Change) String() string {
	switch c.Kind {
	case Added:
		return "+ " + c.Path + " = " + display(c.New)
	case Removed:
		return "- " + c.Path + " = " + display(c.Old)
	case Changed:
	}
	return "~ " + c.Path + ": " + display(c.Old) + " → " + display(c.New)
}

func display(v any) string {
	if s, ok := v.(fmt.Stringer); ok {
		return s.String()
	}
	out, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(out)
}

// Diff returns what changes from before to after, sorted by path. Lists are compared as sets, item
// by item: the order of features means nothing. Where things stand in a file is no difference.
func Diff(before, after Declaration) []Change {
	var d differ
	d.compare(theShape(), "", reflect.ValueOf(before.document()), reflect.ValueOf(after.document()))
	slices.SortStableFunc(d.found, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return d.found
}

type differ struct{ found []Change }

func (d *differ) added(path string, after reflect.Value) {
	d.found = append(d.found, Change{Path: path, Kind: Added, New: after.Interface()})
}

func (d *differ) removed(path string, before reflect.Value) {
	d.found = append(d.found, Change{Path: path, Kind: Removed, Old: before.Interface()})
}

// scalar compares values of which the zero one means absent.
func (d *differ) scalar(path string, before, after reflect.Value, absentIsZero bool) {
	switch {
	case before.Equal(after):
	case absentIsZero && before.IsZero():
		d.added(path, after)
	case absentIsZero && after.IsZero():
		d.removed(path, before)
	default:
		d.found = append(d.found, Change{Path: path, Kind: Changed, Old: before.Interface(), New: after.Interface()})
	}
}

func (d *differ) compare(s *shape, path string, before, after reflect.Value) {
	absentIsZero := before.Kind() != reflect.Pointer
	if !absentIsZero {
		switch {
		case before.IsNil() && after.IsNil():
			return
		case before.IsNil():
			d.added(path, after.Elem())
			return
		case after.IsNil():
			d.removed(path, before.Elem())
			return
		}
		before, after = before.Elem(), after.Elem()
	}
	switch s.form {
	case formObject:
		for _, f := range s.fields {
			d.compare(f.shape, join(path, f.name), before.FieldByIndex(f.index), after.FieldByIndex(f.index))
		}
	case formMap:
		d.maps(s, path, before, after)
	case formList:
		d.lists(path, before, after)
	case formText, formWhole, formFlag, formSize:
		d.scalar(path, before, after, absentIsZero)
	}
}

func (d *differ) maps(s *shape, path string, before, after reflect.Value) {
	names := map[string]bool{}
	for _, m := range []reflect.Value{before, after} {
		for _, k := range m.MapKeys() {
			names[k.String()] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		key := reflect.ValueOf(name).Convert(before.Type().Key())
		a, b := before.MapIndex(key), after.MapIndex(key)
		if a.IsValid() && b.IsValid() {
			d.compare(s.elem, keyPath(path, name), a, b)
		} else if a.IsValid() {
			d.removed(keyPath(path, name), a)
		} else {
			d.added(keyPath(path, name), b)
		}
	}
}

// lists compares as sets.
func (d *differ) lists(path string, before, after reflect.Value) {
	for _, v := range missing(before, after) {
		d.found = append(d.found, Change{Path: path, Kind: Removed, Old: v})
	}
	for _, v := range missing(after, before) {
		d.found = append(d.found, Change{Path: path, Kind: Added, New: v})
	}
}

// missing returns the items of list that other has not, each once.
func missing(list, other reflect.Value) []any {
	seen := map[any]bool{}
	for i := range other.Len() {
		seen[other.Index(i).Interface()] = true
	}
	var out []any
	for i := range list.Len() {
		if v := list.Index(i).Interface(); !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}
