package feature

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// Use is one way in which an object of the host uses a feature. Whoever builds a feature that objects use adds a row to
// the table below, and no gate of his own: what a VM's spec may not have while a feature is off is refused by this table,
// at check and at start (Withheld), and the same row keeps the feature from being turned off under the VM.
type Use struct {
	Kind    string       // of the object: vm, volume, operation
	Path    string       // in its spec, in the API's words; * is every element of a list or a map
	Is      string       // the value that uses the feature; empty: any but false, zero and empty
	Feature catalogue.ID //
	Code    string       // with which a spec is refused while the feature is off; empty for what is no spec, such as an operation
	With    string       // what the object has from it
	Without string       // what becomes of that without the feature
}

var uses = []Use{
	{Kind: "vm", Path: "nestedVirtualization", Feature: catalogue.NestedVirtualization, Code: "HV-VM-042",
		With: "its guest may run VMs", Without: "its guest can run no VMs, and it cannot start until nestedVirtualization is off in it"},
	{Kind: "vm", Path: "snapshots", Feature: catalogue.Snapshots, Code: "HV-SNAP-033",
		With: "snapshots of it are taken by themselves", Without: "none are taken any more; those that there are stay"},
}

// Uses returns the table.
func Uses() []Use { return slices.Clone(uses) }

// Object is a thing of the host that may use features: its spec is the API's.
type Object struct {
	Kind string
	Name string
	Spec json.RawMessage
}

// Ref names the object in a finding.
func (o Object) Ref() string { return o.Kind + "/" + o.Name }

// User is an object that uses a feature, and where in its spec that stands.
type User struct {
	Object string       `json:"object"` // vm/web
	At     string       `json:"at"`     // nestedVirtualization, disks.root.encrypted
	ID     catalogue.ID `json:"feature"`
	With   string       `json:"with"`
	Lost   string       `json:"without"`
	code   string
}

// UsersOf returns which of the objects use which features, in the objects' order. A spec that cannot be read uses
// nothing.
func UsersOf(objects []Object) []User { return usersOf(uses, objects) }

func usersOf(table []Use, objects []Object) []User {
	var out []User
	for _, o := range objects {
		var spec any
		if json.Unmarshal(o.Spec, &spec) != nil {
			continue
		}
		for _, u := range table {
			if u.Kind != o.Kind {
				continue
			}
			for _, at := range found(spec, strings.Split(u.Path, "."), nil, u.Is) {
				out = append(out, User{o.Ref(), at, u.Feature, u.With, u.Without, u.Code})
			}
		}
	}
	return out
}

// Withheld refuses what an object's spec has of features that are off, each with its path below the spec.
func (r Resolution) Withheld(o Object) finding.List { return r.withheld(uses, o) }

func (r Resolution) withheld(table []Use, o Object) (out finding.List) {
	for _, u := range usersOf(table, []Object{o}) {
		off, is := r.WhyOff(string(u.ID))
		if !is || u.code == "" {
			continue
		}
		out = append(out, finding.Finding{
			Code: u.code, Severity: finding.Refused, Subject: []string{u.Object, string(u.ID)}, Path: u.At,
			What: u.With + " only with feature " + string(u.ID) + ", which is off", Why: off.What + " (" + off.Code + ")",
			Remedy: off.Remedy, Ways: off.Ways, Source: "reading the matrix: decision 4",
		})
	}
	return out
}

// found returns the paths at which a value stands that uses the feature, sorted.
func found(v any, path, at []string, is string) []string {
	if len(path) == 0 {
		if uses := is == "" && !zero(v) || is != "" && v == is; !uses {
			return nil
		}
		return []string{strings.Join(at, ".")}
	}
	var out []string
	into := func(key string, v any) {
		out = append(out, found(v, path[1:], append(at[:len(at):len(at)], key), is)...)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range sortedKeys(v) {
			if path[0] == "*" || path[0] == key {
				into(key, v[key])
			}
		}
	case []any:
		for i, e := range v {
			if path[0] == "*" {
				into(strconv.Itoa(i), e)
			}
		}
	}
	return out
}

// zero reports whether a JSON value says no.
func zero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case float64:
		return v == 0
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// MayBeUsed reports whether a feature goes off, from before to after, that objects may use: whether it is worth to look at
// the objects.
func MayBeUsed(before, after Resolution) bool {
	return slices.ContainsFunc(uses, func(u Use) bool {
		_, was := before.Lookup(u.Feature)
		_, is := after.Lookup(u.Feature)
		return was && !is
	})
}

// StillUsed refuses to turn off what objects use, with all of its users: each feature that is effective in before and
// not in after, and that some of the users use.
func StillUsed(before, after Resolution, users []User) finding.List {
	var out finding.List
	for _, e := range before.Effective {
		if _, still := after.Lookup(e.ID); still {
			continue
		}
		var names []string
		with := ""
		for _, u := range users {
			if u.ID == e.ID && !slices.Contains(names, u.Object) {
				names, with = append(names, u.Object), u.Lost
			}
		}
		if len(names) == 0 {
			continue
		}
		slices.Sort(names)
		f := finding.Finding{
			Code: codeStillUsed, Severity: finding.Refused, Path: section, Subject: append([]string{string(e.ID)}, names...),
			What: string(e.ID) + " cannot be off: " + sentence(names) + " use" + singular(names) + " it", Why: "without it: " + with,
			Source: "reading the matrix: decision 4",
		}
		way := TurnOn(after.Declaration, e.ID)
		f.Remedy = Worded(way) + "; or take it out of " + sentence(names) + " first"
		if len(way) > 0 {
			f.Ways = []finding.Way{way}
		}
		out = append(out, f)
	}
	return out
}

func singular(names []string) string {
	if len(names) == 1 {
		return "s"
	}
	return ""
}

// Worded is edits as a sentence has them.
func Worded(w finding.Way) string {
	var b strings.Builder
	way(w).write(&b)
	return b.String()
}
