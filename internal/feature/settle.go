package feature

import (
	"cmp"
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// leaving is a member of the profile that leaves, with the reason told of the member and the ways that
// would keep it.
type leaving struct {
	place       int
	subject     []string // who plays a part, itself first
	why, source string
	fix         ways
}

// settle lets members of the profile leave until nothing is held against those that stay. What is
// named never leaves; what is held against it is refused elsewhere.
func (w *wish) settle(s selection, f Facts) (selection, []leaving) {
	if s.members == 0 {
		return s, nil
	}
	var left []leaving
	s, left = w.settleObjections(s, f)
	for {
		place, rivals := w.leaver(s)
		if place < 0 {
			return s, left
		}
		s, left = w.drop(s, w.conflictLeaving(place, rivals, s), rivals, left)
	}
}

// settleObjections lets members leave that are over the cap, not acknowledged, or that the host
// lacks something for.
func (w *wish) settleObjections(s selection, f Facts) (selection, []leaving) {
	var left []leaving
	kept := w.cat.Closed(s.named)
	room := make([]objection, 0, 4)
	for i := range (w.all(s) &^ kept).Each() {
		held := w.lacks(i, f, w.objections(i, f, room))
		if len(held) == 0 {
			continue
		}
		why, fix := against(held)
		s, left = w.drop(s, leaving{place: i, why: why, fix: fix, source: held[0].source}, 0, left)
	}
	return s, left
}

// drop takes the member that leaves, and every other that requires it, out of s.
func (w *wish) drop(s selection, l leaving, rivals catalogue.Bits, left []leaving) (selection, []leaving) {
	others := texts(w.cat.SortedIDs(rivals))
	id, why := string(w.cat.At(l.place).ID), l.why
	gone := w.cat.Users(l.place) & s.members
	for m := range gone.Each() {
		one := l
		one.place, one.subject, one.why = m, append(append(w.names.take(2+len(others)), id), others...), w.join("it ", why)
		if m != l.place {
			one.subject = append(append(w.names.take(1+len(one.subject)), string(w.cat.At(m).ID)), one.subject...)
			one.why = w.join("it requires ", id, ", and ", id, " ", why)
		}
		left = append(left, one)
	}
	s.members &^= gone
	return s, left
}

// leaver picks who leaves next over a conflict on the host, and with whom it conflicts; -1 for nobody.
// Against what is named a member always leaves. Between two members the riskier leaves, then the one with
// more conflicts, then the first by id.
func (w *wish) leaver(s selection) (int, catalogue.Bits) {
	kept := w.cat.Closed(s.named)
	in := w.all(s)
	var fighting, forced catalogue.Bits
	for at, r := range w.cat.Within(in) {
		if !w.onHost(at) {
			continue
		}
		pair := catalogue.Bit(r.APlace) | catalogue.Bit(r.BPlace)
		fighting |= pair &^ kept
		if pair&kept != 0 {
			forced |= pair &^ kept
		}
	}
	if forced != 0 {
		fighting = forced
	}
	place, against := -1, catalogue.Bits(0)
	for i := range fighting.Each() {
		rivals := w.rivals(i, in)
		if place < 0 || cmp.Or(
			cmp.Compare(w.cat.At(place).Risk.Rank(), w.cat.At(i).Risk.Rank()),
			cmp.Compare(against.Len(), rivals.Len()),
			cmp.Compare(w.cat.At(i).ID, w.cat.At(place).ID),
		) < 0 {
			place, against = i, rivals
		}
	}
	return place, against
}

// rivals returns what of in conflicts with a feature on the host.
func (w *wish) rivals(place int, in catalogue.Bits) catalogue.Bits {
	var out catalogue.Bits
	for at, r := range w.cat.Within(in | catalogue.Bit(place)) {
		switch {
		case !w.onHost(at):
		case r.APlace == place:
			out |= catalogue.Bit(r.BPlace)
		case r.BPlace == place:
			out |= catalogue.Bit(r.APlace)
		}
	}
	return out & in
}

// conflictLeaving would stay without its rivals, or where every conflict with them was narrowed.
func (w *wish) conflictLeaving(place int, rivals catalogue.Bits, s selection) leaving {
	ids := w.cat.SortedIDs(rivals)
	l := leaving{place: place, why: "conflicts with " + sentence(texts(ids)) + " on one host"}
	var alone, narrowed way
	narrow := true
	for _, id := range ids {
		rival, _, _ := w.cat.Place(string(id))
		alone = alone.and(w.without(rival, s).way)
		for at, r := range w.cat.Pairs() {
			if catalogue.Bit(r.APlace)|catalogue.Bit(r.BPlace) != catalogue.Bit(place)|catalogue.Bit(rival) {
				continue
			}
			if l.source == "" {
				l.source = r.Source
			}
			if narrow = narrow && len(r.Narrowest) > 0; narrow {
				narrowed = append(narrowed, w.rescoped(at, r.Narrowest[0])...)
			}
		}
	}
	l.fix = ways{alone}
	if narrow {
		l.fix = append(l.fix, narrowed)
	}
	return l
}

// leftOut tells of the members that left.
func (w *wish) leftOut(left []leaving, out finding.List) finding.List {
	for _, l := range left {
		id := string(w.cat.At(l.place).ID)
		out = append(out, w.mended(finding.Finding{
			Code: codeLeftOut, Severity: finding.Consequence, Path: pathOf(optProfile), Subject: l.subject,
			What: w.join(id, " is left out of profile ", catalogue.Quote(w.profile.Name), ": ", l.why),
			Why:  "what comes from a profile is left out where it does not fit; only what is named is refused", Source: l.source,
		}, "", append(append(make(ways, 0, 4), l.fix...), w.way(add(optDisabled, id)))...))
	}
	return out
}

// unused tells what the profile would have added, had there been no list.
func (w *wish) unused(s selection, f Facts, out finding.List) finding.List {
	if !w.listed || w.profile.List {
		return out
	}
	with, _ := w.settle(selection{named: s.named, members: w.members &^ w.named.in}, f)
	more := with.members &^ w.all(s)
	if more == 0 {
		return out
	}
	var ids []string
	for _, id := range w.profile.Members { // in the profile's order
		if i, _, _ := w.cat.Place(string(id)); more.Has(i) {
			ids = append(ids, string(id))
		}
	}
	return append(out, w.mended(finding.Finding{
		Code: codeUnused, Severity: finding.Advice, Path: pathOf(optEnabled), Subject: ids,
		What: fmt.Sprintf("profile %q is not used: it would have added %s", w.profile.Name, sentence(ids)),
		Why:  "enabledFeatures is given, and beats the profile's set", Source: "reading the matrix: profiles",
	}, "", way{set(optProfile, catalogue.ListProfile)}, way{unset(optEnabled)}))
}
