package catalogue

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// check returns everything that is wrong with d, whose look-ups c holds already.
func check(c *Catalogue, d Data) error {
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	known := func(where string, ids ...ID) {
		for _, id := range ids {
			if _, ok := c.index[id]; !ok {
				say("%s names %q, which is no feature", where, id)
			}
		}
	}
	checkFeatures(d, say, known)
	checkRelations(d, say, known)
	checkNames(c, d, say, known)
	checkTables(c, d, say, known)
	checkLines(d, say)
	if len(wrong) == 0 { // a cycle can only be looked for among known ids, a tree only be held against whole features
		checkCycles(c, say)
		checkTrees(c, d, say)
	}
	return errors.Join(wrong...)
}

type (
	sayFunc   func(format string, args ...any)
	knownFunc func(where string, ids ...ID)
)

func checkFeatures(d Data, say sayFunc, known knownFunc) {
	if len(d.Features) > MaxFeatures {
		say("there are %d features, and a set holds %d", len(d.Features), MaxFeatures)
	}
	seen := map[ID]bool{}
	for _, f := range d.Features {
		if seen[f.ID] {
			say("feature %q is written twice", f.ID)
		}
		seen[f.ID] = true
		checkColumns(f, say)
		known(fmt.Sprintf("feature %q", f.ID), slices.Concat(f.Requires, f.Optional)...)
	}
}

// checkColumns holds that no column of a feature is empty. Requires, Needs, Optional and Options may be: then there
// are none; tunables have to be none on purpose.
func checkColumns(f Feature, say sayFunc) {
	for column, empty := range map[string]bool{
		"id": f.ID == "", "name": f.Name == "", "category": f.Category == "", "on": f.On == "", "off": f.Off == "",
		"description": f.Description == "", "benefits": len(f.Benefits) == 0, "exposes": f.Exposes == "",
		"mitigations": len(f.Mitigations) == 0, "since": f.Since == "", "tunables": f.Tunables == nil,
	} {
		if empty {
			say("feature %q lacks the column %s", f.ID, column)
		}
	}
	if f.Risk.Rank() < 0 {
		say("feature %q has the unknown risk %q", f.ID, f.Risk)
	}
	if f.Core == (len(f.ChangesIn) > 0) {
		say("feature %q: what is core never changes, all else says in which phase", f.ID)
	}
	for _, n := range f.Needs {
		if needs[n].remedy == "" {
			say("feature %q has the unknown need %q", f.ID, n)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(f.Platforms)) {
		if s := f.Platforms[p]; !slices.Contains(Platforms(), p) || !s.whole() || s.Mark == NoPart {
			say("feature %q on %q: unknown platform, or a limit without a reason and a remedy", f.ID, p)
		}
	}
	for what, load := range map[string]string{"CPU": f.Impact.CPU, "memory": f.Impact.Memory, "disk": f.Impact.Disk, "network": f.Impact.Network} {
		if !slices.Contains(loads, load) {
			say("feature %q has the impact %q on %s", f.ID, load, what)
		}
	}
	names := map[string]bool{}
	for _, t := range f.Tunables {
		if wrong := t.wrong(); wrong != "" || names[t.Name] {
			say("feature %q: tunable %q is there twice, or %s", f.ID, t.Name, wrong)
		}
		names[t.Name] = true
	}
}

func checkRelations(d Data, say sayFunc, known knownFunc) {
	seen := map[pair]bool{}
	for _, r := range d.Relations {
		name := fmt.Sprintf("relation %s × %s", r.A, r.B)
		known(name, r.A, r.B)
		p := pairOf(r.A, r.B)
		switch {
		case r.A == r.B:
			say("%s is one feature with itself", name)
		case seen[p]:
			say("%s is written twice", name)
		}
		seen[p] = true
		if r.Reason == "" || r.Remedy == "" || r.Source == "" {
			say("%s lacks a reason, a remedy or a source", name)
		}
		checkScopes(name, r, say)
	}
}

func checkScopes(name string, r Relation, say sayFunc) {
	switch r.Kind {
	case Limited:
		if r.Scope != "" || len(r.Narrow) > 0 {
			say("%s is a limit and has a scope", name)
		}
	case Conflict:
		own := slices.Index(scopes, r.Scope)
		if own < 0 {
			say("%s has the unknown scope %q", name, r.Scope)
		}
		for _, s := range slices.Sorted(maps.Keys(r.Narrow)) {
			if slices.Index(scopes, s) <= own || r.Narrow[s] == "" {
				say("%s: scope %q is not narrower, or does not say what it adds", name, s)
			}
		}
	default:
		say("%s has the unknown kind %q", name, r.Kind)
	}
}

func checkNames(c *Catalogue, d Data, say sayFunc, known knownFunc) {
	for _, name := range slices.Sorted(maps.Keys(d.Aliases)) {
		known(fmt.Sprintf("alias %q", name), d.Aliases[name])
		if _, ok := c.index[ID(name)]; ok {
			say("alias %q is a feature itself", name)
		}
	}
	inSet := map[ID]bool{}
	for _, s := range d.Sets {
		for _, m := range s.Members {
			known(fmt.Sprintf("set %q", s.Name), m.ID)
			if inSet[m.ID] {
				say("%q is in two sets; a set holds those below it already", m.ID)
			}
			inSet[m.ID] = true
		}
	}
	for _, p := range d.Profiles {
		known(fmt.Sprintf("profile %q", p.Name), p.Members...)
	}
	known("the list of what is not in this build", d.NotInBuild...)
}

func checkCycles(c *Catalogue, say sayFunc) {
	for _, f := range c.features {
		for _, r := range f.Requires {
			if c.reach(r)[f.ID] {
				say("feature %q requires itself through %q", f.ID, r)
			}
		}
	}
}
