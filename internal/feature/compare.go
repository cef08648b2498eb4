package feature

import (
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// Difference is what changes from one resolution to another.
type Difference struct {
	Gained  []Effective    `json:"gained,omitempty"`  // effective now, and not before
	Lost    []catalogue.ID `json:"lost,omitempty"`    // effective before, and not now
	Changed []Moved        `json:"changed,omitempty"` // in both, in another state
	Said    finding.List   `json:"said,omitempty"`    // findings that are new
	Gone    finding.List   `json:"gone,omitempty"`    // findings that are no more
	Risk    RiskMoved      `json:"risk"`
	Refused bool           `json:"refused"` // what comes after may not be applied
}

// Moved is a feature whose state changes.
type Moved struct {
	ID     catalogue.ID `json:"id"`
	Before State        `json:"before"`
	After  State        `json:"after"`
	Held   []string     `json:"held,omitempty"` // by what, afterwards
}

// RiskMoved is the risk of the whole before and after.
type RiskMoved struct {
	Before       TotalRisk      `json:"before"`
	After        TotalRisk      `json:"after"`
	Contributing []catalogue.ID `json:"contributing,omitempty"` // contribute afterwards, and did not before
	NoLonger     []catalogue.ID `json:"noLonger,omitempty"`
}

// Same reports whether nothing changes at all.
func (d Difference) Same() bool {
	return len(d.Gained)+len(d.Lost)+len(d.Changed)+len(d.Said)+len(d.Gone) == 0 && d.Risk.Before.Level == d.Risk.After.Level
}

// Compare says what changes from a to b.
func Compare(a, b Resolution) Difference {
	d := Difference{Risk: compareRisk(a.Risk, b.Risk), Refused: b.Refused()}
	for _, e := range b.Effective {
		before, ok := a.Lookup(e.ID)
		switch {
		case !ok:
			d.Gained = append(d.Gained, e)
		case before.State != e.State:
			d.Changed = append(d.Changed, Moved{e.ID, before.State, e.State, e.Held})
		}
	}
	for _, e := range a.Effective {
		if _, ok := b.Lookup(e.ID); !ok {
			d.Lost = append(d.Lost, e.ID)
		}
	}
	d.Said, d.Gone = beyond(b.Findings, a.Findings), beyond(a.Findings, b.Findings)
	return d
}

// beyond returns the findings of a that b has not.
func beyond(a, b finding.List) finding.List {
	var out finding.List
	for _, f := range a {
		if !slices.ContainsFunc(b, func(g finding.Finding) bool {
			return f.Code == g.Code && f.What == g.What && slices.Equal(f.Subject, g.Subject)
		}) {
			out = append(out, f)
		}
	}
	return out
}

func compareRisk(a, b TotalRisk) RiskMoved {
	m := RiskMoved{Before: a, After: b}
	m.Contributing, m.NoLonger = contributors(b, a), contributors(a, b)
	return m
}

// contributors returns who contributes to a and not to b.
func contributors(a, b TotalRisk) []catalogue.ID {
	var out []catalogue.ID
	for _, c := range a.Contributors {
		if !slices.ContainsFunc(b.Contributors, func(o Contributor) bool { return o.ID == c.ID }) {
			out = append(out, c.ID)
		}
	}
	return out
}

// TurnOn is the edits that select a feature, and nothing that this may want besides. None for one that is selected.
func TurnOn(d Declaration, id catalogue.ID) finding.Way { return turnOn(catalogue.Default(), d, id) }

func turnOn(cat *catalogue.Catalogue, d Declaration, id catalogue.ID) finding.Way {
	w := read(cat, d)
	place, _, ok := cat.Place(string(id))
	if !ok || cat.Core().Has(place) {
		return nil
	}
	steps := w.unmention(w.disabled.of(place)).way
	if !w.named.in.Has(place) {
		steps = w.declare(place, steps)
	}
	return steps.edits()
}

// TurnOff is the edits that no longer select a feature. What others require is put into disabledFeatures, so that
// it is refused with them instead of coming back as their requirement. None for one that is off.
func TurnOff(d Declaration, id catalogue.ID) finding.Way { return turnOff(catalogue.Default(), d, id) }

func turnOff(cat *catalogue.Catalogue, d Declaration, id catalogue.ID) finding.Way {
	w := read(cat, d)
	place, _, ok := cat.Place(string(id))
	if !ok {
		return nil
	}
	steps := w.unmention(w.named.of(place)).way
	without := d
	if edited, err := Edited(d, steps.edits()); err == nil {
		without = edited
	}
	w = read(cat, without)
	s := w.selection()
	if (w.all(s) | cat.Core()).Has(place) {
		steps = append(steps, add(optDisabled, string(id)))
	}
	return steps.edits()
}
