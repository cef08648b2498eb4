package feature

import (
	"cmp"
	"container/heap"
	"encoding/json"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// Yes is one way to have a feature on: edits after which the declaration is not refused and the feature is
// effective. It was resolved, not guessed.
type Yes struct {
	Way        finding.Way `json:"way"`            // none: it needs something of the host alone
	Host       []string    `json:"host,omitempty"` // what has to be done on the host besides
	Edited     Declaration `json:"declaration"`    // what the declaration becomes
	Difference Difference  `json:"difference"`     // what else that changes
}

// mostWays is how many ways are offered, mostTries how many declarations are resolved to find them.
const (
	mostWays  = 3
	mostTries = 600
)

// WaysTo returns up to three ways to have the feature on, the smallest first: those with the fewest edits, then
// those that turn the fewest other features off. None of them has the edits of another and more. Where there is
// none, no says what stands in the way. For a feature that is on there is nothing to do: no ways, and no is nil.
//
// For one that this build has no hands for, no says so, and the ways are those that declare it for the release that
// brings it.
func WaysTo(d Declaration, f Facts, id catalogue.ID) (out []Yes, no *finding.Finding) {
	return waysTo(catalogue.Default(), d, f, id)
}

func waysTo(cat *catalogue.Catalogue, d Declaration, f Facts, id catalogue.ID) ([]Yes, *finding.Finding) {
	before := resolve(cat, d, f)
	if before.On(string(id)) {
		return nil, nil
	}
	no := before.never(id, f)
	if no != nil && (no.Code != codeNotInBuild || before.declares(id)) {
		return nil, no
	}
	met, host := meeting(cat, f, id)
	s := search{cat: cat, yes: Resolution.On, facts: met, host: host, id: id, before: before, seen: map[string]bool{}}
	if no != nil {
		s.yes = func(r Resolution, name string) bool { return r.declares(catalogue.ID(name)) }
	}
	s.push(try{d: d})
	for tries := 0; len(s.open) > 0 && tries < mostTries && len(s.found) < 4*mostWays; tries++ {
		s.step(heap.Pop(&s.open).(try)) //nolint:errcheck // the heap holds nothing else
	}
	slices.SortStableFunc(s.found, func(a, b Yes) int {
		return cmp.Or(cmp.Compare(len(a.Way), len(b.Way)), cmp.Compare(len(a.Difference.Lost), len(b.Difference.Lost)),
			cmp.Compare(len(a.Difference.Gained), len(b.Difference.Gained)))
	})
	var out []Yes
	for _, y := range s.found {
		if len(out) < mostWays && !slices.ContainsFunc(out, func(o Yes) bool { return within(o.Way, y.Way) }) {
			out = append(out, y)
		}
	}
	if len(out) > 0 || no != nil {
		return out, no
	}
	why, _ := before.WhyOff(string(id))
	return nil, &why
}

// declares reports whether a feature is effective in a declaration that is not refused, on or not yet.
func (r Resolution) declares(id catalogue.ID) bool {
	_, there := r.Lookup(id)
	return there && !r.Refused()
}

// never says why no edit of a declaration turns a feature on: this build or this platform has no hands for it, or
// for something that it requires.
func (r Resolution) never(id catalogue.ID, f Facts) *finding.Finding {
	cat := r.catalogue()
	w := read(cat, r.Declaration)
	for _, needed := range cat.Closure(id) {
		place, _, _ := cat.Place(string(needed))
		switch support, _ := cat.Support(needed, f.Platform); {
		case !cat.Built().Has(place):
			w.settled = w.selection()
			why := w.notInBuild(place)
			if needed != id {
				why.Subject = []string{string(id), string(needed)}
				why.What = string(id) + " requires " + string(needed) + ", and " + why.What
			}
			return &why
		case support.Mark == catalogue.Nothing:
			return &finding.Finding{
				Code: codePlatform, Severity: finding.Unavailable, Subject: texts([]catalogue.ID{id}),
				What: string(needed) + " does not exist on " + string(f.Platform), Why: support.Reason, Remedy: support.Remedy,
				Source: "compatibility matrix: Operating Systems; reading the matrix: decision 14",
			}
		}
	}
	return nil
}

// within reports whether b has every edit of a.
func within(a, b finding.Way) bool {
	return !slices.ContainsFunc(a, func(e finding.Edit) bool { return !slices.Contains(b, e) })
}

// try is a declaration on the way, and the edits that led to it.
type try struct {
	d   Declaration
	way finding.Way
	at  int // in which order it was found: the search has to go the same way each time
}

// search goes from one declaration to the next by the remedies of what stands in the way, fewest edits first.
// Any way to yes has to take every refusal away, so it is enough to follow the remedies of one of them.
type search struct {
	cat    *catalogue.Catalogue
	facts  Facts    // once the host has what the feature needs
	host   []string // what has to be done for that
	id     catalogue.ID
	yes    func(Resolution, string) bool
	before Resolution
	open   tries
	seen   map[string]bool
	found  []Yes
	pushed int
}

func (s *search) push(t try) {
	key, err := json.Marshal(t.d)
	if err != nil || s.seen[string(key)] {
		return
	}
	s.seen[string(key)] = true
	t.at = s.pushed
	s.pushed++
	heap.Push(&s.open, t)
}

func (s *search) step(t try) {
	r := resolve(s.cat, t.d, s.facts)
	if s.yes(r, string(s.id)) {
		s.found = append(s.found, s.smallest(t.way))
		return
	}
	var next []finding.Way
	if refused := r.Findings.Of(finding.Refused); len(refused) > 0 {
		next = refused[0].Ways
	} else {
		next = r.toDeclare(s.id)
	}
	for _, w := range next {
		if d, err := Edited(t.d, w); err == nil {
			s.push(try{d: d, way: slices.Concat(t.way, w)})
		}
	}
}

// toDeclare is the ways that bring a feature into a declaration that is not refused and lacks it.
func (r Resolution) toDeclare(id catalogue.ID) []finding.Way {
	if f, told := r.told(id); told {
		return f.Ways
	}
	w := read(r.catalogue(), r.Declaration)
	place, _, _ := r.catalogue().Place(string(id))
	return r.undeclared(w, place).Ways
}

// smallest leaves every edit out that the way to yes does not need.
func (s *search) smallest(w finding.Way) Yes {
	for i := 0; i < len(w); {
		less := slices.Delete(slices.Clone(w), i, i+1)
		if _, _, yes := s.try(less); yes {
			w = less
		} else {
			i++
		}
	}
	d, r, _ := s.try(w)
	return Yes{w, s.host, d, Compare(s.before, r)}
}

// try resolves the declaration with the edits of a way made.
func (s *search) try(w finding.Way) (Declaration, Resolution, bool) {
	d, err := Edited(s.before.Declaration, w)
	if err != nil {
		return d, Resolution{}, false
	}
	r := resolve(s.cat, d, s.facts)
	return d, r, s.yes(r, string(s.id))
}

// meeting is the facts of a host that meets all that a feature needs, in itself and in what it requires; and what has
// to be done on the host for that.
func meeting(cat *catalogue.Catalogue, f Facts, id catalogue.ID) (met Facts, do []string) {
	met = Facts{Platform: f.Platform, Needs: maps.Clone(f.Needs)}
	for _, needed := range cat.Closure(id) {
		feature, _ := cat.Get(needed)
		for _, n := range feature.Needs {
			if state, asked := met.Needs[n]; asked && !state.Met {
				met.Needs[n] = NeedState{Met: true}
				do = append(do, state.mend(n))
			}
		}
	}
	return met, do
}

type tries []try

func (t tries) Len() int { return len(t) }
func (t tries) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(len(t[i].way), len(t[j].way)), cmp.Compare(t[i].at, t[j].at)) < 0
}
func (t tries) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *tries) Push(x any)   { *t = append(*t, x.(try)) } //nolint:errcheck // heap.Push is given nothing else
func (t *tries) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}
