package feature

import (
	"fmt"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// objection is what is held against one feature, told without its subject ("is high, and …"), and
// the edit that takes it away, if there is one.
type objection struct{ code, what, why, fix, source string }

// told joins objections and their fixes.
func told(against []objection) (what, fix string) {
	var whats, fixes []string
	for _, o := range against {
		whats, fixes = append(whats, o.what), append(fixes, o.fix)
	}
	return and(whats...), and(fixes...)
}

// objections returns what the owner's tolerance and the host's platform hold against f.
func (w *wish) objections(f catalogue.Feature, facts Facts) []objection {
	var out []objection
	switch {
	case f.Risk.Over(w.limit):
		out = append(out, w.overCap(f))
	case f.Risk.WantsAcknowledgement() && !w.waived && w.risks[f.ID] == "":
		out = append(out, objection{
			code: codeUnaccepted, what: fmt.Sprintf("is %s, and nobody has acknowledged the risk", f.Risk),
			why: "it exposes " + f.Exposes, fix: or(acknowledge(f.ID), set(optTolerance, string(catalogue.Accepting))),
			source: "reading the matrix: decision 3",
		})
	}
	if s, inherited := w.cat.Support(f.ID, facts.Platform); s.Mark == catalogue.Nothing && !inherited && !f.Core {
		out = append(out, objection{
			code: codePlatform, what: fmt.Sprintf("does not exist on %s", facts.Platform),
			why: s.Reason, source: "compatibility matrix: Operating Systems; reading the matrix: decision 14",
		})
	}
	return out
}

func (w *wish) overCap(f catalogue.Feature) objection {
	enough := catalogue.ToleranceFor(f.Risk)
	fix := set(optTolerance, string(enough))
	if f.Risk.WantsAcknowledgement() && !enough.Waives() && w.risks[f.ID] == "" {
		fix = and(fix, acknowledge(f.ID))
	}
	return objection{
		code: codeOverCap, what: fmt.Sprintf("is %s, and riskTolerance %q allows at most %s", f.Risk, w.tolerance, w.limit),
		why: "it exposes " + f.Exposes, fix: fix, source: "reading the matrix: decision 3",
	}
}

// lacks returns the needs of f that the host is known not to meet. A feature that is not in this
// build is not asked: meeting its needs would change nothing.
func (w *wish) lacks(f catalogue.Feature, facts Facts) []objection {
	var out []objection
	for _, n := range f.Needs {
		state, asked := facts.Needs[n]
		if !asked || state.Met || !w.cat.InBuild(f.ID) {
			continue
		}
		out = append(out, objection{
			code: codeWaiting, what: "needs " + n.Name(), why: state.Why, fix: n.Remedy(), source: "reading the matrix: decision 2",
		})
	}
	return out
}

// refusals returns what is held against features that are named or that something named requires.
func (w *wish) refusals(s selection, facts Facts) finding.List {
	var out finding.List
	kept := w.closure(s.named...)
	for _, f := range w.cat.Each() {
		if !kept[f.ID] {
			continue
		}
		for _, o := range w.objections(f, facts) {
			out = append(out, w.refusal(f, o, s))
		}
	}
	return append(out, w.conflicts(s, kept)...)
}

func (w *wish) refusal(f catalogue.Feature, o objection, s selection) finding.Finding {
	namers := w.users(f.ID, s.named)
	code, what, subject := o.code, fmt.Sprintf("%s %s", f.ID, o.what), []catalogue.ID{f.ID}
	if len(w.named[f.ID]) == 0 {
		what = fmt.Sprintf("%s, and %s %s", requires(namers, f.ID), f.ID, o.what)
		subject = append(subject, namers...)
		if code == codeOverCap {
			code = codeRequiredOver
		}
	}
	return finding.Finding{
		Code: code, Severity: finding.Refused, Path: w.path(append([]catalogue.ID{f.ID}, namers...)...), Subject: texts(subject),
		What: what, Why: o.why, Remedy: or(o.fix, w.without(f.ID, s)), Source: o.source,
	}
}

// conflicts refuses every pair that conflicts on the host and that nothing can leave.
func (w *wish) conflicts(s selection, kept idSet) finding.List {
	var out finding.List
	for _, r := range w.cat.Relations() {
		if !kept[r.A] || !kept[r.B] || r.Kind != catalogue.Conflict || w.scopeOf(r) != catalogue.OnHost {
			continue
		}
		namers := slices.Concat(w.users(r.A, s.named), w.users(r.B, s.named))
		ways := []string{w.without(r.A, s), w.without(r.B, s)}
		for _, scope := range r.Narrower() {
			ways = append(ways, set(w.scopeOption(r), string(scope))+" ("+r.Narrow[scope]+")")
		}
		out = append(out, finding.Finding{
			Code: codeConflict, Severity: finding.Refused, Path: w.path(namers...), Subject: []string{string(r.A), string(r.B)},
			What: fmt.Sprintf("%s and %s conflict on one host", r.A, r.B), Why: r.Reason,
			Remedy: r.Remedy + ": " + or(ways...), Source: r.Source,
		})
	}
	return out
}
