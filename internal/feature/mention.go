package feature

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// naming is an option that is a list of features; they are in the order of their names.
type naming uint8

// The lists.
const (
	inDisabled naming = iota
	inEnabled
	inExtra
)

var options = [...]string{inDisabled: optDisabled, inEnabled: optEnabled, inExtra: optExtra}

func (n naming) option() string { return options[n] }

// mention is one place where a feature is named. It holds no text: there are many, and the collector has to look at
// each text that is held.
type mention struct {
	place uint8 // the feature's
	in    naming
	older bool   // it is named by an older name
	index uint16 // in the list
}

func (m mention) path() string { return listPath(m.in, int(m.index)) }

// nameOf is what is written there.
func (w *wish) nameOf(m mention) string {
	if m.older {
		return w.lists[m.in][m.index]
	}
	return string(w.cat.At(int(m.place)).ID)
}

// mentions are those of several features, in the catalogue's order; in says of which ones.
type mentions struct {
	in    catalogue.Bits
	all   []mention
	begin [catalogue.MaxFeatures + 1]uint16 // by place: where its mentions begin in all; the next ones' begin is their end
}

// sort orders by feature, then by what is written; only the index is left to the order of the lists.
func (w *wish) sort(m *mentions) {
	if len(m.all) == 0 {
		return
	}
	for i := range m.all {
		m.begin[m.all[i].place+1]++
	}
	for place := range catalogue.MaxFeatures {
		m.begin[place+1] += m.begin[place]
	}
	free, sorted := m.begin, make([]mention, len(m.all))
	for i := range m.all {
		at := &free[m.all[i].place]
		sorted[*at] = m.all[i]
		*at++
	}
	m.all = sorted
	for place := range m.in.Each() {
		if of := m.of(place); len(of) > 1 {
			slices.SortStableFunc(of, func(a, b mention) int {
				return cmp.Or(cmp.Compare(a.in, b.in), strings.Compare(w.nameOf(a), w.nameOf(b)))
			})
		}
	}
}

// of returns the mentions of one feature.
func (m *mentions) of(place int) []mention {
	if !m.in.Has(place) {
		return nil
	}
	return m.all[m.begin[place]:m.begin[place+1]]
}

// unmentioned is out and the edits that take mentions of one feature back.
func (w *wish) unmentioned(out way, at []mention) way {
	for i, m := range at {
		if i == 0 || !w.alike(m, at[i-1]) { // they are in order
			out = append(out, remove(m.in.option(), w.nameOf(m)))
		}
	}
	return out
}

// alike reports whether two mentions of one feature are the same word in the same list.
func (w *wish) alike(a, b mention) bool {
	return a.in == b.in && a.older == b.older && (!a.older || w.nameOf(a) == w.nameOf(b))
}

// once leaves the first of several mentions alone.
func (w *wish) once(at []mention) *out {
	if !slices.ContainsFunc(at[1:], func(m mention) bool { return w.alike(m, at[0]) }) {
		return w.unmention(at[1:])
	}
	steps := w.unmentioned(w.steps.take(len(at)), at[1:])
	return w.worded(append(steps, add(at[0].in.option(), w.nameOf(at[0])))) // the same word twice goes twice
}

// keepOne and onAndOff are told of many features at once: by the first and the last option that names one. What is
// named is named in at most two.
var keepOne, onAndOff = func() (keep, both [len(options)][len(options)]string) {
	for first, a := range options {
		for last, b := range options {
			where := pathOf(a)
			if first != last {
				where += " and " + pathOf(b)
			}
			keep[first][last] = "keep one mention of it in " + where
			both[first][last] = "it is in " + where + " and in " + pathOf(optDisabled)
		}
	}
	return keep, both
}()

// twice advises on features that are named more than once; naming one twice changes nothing.
func (w *wish) twice() {
	for i, in := range []*mentions{&w.named, &w.disabled} {
		if len(in.all) == in.in.Len() {
			continue
		}
		for place := range in.in.Each() {
			at := in.of(place)
			if len(at) < 2 {
				continue
			}
			id := string(w.cat.At(place).ID)
			w.say(finding.Finding{
				Code: codeTwice, Severity: finding.Advice, Path: at[1].path(), Subject: w.cat.Name(place),
				What: w.join(id, []string{" is named ", " is turned off "}[i], strconv.Itoa(len(at)), " times"), Why: "once is enough",
				Source: "reading the matrix: profiles", Remedy: keepOne[at[0].in][at[len(at)-1].in], Ways: w.once(at).ways,
			})
		}
	}
}

// contradictions refuses what is named on and off, and core in disabledFeatures; neither counts as
// disabled afterwards.
func (w *wish) contradictions() {
	core := w.cat.Core()
	for place := range (w.disabled.in & (core | w.named.in)).Each() {
		id := string(w.cat.At(place).ID)
		on, off := w.named.of(place), w.disabled.of(place)
		if core.Has(place) {
			w.say(w.mended(finding.Finding{
				Code: codeCoreOff, Severity: finding.Refused, Path: off[0].path(), Subject: w.cat.Name(place),
				What: id + " cannot be off", Why: "it is core: all else rests on it", Source: "compatibility matrix: Core Dependencies",
			}, "", w.unmention(off).way))
			continue
		}
		w.say(w.either(finding.Finding{
			Code: codeOnAndOff, Severity: finding.Refused, Path: off[0].path(), Subject: w.cat.Name(place),
			What: w.join(id, " is named on and off"), Why: onAndOff[on[0].in][on[len(on)-1].in], Source: "reading the matrix: profiles",
		}, w.unmention(off), w.unmention(on)))
	}
	w.disabled.in &^= core | w.named.in
}
