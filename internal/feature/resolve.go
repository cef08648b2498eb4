package feature

import (
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// Resolve says what d comes to on a host of which f is known, in this build's catalogue. It never
// fails: what is wrong with d is a finding, and all of them are there, not only the first.
func Resolve(d Declaration, f Facts) Resolution { return resolve(catalogue.Default(), d, f) }

func resolve(cat *catalogue.Catalogue, d Declaration, f Facts) Resolution {
	w := read(cat, d)
	w.supports = cat.Supports(f.Platform)
	s, left := w.settle(w.selection(), f)
	w.settled = s
	effective := w.effective(s, f)

	r := Resolution{
		Declaration: d, Profile: w.profile.Name, RiskTolerance: w.tolerance,
		Effective: effective, Risk: w.risk(s, effective), cat: cat,
	}
	for _, l := range left {
		r.LeftOut = append(r.LeftOut, LeftOut{w.cat.At(l.place).ID, l.why})
	}
	found := w.inUse(s, w.findings)
	found = w.refusals(s, f, found)
	found = w.leftOut(left, found)
	found = w.added(s, found)
	found = w.unused(s, f, found)
	found = w.limits(s, f, found)
	found = w.idle(s, left, found)
	found = unasked(effective, f, found)
	found.Sort()
	r.Findings = found
	return r
}

// limits tells what goes through with a limit: pairs, narrowed conflicts, platforms and warnings.
func (w *wish) limits(s selection, facts Facts, out finding.List) finding.List {
	in := w.all(s)
	for at, r := range w.cat.Within(in) {
		if !w.onHost(at) { // on the host: refused, or one of them left
			out = append(out, w.limitOf(at, r))
		}
	}
	for i := range (in | w.cat.Core()).Each() {
		f := w.cat.At(i)
		id := string(f.ID)
		if f.Warning != "" {
			out = append(out, w.orOff(finding.Finding{
				Code: codeWarning, Severity: finding.Limited, Path: w.path(i, 0), Subject: w.cat.Name(i),
				What: w.join(id, " comes with a warning: ", f.Warning), Why: w.cat.Exposed(i),
				Source: "compatibility matrix: Risk Level Combinations",
			}, nil, i))
		}
		if sup := w.supports[i]; sup.Mark == catalogue.Limits {
			out = append(out, w.mendable(finding.Finding{
				Code: codePlatformPart, Severity: finding.Limited, Path: w.path(i, 0), Subject: w.cat.Name(i),
				What: w.join(id, " is limited on ", string(facts.Platform)), Why: sup.Reason, Source: "compatibility matrix: Operating Systems",
			}, sup.Remedy, w.out(i).way))
		}
	}
	return out
}

func (w *wish) limitOf(at int, r *catalogue.Pair) finding.Finding {
	a, b := string(r.A), string(r.B)
	f := finding.Finding{
		Code: codeLimited, Severity: finding.Limited, Path: w.path(r.APlace, catalogue.Bit(r.BPlace)), Subject: r.Names,
		What: w.join(a, " and ", b, " limit each other"), Why: r.Reason, Source: r.Source,
	}
	switch scope := w.scopeOf(at); {
	case r.Kind == catalogue.Limited:
	case scope == r.Scope:
		f.Code, f.What = codeNotOnOneVM, w.join(a, " and ", b, " are both on the host, never on one VM")
	default:
		f.Code, f.Severity, f.Path = codeNarrowed, finding.Consequence, w.scopes[at][0].path()
		f.What = w.join("the conflict of ", a, " and ", b, " holds per ", string(scope), ": ", r.Narrow[scope])
		return w.mended(f, "", w.rescoped(at, r.Scope))
	}
	return w.mendable(f, r.Remedy, w.out(r.APlace).way, w.out(r.BPlace).way)
}

// idle advises on acknowledgements and narrowings that change nothing as the declaration stands.
func (w *wish) idle(s selection, left []leaving, out finding.List) finding.List {
	in := w.all(s)
	for _, l := range left {
		in |= catalogue.Bit(l.place) // what left may still be wanted
	}
	for i := range w.cat.Len() {
		if w.risks[i] == "" {
			continue
		}
		f := w.cat.At(i)
		if in.Has(i) && f.Risk.WantsAcknowledgement() {
			continue
		}
		why := "it is not declared"
		if in.Has(i) || f.Core {
			why = "its risk is " + string(f.Risk) + ": only high and critical ones want a reason"
		}
		id := string(f.ID)
		out = append(out, w.noEffect(pathOf(keyed(optRisks, id)), []string{id}, "acknowledgedRisks."+id+" changes nothing", why, w.unacknowledged(i)))
	}
	for at := range w.cat.Pairs() {
		if r := &w.cat.Pairs()[at]; w.scopeOf(at) != r.Scope && !r.Both(in) {
			e := w.scopes[at][0]
			out = append(out, w.noEffect(e.path(), []string{string(r.A), string(r.B)}, e.option()+" changes nothing", "not both of them are declared", w.unscoped(at)))
		}
	}
	return out
}

// unasked names the needs that no fact speaks of, all in one.
func unasked(effective []Effective, facts Facts, out finding.List) finding.List {
	var subject, names []string
	for _, e := range effective {
		for _, n := range e.NotAsked {
			names = append(names, n.Name()+" (for "+string(e.ID)+")")
		}
		if len(e.NotAsked) > 0 {
			subject = append(subject, string(e.ID))
		}
	}
	if len(names) == 0 {
		return out
	}
	remedy := "hv host -o json >facts.json on that host, then hv config check FILE --host facts.json"
	if facts.Platform != catalogue.NotAsked || len(facts.Needs) > 0 { // it was looked at already, by one who does not know all
		remedy = "ask where hvd runs, which looks at more: hv host check -o json >facts.json there, then hv config check FILE --host facts.json"
	}
	return append(out, finding.Finding{
		Code: codeNotAsked, Severity: finding.Advice, Subject: subject,
		What: "not asked whether the host has " + sentence(names), Why: "no fact of the host speaks of it",
		Remedy: remedy, Source: "reading the matrix: decision 2",
	})
}
