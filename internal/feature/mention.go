package feature

import (
	"cmp"
	"slices"
	"strconv"

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
	in  catalogue.Bits
	all []mention
}

// sort orders by feature, then by what is written; only the index is left to the order of the lists.
func (m *mentions) sort() {
	slices.SortStableFunc(m.all, func(a, b mention) int {
		if a.place != b.place {
			return a.place - b.place
		}
		return cmp.Or(cmp.Compare(a.option, b.option), cmp.Compare(a.name, b.name))
	})
}

// of returns the mentions of one feature.
func (m *mentions) of(place int) []mention {
	if !m.in.Has(place) {
		return nil
	}
	from := 0
	for m.all[from].place != place {
		from++
	}
	to := from + 1
	for to < len(m.all) && m.all[to].place == place {
		to++
	}
	return m.all[from:to]
}

// unmention is the edits that take mentions back.
func unmention(at []mention) way {
	out := make(way, 0, len(at))
	for i, m := range at {
		if i == 0 || m.option != at[i-1].option || m.name != at[i-1].name { // they are in order
			out = append(out, remove(m.option, m.name))
		}
	}
	return out
}

// once is the edits that leave the first of several mentions alone.
func once(at []mention) way {
	out := unmention(at[1:])
	if slices.ContainsFunc(at[1:], func(m mention) bool { return m.option == at[0].option && m.name == at[0].name }) {
		out = append(out, add(at[0].option, at[0].name)) // the same word twice goes twice
	}
	return out
}

// where names the options of mentions, each once.
func where(at []mention) string {
	options := make([]string, 0, len(at))
	for _, m := range at {
		options = append(options, pathOf(m.option))
	}
	return sentence(slices.Compact(options))
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
			w.say(mendable(finding.Finding{
				Code: codeTwice, Severity: finding.Advice, Path: at[1].path(), Subject: w.cat.Name(place),
				What: id + []string{" is named ", " is turned off "}[i] + strconv.Itoa(len(at)) + " times", Why: "once is enough",
				Source: "reading the matrix: profiles",
			}, "keep one mention of it in "+where(at), once(at)))
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
			w.say(mended(finding.Finding{
				Code: codeCoreOff, Severity: finding.Refused, Path: off[0].path(), Subject: w.cat.Name(place),
				What: id + " cannot be off", Why: "it is core: all else rests on it", Source: "compatibility matrix: Core Dependencies",
			}, "", unmention(off)))
			continue
		}
		w.say(mended(finding.Finding{
			Code: codeOnAndOff, Severity: finding.Refused, Path: off[0].path(), Subject: w.cat.Name(place),
			What: id + " is named on and off", Why: "it is in " + where(on) + " and in " + where(off), Source: "reading the matrix: profiles",
		}, "", unmention(off), unmention(on)))
	}
	w.disabled.in &^= core | w.named.in
}
