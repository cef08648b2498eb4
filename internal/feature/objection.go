package feature

import (
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// objection is what is held against one feature, told without its subject ("is high, and …"), and the ways
// that take it away, if there are any.
type objection struct {
	code, what, why, source string
	fix                     ways
}

// against joins objections, and what takes all of them away.
func against(all []objection) (what string, fix ways) {
	for i, o := range all {
		if i > 0 {
			what += " and "
		}
		what += o.what
		fix = fix.both(o.fix)
	}
	return what, fix
}

// objections adds what the owner's tolerance and the host's platform hold against a feature.
func (w *wish) objections(place int, facts Facts, out []objection) []objection {
	f, rank := w.cat.At(place), w.cat.Rank(place)
	switch {
	case rank > w.most:
		out = append(out, w.overCap(place))
	case rank >= wanting && !w.waived && w.risks[place] == "":
		out = append(out, objection{
			code: codeUnaccepted, what: w.join("is ", string(f.Risk), ", and nobody has acknowledged the risk"),
			why: w.cat.Exposed(place), source: "reading the matrix: decision 3",
			fix: w.oneOf(w.way(w.acknowledge(place)), w.way(set(optTolerance, string(catalogue.Accepting)))),
		})
	}
	if f.Core {
		return out
	}
	if s := w.support(place); s.Mark == catalogue.Nothing && !s.Inherited {
		out = append(out, objection{
			code: codePlatform, what: "does not exist on " + string(facts.Platform),
			why: s.Reason, source: "compatibility matrix: Operating Systems; reading the matrix: decision 14",
		})
	}
	return out
}

func (w *wish) overCap(place int) objection {
	f, rank := w.cat.At(place), w.cat.Rank(place)
	if w.over == nil {
		w.over = make([]objection, catalogue.Critical.Rank()+1)
	}
	o, enough := &w.over[rank], catalogue.ToleranceFor(f.Risk)
	if o.code == "" {
		*o = objection{
			code: codeOverCap, fix: w.oneOf(w.way(set(optTolerance, string(enough)))), source: "reading the matrix: decision 3",
			what: "is " + string(f.Risk) + ", and riskTolerance " + strconv.Quote(string(w.tolerance)) + " allows at most " + string(w.limit),
		}
	}
	over := *o
	over.why = w.cat.Exposed(place)
	if rank >= wanting && !enough.Waives() && w.risks[place] == "" {
		over.fix = w.oneOf(w.way(o.fix[0][0], w.acknowledge(place)))
	}
	return over
}

// wanting is the rank from which on a risk wants to be acknowledged.
var wanting = catalogue.High.Rank()

// support is how the host's platform supports a feature.
func (w *wish) support(place int) catalogue.Standing {
	if w.supports == nil {
		return catalogue.Standing{Support: catalogue.Support{Mark: catalogue.Full}}
	}
	return w.supports[place]
}

// lacks adds the needs of a feature that the host is known not to meet. A feature that is not in this
// build is not asked: meeting its needs would change nothing.
func (w *wish) lacks(place int, facts Facts, out []objection) []objection {
	if !w.cat.Built().Has(place) {
		return out
	}
	for _, n := range w.cat.At(place).Needs {
		if state, asked := facts.Needs[n]; asked && !state.Met {
			out = append(out, objection{
				code: codeWaiting, what: w.join("needs ", n.Name()), why: state.Why, fix: w.oneOf(w.way(do(state.mend(n)))), source: "reading the matrix: decision 2",
			})
		}
	}
	return out
}

// refusals returns what is held against features that are named or that something named requires.
func (w *wish) refusals(s selection, facts Facts, out finding.List) finding.List {
	kept := w.cat.Closed(s.named)
	held := make([]objection, 0, 2)
	for i := range kept.Each() {
		for _, o := range w.objections(i, facts, held) {
			out = append(out, w.refusal(i, o, s))
		}
	}
	return w.conflicts(s, kept, out)
}

func (w *wish) refusal(place int, o objection, s selection) finding.Finding {
	id := string(w.cat.At(place).ID)
	namers := w.cat.Users(place) & s.named
	code, others := o.code, catalogue.Bits(0)
	var what string
	if !w.named.in.Has(place) {
		what, others = w.join(w.requires(namers, place), ", and ", id, " ", o.what), namers
		if code == codeOverCap {
			code = codeRequiredOver
		}
	} else {
		what = w.join(id, " ", o.what)
	}
	return w.orOff(finding.Finding{
		Code: code, Severity: finding.Refused, Path: w.path(place, namers), Subject: w.subject(place, others),
		What: what, Why: o.why, Source: o.source,
	}, o.fix, place)
}

// conflicts refuses every pair that conflicts on the host and that nothing can leave.
func (w *wish) conflicts(s selection, kept catalogue.Bits, out finding.List) finding.List {
	for at, r := range w.cat.Within(kept) {
		if !w.onHost(at) {
			continue
		}
		fix := append(make(ways, 0, 4), w.out(r.APlace).way, w.out(r.BPlace).way)
		for _, scope := range r.Narrowest {
			narrowed := w.rescoped(at, scope)
			fix = append(fix, append(narrowed, remark(r.Narrow[scope])))
		}
		out = append(out, w.mended(finding.Finding{
			Code: codeConflict, Severity: finding.Refused, Path: w.path((w.cat.Users(r.APlace) & s.named).First(), 0), Subject: r.Names,
			What: w.join(string(r.A), " and ", string(r.B), " conflict on one host"), Why: r.Reason, Source: r.Source,
		}, w.join(r.Remedy, ": "), fix...))
	}
	return out
}
