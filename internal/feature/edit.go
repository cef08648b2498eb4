package feature

import (
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// step is one thing to do: an edit of the declaration, or, where op is empty, something outside of it
// that text names. Steps can be compared.
type step struct {
	op     finding.Op
	option string // below section
	name   string // the entry of a list, the key of a map, the new value
	by     string // replace: what it becomes
	text   string // said instead of the edit, or beside it where note is set
	note   bool
}

// way is steps that are done together; ways are ways out of one thing, each by itself.
type (
	way  []step
	ways []way
)

func set(option, value string) step   { return step{op: finding.Set, option: option, name: value} }
func add(option, name string) step    { return step{op: finding.Add, option: option, name: name} }
func remove(option, name string) step { return step{op: finding.Remove, option: option, name: name} }
func unset(option string) step        { return step{op: finding.Unset, option: option} }
func do(text string) step             { return step{text: text} }

// replace writes another name for an entry of a list, or for a key of a map.
func replace(option, name, by string) step {
	return step{op: finding.Replace, option: option, name: name, by: by}
}

func acknowledge(id catalogue.ID) step {
	return set(optRisks+"."+string(id), "why it is worth it")
}

func (s step) noted(note string) step {
	s.text, s.note = note, true
	return s
}

// both combines two things that have to be done: each way of the one with each way of the other.
func (w ways) both(more ways) ways {
	if len(w) == 0 || len(more) == 0 {
		return append(w, more...)
	}
	var out ways
	for _, a := range w {
		for _, b := range more {
			out = append(out, slices.Concat(a, b))
		}
	}
	return out
}

// mended gives f its remedy: lead, and then each way in words. The ways that are edits alone are given to
// programs too.
func mended(f finding.Finding, lead string, all ...way) finding.Finding {
	all = told(all)
	var b strings.Builder
	b.Grow(64 + 112*len(all))
	b.WriteString(lead)
	for i, w := range all {
		if i > 0 {
			b.WriteString("; or ")
		}
		w.write(&b)
	}
	f.Remedy = b.String()
	f.Ways = edits(all)
	return f
}

// mendable gives f a remedy in words of its own, and ways that only programs are told.
func mendable(f finding.Finding, remedy string, all ...way) finding.Finding {
	f.Remedy, f.Ways = remedy, edits(told(all))
	return f
}

// told leaves out what is there twice: steps of a way, and ways.
func told(all []way) []way {
	out := make([]way, 0, len(all))
	for _, w := range all {
		for i := 1; i < len(w); i++ {
			if slices.Contains(w[:i], w[i]) {
				w = slices.Delete(slices.Clone(w), i, i+1)
				i--
			}
		}
		if len(w) > 0 && !slices.ContainsFunc(out, func(o way) bool { return slices.Equal(o, w) }) {
			out = append(out, w)
		}
	}
	return out
}

// edits is the ways that need nothing but edits.
func edits(all []way) []finding.Way {
	n := 0
	for _, w := range all {
		n += len(w)
	}
	flat, out := make([]finding.Edit, 0, n), make([]finding.Way, 0, len(all))
	for _, w := range all {
		from := len(flat)
		for _, s := range w {
			if s.op == "" {
				flat = flat[:from]
				break
			}
			flat = append(flat, finding.Edit{Op: s.op, Path: pathOf(s.option), Value: s.name, By: s.by})
		}
		if len(flat) > from {
			out = append(out, finding.Way(flat[from:len(flat):len(flat)]))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// The paths of the options that most edits name, so that none is written anew for each.
var optionPaths = map[string]string{
	optProfile: section + "." + optProfile, optTolerance: section + "." + optTolerance, optEnabled: section + "." + optEnabled,
	optExtra: section + "." + optExtra, optDisabled: section + "." + optDisabled, optScope: section + "." + optScope, optRisks: section + "." + optRisks,
}

func pathOf(option string) string {
	if p, ok := optionPaths[option]; ok {
		return p
	}
	return section + "." + option
}

func (w way) write(b *strings.Builder) {
	for i, s := range w {
		if i > 0 {
			b.WriteString(" and ")
		}
		s.write(b)
	}
}

func (s step) write(b *strings.Builder) {
	say := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
	}
	path := func() { say(section, ".", s.option) }
	switch s.op {
	case "":
		say(s.text)
		return
	case finding.Set:
		say("set ")
		path()
		say(" = ", catalogue.Quote(s.name))
	case finding.Unset:
		say("remove ")
		path()
	case finding.Add:
		say("add ", catalogue.Quote(s.name), " to ")
		path()
	case finding.Remove:
		say("remove ", catalogue.Quote(s.name), " from ")
		path()
	case finding.Replace:
		say("replace ", catalogue.Quote(s.name), " with ", catalogue.Quote(s.by), " in ")
		path()
	}
	if s.note {
		say(" (", s.text, ")")
	}
}

// sentence is names as a sentence has them: "a, b and c".
func sentence(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func texts[T ~string](ids []T) []string {
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		names = append(names, string(id))
	}
	return names
}

// sortedKeys is m's keys in an order that does not depend on the run.
func sortedKeys[K ~string, V any](m map[K]V) []K {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}
