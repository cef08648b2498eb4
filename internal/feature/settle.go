package feature

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// leaving is a member of the profile that leaves, with the reason told of the member and the edits
// that would keep it.
type leaving struct {
	id       catalogue.ID
	subject  []catalogue.ID // who else plays a part
	why, fix string
	source   string
}

// settle lets members of the profile leave until nothing is held against those that stay. What is
// named never leaves; what is held against it is refused elsewhere.
func (w *wish) settle(s selection, f Facts) (selection, []leaving) {
	var left []leaving
	s, left = w.settleObjections(s, f)
	for {
		id, rivals := w.leaver(s)
		if id == "" {
			return s, left
		}
		var gone []leaving
		s, gone = w.drop(s, id, w.conflictLeaving(id, rivals, s))
		left = append(left, gone...)
	}
}

// settleObjections lets members leave that are over the cap, not acknowledged, or that the host
// lacks something for.
func (w *wish) settleObjections(s selection, f Facts) (selection, []leaving) {
	var left []leaving
	kept := w.closure(s.named...)
	in := w.all(s)
	for _, c := range w.cat.Each() {
		if kept[c.ID] || !in[c.ID] {
			continue
		}
		against := append(w.objections(c, f), w.lacks(c, f)...)
		if len(against) == 0 {
			continue
		}
		why, fix := told(against)
		var gone []leaving
		s, gone = w.drop(s, c.ID, leaving{why: why, fix: fix, source: against[0].source})
		left = append(left, gone...)
	}
	return s, left
}

// drop takes id and every member that requires it out of s.
func (w *wish) drop(s selection, id catalogue.ID, l leaving) (selection, []leaving) {
	var gone []leaving
	for _, m := range w.users(id, s.members) {
		one := l
		one.id = m
		if m != id {
			one.subject = append([]catalogue.ID{id}, l.subject...)
			one.why = fmt.Sprintf("it requires %s, and %s %s", id, id, l.why)
		} else {
			one.why = "it " + l.why
		}
		gone = append(gone, one)
	}
	s.members = slices.DeleteFunc(slices.Clone(s.members), func(m catalogue.ID) bool {
		return slices.ContainsFunc(gone, func(g leaving) bool { return g.id == m })
	})
	return s, gone
}

// leaver picks who leaves next over a conflict on the host, and with whom it conflicts. Against
// what is named a member always leaves. Between two members the riskier leaves, then the one with
// more conflicts, then the first by id.
func (w *wish) leaver(s selection) (catalogue.ID, []catalogue.ID) {
	kept := w.closure(s.named...)
	rivals := w.rivals(w.all(s))
	var free, forced []catalogue.ID
	for _, id := range sortedKeys(rivals) {
		if kept[id] {
			continue
		}
		free = append(free, id)
		if slices.ContainsFunc(rivals[id], func(r catalogue.ID) bool { return kept[r] }) {
			forced = append(forced, id)
		}
	}
	from := forced
	if len(from) == 0 {
		from = free
	}
	if len(from) == 0 {
		return "", nil
	}
	rank := func(id catalogue.ID) int { f, _ := w.cat.Get(id); return f.Risk.Rank() }
	id := slices.MinFunc(from, func(a, b catalogue.ID) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(len(rivals[b]), len(rivals[a])), cmp.Compare(a, b))
	})
	return id, rivals[id]
}

// rivals returns, for each of in that conflicts with another of in on the host, all of those.
func (w *wish) rivals(in idSet) map[catalogue.ID][]catalogue.ID {
	out := map[catalogue.ID][]catalogue.ID{}
	for _, r := range w.cat.Relations() {
		if in[r.A] && in[r.B] && r.Kind == catalogue.Conflict && w.scopeOf(r) == catalogue.OnHost {
			out[r.A] = append(out[r.A], r.B)
			out[r.B] = append(out[r.B], r.A)
		}
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return out
}

func (w *wish) conflictLeaving(id catalogue.ID, rivals []catalogue.ID, s selection) leaving {
	var steps []string
	for _, rival := range rivals {
		steps = append(steps, w.without(rival, s))
	}
	r, _ := w.cat.Between(id, rivals[0])
	return leaving{
		subject: rivals, why: "conflicts with " + listed(rivals) + " on one host",
		fix: and(steps...), source: r.Source,
	}
}

// leftOut tells of the members that left.
func (w *wish) leftOut(left []leaving) finding.List {
	var out finding.List
	for _, l := range left {
		out = append(out, finding.Finding{
			Code: codeLeftOut, Severity: finding.Consequence, Path: section + "." + optProfile,
			Subject: texts(append([]catalogue.ID{l.id}, l.subject...)),
			What:    fmt.Sprintf("%s is left out of profile %q: %s", l.id, w.profile.Name, l.why),
			Why:     "what comes from a profile is left out where it does not fit; only what is named is refused",
			Remedy:  or(l.fix, add(optDisabled, string(l.id))), Source: l.source,
		})
	}
	return out
}

// unused tells what the profile would have added, had there been no list.
func (w *wish) unused(s selection, f Facts) finding.List {
	if !w.listed || w.profile.List {
		return nil
	}
	with, _ := w.settle(selection{named: s.named, members: w.from(w.profile)}, f)
	in, more := w.all(s), []catalogue.ID(nil)
	for _, id := range with.members {
		if !in[id] {
			more = append(more, id)
		}
	}
	if len(more) == 0 {
		return nil
	}
	return finding.List{{
		Code: codeUnused, Severity: finding.Advice, Path: section + "." + optEnabled, Subject: texts(more),
		What:   fmt.Sprintf("profile %q is not used: it would have added %s", w.profile.Name, listed(more)),
		Why:    "enabledFeatures is given, and beats the profile's set",
		Remedy: or(set(optProfile, "custom"), fmt.Sprintf("remove %s.%s", section, optEnabled)),
		Source: "reading the matrix: profiles",
	}}
}
