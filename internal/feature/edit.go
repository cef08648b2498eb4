package feature

import (
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// step is one thing to do: an edit of the declaration or, without an operation, something outside of it that Value names
// (where By is aside: a remark on the step before it).
type step = finding.Edit

const aside = "aside"

// way is steps that are done together; ways are ways out of one thing, each by itself.
type (
	way  []step
	ways []way
)

func set(option, value string) step {
	return step{Op: finding.Set, Path: pathOf(option), Value: value}
}

func add(option, name string) step {
	return step{Op: finding.Add, Path: pathOf(option), Value: name}
}

func remove(option, name string) step {
	return step{Op: finding.Remove, Path: pathOf(option), Value: name}
}

// replace writes another name for an entry of a list, or for a key of a map.
func replace(option, name, by string) step {
	return step{Op: finding.Replace, Path: pathOf(option), Value: name, By: by}
}

func unset(option string) step { return step{Op: finding.Unset, Path: pathOf(option)} }

func do(text string) step { return step{Value: text} }

func remark(text string) step { return step{Value: text, By: aside} }

func (w *wish) acknowledge(place int) step {
	return step{Op: finding.Set, Path: w.join(section+"."+optRisks+".", string(w.cat.At(place).ID)), Value: "why it is worth it"}
}

// pathOf is the path of an option; those that most edits name are not written anew for each.
func pathOf(option string) string {
	switch option {
	case optProfile:
		return section + "." + optProfile
	case optTolerance:
		return section + "." + optTolerance
	case optEnabled:
		return section + "." + optEnabled
	case optExtra:
		return section + "." + optExtra
	case optDisabled:
		return section + "." + optDisabled
	case optScope:
		return section + "." + optScope
	case optRisks:
		return section + "." + optRisks
	}
	return section + "." + option
}

// and is w and more, done together; what is in both is done once.
func (w way) and(more way) way {
	out := slices.Clone(w)
	for _, s := range more {
		if !slices.Contains(w, s) {
			out = append(out, s)
		}
	}
	return out
}

// both combines two things that have to be done: each way of the one with each way of the other.
func (w ways) both(more ways) ways {
	if len(w) == 0 || len(more) == 0 {
		return append(w, more...)
	}
	var out ways
	for _, a := range w {
		for _, b := range more {
			out = append(out, a.and(b))
		}
	}
	return out
}

// edits is w where it needs nothing but edits, without remarks; nil otherwise.
func (w way) edits() finding.Way {
	remarks := 0
	for _, s := range w {
		switch {
		case s.Op != "":
		case s.By == aside:
			remarks++
		default:
			return nil
		}
	}
	if remarks == 0 {
		return finding.Way(w)
	}
	return finding.Way(slices.DeleteFunc(slices.Clone(w), func(s step) bool { return s.Op == "" }))
}

// repeats reports whether w is nothing to do, or one of before.
func repeats(before []way, w way) bool {
	return len(w) == 0 || slices.ContainsFunc(before, func(b way) bool { return slices.Equal(b, w) })
}

// mended gives f its remedy: lead, and then each way in words. The ways that are edits alone are given to programs too.
func (r *room) mended(f finding.Finding, lead string, all ...way) finding.Finding {
	b := r.begin(len(lead) + length(all...))
	b.WriteString(lead)
	first := b.Len()
	for i, w := range all {
		if repeats(all[:i], w) {
			continue
		}
		if b.Len() > first {
			b.WriteString("; or ")
		}
		w.write(b)
	}
	f.Remedy, f.Ways = r.end(), r.edits(all...)
	return f
}

// mendable gives f a remedy in words of its own, and ways that only programs are told.
func (r *room) mendable(f finding.Finding, remedy string, all ...way) finding.Finding {
	f.Remedy, f.Ways = remedy, r.edits(all...)
	return f
}

// edits is the ways that are edits alone, each once.
func (r *room) edits(all ...way) (out []finding.Way) {
	for i, w := range all {
		if repeats(all[:i], w) {
			continue
		}
		if e := w.edits(); len(e) > 0 {
			if out == nil {
				out = r.ways.take(len(all) - i)
			}
			out = append(out, e)
		}
	}
	return out
}

// out is the way out of a feature under the selection that has settled: many findings offer it, and it is made once.
func (w *wish) out(place int) *out {
	if w.outs == nil {
		w.outs = make([]*out, w.cat.Len())
	}
	if w.outs[place] == nil {
		w.outs[place] = w.without(place, w.settled)
	}
	return w.outs[place]
}

// orOff gives f the remedy fix, or else to turn off the feature at a place.
func (w *wish) orOff(f finding.Finding, fix ways, place int) finding.Finding {
	o := w.out(place)
	switch {
	case len(fix) == 0: // in words that are written already
		f.Remedy, f.Ways = o.words, o.ways
		return f
	case repeats(fix, o.way):
		return w.mended(f, "", fix...)
	}
	b := w.begin(length(fix...) + len(fix)*len("; or ") + len(o.words))
	for i, one := range fix {
		if !repeats(fix[:i], one) {
			one.write(b)
			b.WriteString("; or ")
		}
	}
	b.WriteString(o.words)
	f.Remedy, f.Ways = w.end(), w.edits(append(append(make(ways, 0, 4), fix...), o.way)...)
	return f
}

// length is about how long ways become in words.
func length(all ...way) int {
	n := 0
	for _, w := range all {
		for _, s := range w {
			n += len(s.Path) + len(s.Value) + len(s.By) + len(`; or replace "" with "" in `)
		}
	}
	return n
}

func (w way) write(b *strings.Builder) {
	for i, s := range w {
		if i > 0 && s.By != aside {
			b.WriteString(" and ")
		}
		write(b, s)
	}
}

func write(b *strings.Builder, s step) {
	switch s.Op {
	case "":
		if s.By == aside {
			b.WriteString(" (")
		}
		b.WriteString(s.Value)
		if s.By == aside {
			b.WriteByte(')')
		}
	case finding.Set:
		b.WriteString("set ")
		b.WriteString(s.Path)
		b.WriteString(" = ")
		quote(b, s.Value)
	case finding.Unset:
		b.WriteString("remove ")
		b.WriteString(s.Path)
	case finding.Add:
		entry(b, `add "`, s, `" to `)
	case finding.Remove:
		entry(b, `remove "`, s, `" from `)
	case finding.Replace:
		b.WriteString("replace ")
		quote(b, s.Value)
		b.WriteString(" with ")
		quote(b, s.By)
		b.WriteString(" in ")
		b.WriteString(s.Path)
	}
}

// entry writes of an entry what is done with it; verb and of have the quotes of a plain word, as most names are.
func entry(b *strings.Builder, verb string, s step, of string) {
	if len(s.Value) > longest || !plain(s.Value) {
		b.WriteString(verb[:len(verb)-1])
		b.WriteString(catalogue.Quote(s.Value))
		b.WriteString(of[1:])
	} else {
		b.WriteString(verb)
		b.WriteString(s.Value)
		b.WriteString(of)
	}
	b.WriteString(s.Path)
}

// longest is how long a name may be that is written as it is.
const longest = 48

// quote writes a name in quotes, cut where it is long. Most are plain words, which are written as they are.
func quote(b *strings.Builder, name string) {
	if len(name) > longest || !plain(name) {
		b.WriteString(catalogue.Quote(name))
		return
	}
	b.WriteByte('"')
	b.WriteString(name)
	b.WriteByte('"')
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
