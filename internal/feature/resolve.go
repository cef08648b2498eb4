package feature

import (
	"fmt"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// Resolve says what d comes to on a host of which f is known, in this build's catalogue. It never
// fails: what is wrong with d is a finding, and all of them are there, not only the first.
func Resolve(d Declaration, f Facts) Resolution { return resolve(catalogue.Default(), d, f) }

func resolve(cat *catalogue.Catalogue, d Declaration, f Facts) Resolution {
	w := read(cat, d)
	s, left := w.settle(w.selection(), f)
	effective, held := w.effective(s, f)

	r := Resolution{
		Declaration: d, Profile: w.profile.Name, RiskTolerance: w.tolerance,
		Effective: effective, Risk: w.risk(effective), cat: cat,
	}
	for _, l := range left {
		r.LeftOut = append(r.LeftOut, LeftOut{l.id, l.why})
	}
	r.Findings = slices.Concat(w.findings, w.inUse(s), w.refusals(s, f), w.leftOut(left), w.added(s),
		w.unused(s, f), held, w.limits(s, f), w.idle(s, left), unasked(effective))
	r.Findings.Sort()
	return r
}

// limits tells what goes through with a limit: pairs, narrowed conflicts, platforms and warnings.
func (w *wish) limits(s selection, facts Facts) finding.List {
	var out finding.List
	in := w.all(s)
	for _, r := range w.cat.Relations() {
		if in[r.A] && in[r.B] {
			out = append(out, w.limit2(r)...)
		}
	}
	for _, f := range w.cat.Each() {
		if !f.Core && !in[f.ID] {
			continue
		}
		if f.Warning != "" {
			out = append(out, finding.Finding{
				Code: codeWarning, Severity: finding.Limited, Path: w.path(f.ID), Subject: []string{string(f.ID)},
				What: fmt.Sprintf("%s comes with a warning: %s", f.ID, f.Warning), Why: "it exposes " + f.Exposes,
				Remedy: w.without(f.ID, s), Source: "compatibility matrix: Risk Level Combinations",
			})
		}
		if sup, _ := w.cat.Support(f.ID, facts.Platform); sup.Mark == catalogue.Limits {
			out = append(out, finding.Finding{
				Code: codePlatformPart, Severity: finding.Limited, Path: w.path(f.ID), Subject: []string{string(f.ID)},
				What: fmt.Sprintf("%s is limited on %s", f.ID, facts.Platform), Why: sup.Reason,
				Remedy: sup.Remedy, Source: "compatibility matrix: Operating Systems",
			})
		}
	}
	return out
}

func (w *wish) limit2(r catalogue.Relation) finding.List {
	scope := w.scopeOf(r)
	f := finding.Finding{
		Path: w.path(r.A, r.B), Subject: []string{string(r.A), string(r.B)}, Why: r.Reason, Remedy: r.Remedy, Source: r.Source,
	}
	switch {
	case r.Kind == catalogue.Limited:
		f.Code, f.Severity = codeLimited, finding.Limited
		f.What = fmt.Sprintf("%s and %s limit each other", r.A, r.B)
	case scope == catalogue.OnHost:
		return nil // refused, or one of them left
	case scope == r.Scope:
		f.Code, f.Severity = codeNotOnOneVM, finding.Limited
		f.What = fmt.Sprintf("%s and %s are both on the host, never on one VM", r.A, r.B)
	default:
		f.Code, f.Severity = codeNarrowed, finding.Consequence
		f.What = fmt.Sprintf("the conflict of %s and %s holds per %s: %s", r.A, r.B, scope, r.Narrow[scope])
		f.Remedy = set(w.scopeOption(r), string(r.Scope))
		f.Path = w.scopes[[2]catalogue.ID{r.A, r.B}].path
	}
	return finding.List{f}
}

// idle advises on acknowledgements and narrowings that change nothing as the declaration stands.
func (w *wish) idle(s selection, left []leaving) finding.List {
	var out finding.List
	in := w.all(s)
	for _, l := range left {
		in[l.id] = true // what left may still be wanted
	}
	for _, id := range sortedKeys(w.risks) {
		f, _ := w.cat.Get(id)
		if in[id] && f.Risk.WantsAcknowledgement() {
			continue
		}
		why := "it is not declared"
		if in[id] || f.Core {
			why = "its risk is " + string(f.Risk) + ": only high and critical ones want a reason"
		}
		out = append(out, noEffect(keyPath(optRisks, string(id)), []string{string(id)},
			fmt.Sprintf("acknowledgedRisks.%s changes nothing", id), why, remove(optRisks, string(id))))
	}
	for _, r := range w.cat.Relations() {
		if e, ok := w.scopes[[2]catalogue.ID{r.A, r.B}]; ok && e.scope != r.Scope && (!in[r.A] || !in[r.B]) {
			out = append(out, noEffect(e.path, []string{string(r.A), string(r.B)},
				fmt.Sprintf("conflictScope of %s and %s changes nothing", r.A, r.B), "not both of them are declared",
				remove(optScope+"."+e.a, e.b)))
		}
	}
	return out
}

// unasked names the needs that no fact speaks of, all in one.
func unasked(effective []Effective) finding.List {
	var subject, names []string
	for _, e := range effective {
		for _, n := range e.NotAsked {
			names = append(names, fmt.Sprintf("%s (for %s)", n.Name(), e.ID))
		}
		if len(e.NotAsked) > 0 {
			subject = append(subject, string(e.ID))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return finding.List{{
		Code: codeNotAsked, Severity: finding.Advice, Subject: subject,
		What: "not asked whether the host has " + sentence(names), Why: "no fact of the host speaks of it",
		Remedy: "hv host -o json >facts.json on that host, then hv config check FILE --host facts.json", Source: "reading the matrix: decision 2",
	}}
}
