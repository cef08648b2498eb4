package feature

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// Edited is d with the edits of a way made. d itself stays as it is.
func Edited(d Declaration, w finding.Way) (Declaration, error) {
	d = d.clone()
	for _, e := range w {
		if err := d.edit(e); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (d Declaration) clone() Declaration {
	if d.EnabledFeatures != nil {
		l := slices.Clone(*d.EnabledFeatures)
		d.EnabledFeatures = &l
	}
	d.ExtraFeatures, d.DisabledFeatures = slices.Clone(d.ExtraFeatures), slices.Clone(d.DisabledFeatures)
	d.AcknowledgedRisks, d.ConflictScope = maps.Clone(d.AcknowledgedRisks), maps.Clone(d.ConflictScope)
	for k, v := range d.ConflictScope {
		d.ConflictScope[k] = maps.Clone(v)
	}
	return d
}

func (d *Declaration) edit(e finding.Edit) error {
	option, keys, ok := split(e.Path)
	done := ok
	switch {
	case !ok:
	case len(keys) == 0 && (option == optEnabled || option == optExtra || option == optDisabled):
		done = d.editList(option, e)
	case len(keys) == 0 && (option == optProfile || option == optTolerance):
		done = d.editWord(option, e)
	case option == optRisks:
		done = editMap(&d.AcknowledgedRisks, keys, e, said)
	case option == optScope:
		done = d.editScope(keys, e)
	default:
		done = false
	}
	if !done {
		return fault.New(fault.Invalid, "an edit that is none of %s's: %s %s", section, e.Op, e.Path)
	}
	return nil
}

// split takes a path below section apart; keys may stand in quotes.
func split(path string) (option string, keys []string, ok bool) {
	rest, ok := strings.CutPrefix(path, section+".")
	for first := true; ok && rest != ""; first = false {
		var key string
		if rest[0] == '"' {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return "", nil, false
			}
			if key, err = strconv.Unquote(quoted); err != nil {
				return "", nil, false
			}
			rest = strings.TrimPrefix(rest[len(quoted):], ".")
		} else {
			key, rest, _ = strings.Cut(rest, ".")
		}
		if first {
			option = key
		} else {
			keys = append(keys, key)
		}
	}
	return option, keys, ok && option != ""
}

func (d *Declaration) editWord(option string, e finding.Edit) bool {
	word := &d.Profile
	if option == optTolerance {
		word = &d.RiskTolerance
	}
	switch e.Op {
	case finding.Set:
		*word = e.Value
	case finding.Unset:
		*word = ""
	case finding.Add, finding.Remove, finding.Replace:
		return false
	}
	return true
}

func (d *Declaration) editList(option string, e finding.Edit) bool {
	l := &d.ExtraFeatures
	switch option {
	case optDisabled:
		l = &d.DisabledFeatures
	case optEnabled:
		if e.Op == finding.Unset {
			d.EnabledFeatures = nil
			return true
		}
		if d.EnabledFeatures == nil {
			d.EnabledFeatures = new([]string)
		}
		l = d.EnabledFeatures
	}
	switch e.Op {
	case finding.Add:
		if !slices.Contains(*l, e.Value) {
			*l = append(*l, e.Value)
		}
	case finding.Remove:
		*l = slices.DeleteFunc(*l, func(n string) bool { return n == e.Value })
	case finding.Replace:
		for i, n := range *l {
			if n == e.Value {
				(*l)[i] = e.By
			}
		}
	case finding.Unset:
		*l = nil
	case finding.Set:
		return false
	}
	return true
}

func (d *Declaration) editScope(keys []string, e finding.Edit) bool {
	if len(keys) == 0 {
		return editMap(&d.ConflictScope, keys, e, merged)
	}
	inner := d.ConflictScope[keys[0]]
	if !editMap(&inner, keys[1:], e, said) {
		return false
	}
	if d.ConflictScope == nil {
		d.ConflictScope = map[string]map[string]string{}
	}
	d.ConflictScope[keys[0]] = inner
	if len(inner) == 0 {
		delete(d.ConflictScope, keys[0])
	}
	return true
}

// editMap edits a map as a whole (no keys) or one value in it.
// Where a key is renamed to one that is there, keep says what becomes of the two values.
func editMap[V any](m *map[string]V, keys []string, e finding.Edit, keep func(older, newer V) V) bool {
	if *m == nil {
		*m = map[string]V{}
	}
	switch {
	case len(keys) > 1:
		return false
	case len(keys) == 1 && e.Op == finding.Set:
		text, ok := any(*m).(map[string]string)
		if ok {
			text[keys[0]] = e.Value
		}
		return ok
	case len(keys) == 1 && e.Op == finding.Unset:
		delete(*m, keys[0])
	case len(keys) == 1:
		return false
	case e.Op == finding.Remove:
		delete(*m, e.Value)
	case e.Op == finding.Unset:
		*m = nil
	case e.Op == finding.Replace:
		rename(*m, e.Value, e.By, keep)
	default:
		return false
	}
	return true
}

func rename[V any](m map[string]V, name, by string, keep func(older, newer V) V) {
	older, ok := m[name]
	if !ok {
		return
	}
	delete(m, name)
	if newer, there := m[by]; there {
		older = keep(older, newer)
	}
	m[by] = older
}

// said keeps the newer of two texts that says something.
func said(older, newer string) string {
	if strings.TrimSpace(newer) == "" {
		return older
	}
	return newer
}

// merged keeps what both say, and of what both say the newer.
func merged(older, newer map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, older)
	maps.Copy(out, newer)
	return out
}
