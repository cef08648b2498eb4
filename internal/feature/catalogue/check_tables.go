package catalogue

import (
	"fmt"
	"slices"
)

// checkTables holds that tables are whole: no cell is missing, and what falls short says why and how to get to yes.
func checkTables(c *Catalogue, d Data, say sayFunc, known knownFunc) {
	for _, t := range c.tables {
		if t.Corner == "" || t.Source == "" || len(t.Rows) == 0 {
			say("table %q lacks a corner, a source or rows", t.Name)
		}
		for _, r := range t.Rows {
			name := fmt.Sprintf("table %q, row %q", t.Name, r.Name)
			if r.Feature != "" {
				known(name, r.Feature)
			}
			if len(r.Cells) != len(t.Columns) {
				say("%s has %d cells, and %d columns", name, len(r.Cells), len(t.Columns))
				continue
			}
			for i, cell := range r.Cells {
				if !cell.whole() {
					say("%s, column %q: what falls short has a reason and a remedy, all else has neither", name, t.Columns[i])
				}
			}
		}
	}
	for _, r := range slices.Concat(d.Matrix, d.Loads) {
		known(fmt.Sprintf("row %q", r.Name), r.ID)
	}
	for _, conf := range d.Configurations {
		known(fmt.Sprintf("configuration %q", conf.Name), conf.Enabled...)
	}
}

// checkLines holds that lists are whole, and that both phases decide every kind of deed once.
func checkLines(d Data, say sayFunc) {
	line := func(where string, l Line) {
		if l.Text == "" || !l.whole() || l.Mark == NoPart {
			say("%s, line %q: what falls short has a reason and a remedy, all else has neither", where, l.Text)
		}
	}
	for _, m := range d.Modes {
		for _, l := range m.Lines {
			line(string(m.ID), l.Line)
		}
	}
	times := map[Deed]int{}
	for _, p := range d.Phases {
		own := map[Deed]bool{}
		for _, l := range p.Lines {
			line(string(p.ID), l.Line)
			for _, deed := range l.Deeds {
				if own[deed] {
					say("phase %q decides %q twice", p.ID, deed)
				}
				own[deed] = true
				times[deed]++
			}
		}
	}
	for deed, n := range times {
		if n != len(d.Phases) {
			say("%d of %d phases decide %q", n, len(d.Phases), deed)
		}
	}
}

// checkTrees holds each branch against the columns of the feature that it hangs on.
func checkTrees(c *Catalogue, d Data, say sayFunc) {
	for _, t := range d.Trees {
		c.checkBranches(t.Root, say)
	}
}

func (c *Catalogue) checkBranches(parent Branch, say sayFunc) {
	i, ok := c.index[parent.Feature]
	if !ok {
		say("tree: %q has branches and is no feature", parent.Text)
		return
	}
	for _, b := range parent.Branches {
		if !c.holds(c.features[i], b) {
			say("tree: the columns of %q do not say %s %s", parent.Feature, b.Verb, b.Text)
		}
		if len(b.Branches) > 0 {
			c.checkBranches(b, say)
		}
	}
}

// holds reports whether b is true of f.
func (c *Catalogue) holds(f Feature, b Branch) bool {
	switch b.Verb {
	case Requires:
		return slices.Contains(f.Requires, b.Feature) || slices.Contains(f.Needs, b.Need)
	case Optional:
		return slices.Contains(f.Optional, b.Feature) || slices.Contains(f.Options, b.Option)
	case Conflicts:
		return c.Verdict(f.ID, b.Feature) == Nothing
	case BuiltOn:
		child, ok := c.Get(b.Feature)
		return ok && (f.Core && child.Core || slices.Contains(c.inOrder(c.reach(child.ID)), f.ID))
	}
	return false
}
