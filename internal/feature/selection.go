package feature

import (
	"fmt"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// selection is what a wish asks for: what is named stays, what comes from the profile may leave.
type selection struct {
	named   []catalogue.ID // beyond core, in the catalogue's order
	members []catalogue.ID // of the profile, not named
}

type idSet map[catalogue.ID]bool

// from returns the features of the profile that w does not name or disable. An explicit list beats
// the profile's set.
func (w *wish) from(p catalogue.Profile) []catalogue.ID {
	return slices.DeleteFunc(slices.Clone(p.Members), func(id catalogue.ID) bool {
		return len(w.named[id]) > 0 || len(w.disabled[id]) > 0
	})
}

func (w *wish) selection() selection {
	var s selection
	for _, f := range w.cat.Each() {
		if len(w.named[f.ID]) > 0 && !f.Core {
			s.named = append(s.named, f.ID)
		}
	}
	if !w.listed {
		s.members = w.from(w.profile)
	}
	return s
}

// closure returns ids and all that they require.
func (w *wish) closure(ids ...catalogue.ID) idSet {
	in := idSet{}
	for _, id := range ids {
		for _, r := range w.cat.Closure(id) {
			in[r] = true
		}
	}
	return in
}

func (w *wish) all(s selection) idSet { return w.closure(slices.Concat(s.named, s.members)...) }

// users returns those of ids that are id or require it.
func (w *wish) users(id catalogue.ID, ids []catalogue.ID) []catalogue.ID {
	var out []catalogue.ID
	for _, u := range ids {
		if slices.Contains(w.cat.Closure(u), id) {
			out = append(out, u)
		}
	}
	return out
}

// without is the edit that makes id no longer effective: what is named and is or requires it is no
// longer named, and members of the profile that do are turned off.
func (w *wish) without(id catalogue.ID, s selection) string {
	var steps []string
	for _, u := range w.users(id, s.named) {
		steps = append(steps, unmention(w.named[u]))
	}
	for _, u := range w.users(id, s.members) {
		steps = append(steps, add(optDisabled, string(u)))
	}
	return and(steps...)
}

// path is where the declaration brings in the first of ids that it does not owe to core: where it
// is named, or else what requires it, or else the profile.
func (w *wish) path(ids ...catalogue.ID) string {
	for _, id := range ids {
		if at := w.named[id]; len(at) > 0 {
			return at[0].path
		}
	}
	for _, id := range ids {
		if f, _ := w.cat.Get(id); f.Core {
			continue
		}
		for _, u := range w.users(id, sortedKeys(w.named)) {
			return w.named[u][0].path
		}
		return section + "." + optProfile
	}
	return ""
}

// added tells of requirements that nobody selected (decision 1).
func (w *wish) added(s selection) finding.List {
	var out finding.List
	selected := slices.Concat(s.named, s.members)
	in := w.all(s)
	option := optExtra
	if w.listed {
		option = optEnabled
	}
	for _, f := range w.cat.Each() {
		if !in[f.ID] || f.Core || slices.Contains(selected, f.ID) || len(w.disabled[f.ID]) > 0 {
			continue
		}
		users := w.users(f.ID, selected)
		out = append(out, finding.Finding{
			Code: codeAdded, Severity: finding.Consequence, Path: w.path(users...),
			Subject: texts(append([]catalogue.ID{f.ID}, users...)),
			What:    fmt.Sprintf("%s is added: %s it", f.ID, verb(users, "require")), Why: "a missing requirement is added, not refused",
			Remedy: add(option, string(f.ID)), Source: "reading the matrix: decision 1",
		})
	}
	return out
}

// requires says "a requires x" or "a and b require x".
func requires(users []catalogue.ID, id catalogue.ID) string {
	return verb(users, "require") + " " + string(id)
}

// verb says "a requires" or "a and b require".
func verb(users []catalogue.ID, does string) string {
	if len(users) == 1 {
		does += "s"
	}
	return listed(users) + " " + does
}

// inUse refuses to turn off what something uses, with all of its users.
func (w *wish) inUse(s selection) finding.List {
	var out finding.List
	for _, id := range sortedKeys(w.disabled) {
		off := w.disabled[id]
		selected := slices.Concat(s.named, s.members)
		users := w.users(id, selected)
		switch {
		case len(users) > 0:
			out = append(out, finding.Finding{
				Code: codeInUse, Severity: finding.Refused, Path: off[0].path, Subject: texts(append([]catalogue.ID{id}, users...)),
				What: fmt.Sprintf("%s cannot be off: %s it", id, verb(users, "use")), Why: requires(users, id),
				Remedy: or(unmention(off), w.without(id, s)), Source: "reading the matrix: decision 4",
			})
		case w.listed || !slices.Contains(w.profile.Members, id):
			out = append(out, noEffect(off[0].path, []string{string(id)},
				fmt.Sprintf("%s in disabledFeatures changes nothing", id), "nothing would turn it on", unmention(off)))
		}
	}
	return out
}
