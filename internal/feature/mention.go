package feature

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// mention is one place where a feature is named.
type mention struct {
	place        int // the feature's
	option, name string
	index        int // in the option's list
}

func (m mention) path() string { return listPath(m.option, m.index) }

// mentions are those of several features, in the catalogue's order; in says of which ones.
type mentions struct {
	in    catalogue.Bits
	all   []mention
	begin [catalogue.MaxFeatures + 1]uint16 // by place: where its mentions begin in all; the next ones' begin is their end
}

// sort orders by feature, then by what is written; only the index is left to the order of the lists.
func (m *mentions) sort() {
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
				return cmp.Or(strings.Compare(a.option, b.option), strings.Compare(a.name, b.name))
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

// unmention is the edits that take mentions back.
func (r *room) unmention(at []mention) way { return unmentioned(r.steps.take(len(at)), at) }

// unmentioned is out and those edits.
func unmentioned(out way, at []mention) way {
	for i, m := range at {
		if i == 0 || m.option != at[i-1].option || m.name != at[i-1].name { // they are in order
			out = append(out, remove(m.option, m.name))
		}
	}
	return out
}

// once is the edits that leave the first of several mentions alone.
func (r *room) once(at []mention) way {
	out := unmentioned(r.steps.take(len(at)), at[1:])
	if slices.ContainsFunc(at[1:], func(m mention) bool { return m.option == at[0].option && m.name == at[0].name }) {
		out = append(out, add(at[0].option, at[0].name)) // the same word twice goes twice
	}
	return out
}

// where names the options of mentions, each once. They are in order, and what is named is named in at most two.
func (r *room) where(at []mention) string {
	first, last := at[0].option, at[len(at)-1].option
	if first == last {
		return pathOf(first)
	}
	return r.join(pathOf(first), " and ", pathOf(last))
}

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
			w.say(w.mendable(finding.Finding{
				Code: codeTwice, Severity: finding.Advice, Path: at[1].path(), Subject: w.cat.Name(place),
				What: w.join(id, []string{" is named ", " is turned off "}[i], strconv.Itoa(len(at)), " times"), Why: "once is enough",
				Source: "reading the matrix: profiles",
			}, w.join("keep one mention of it in ", w.where(at)), w.once(at)))
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
			}, "", w.unmention(off)))
			continue
		}
		w.say(w.mended(finding.Finding{
			Code: codeOnAndOff, Severity: finding.Refused, Path: off[0].path(), Subject: w.cat.Name(place),
			What: w.join(id, " is named on and off"), Why: w.join("it is in ", w.where(on), " and in ", w.where(off)), Source: "reading the matrix: profiles",
		}, "", w.unmention(off), w.unmention(on)))
	}
	w.disabled.in &^= core | w.named.in
}
