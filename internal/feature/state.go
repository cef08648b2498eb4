package feature

import (
	"fmt"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// effective says how each feature of a settled selection stands on the host, and why it is there.
func (w *wish) effective(s selection, facts Facts) ([]Effective, finding.List) {
	var out []Effective
	var said finding.List
	in, standings := w.all(s), map[catalogue.ID]standing{}
	for f := range w.cat.BottomUp() {
		if f.Core || in[f.ID] {
			standings[f.ID] = w.held(f, facts, standings)
			said = append(said, standings[f.ID].findings...)
		}
	}
	for _, f := range w.cat.Each() {
		st, ok := standings[f.ID]
		if !ok {
			continue
		}
		e := Effective{ID: f.ID, State: st.state, Held: st.why, Why: w.reasons(f, s, in)}
		if w.cat.InBuild(f.ID) {
			e.NotAsked = notAsked(f, facts)
		}
		out = append(out, e)
	}
	return out, said
}

func (w *wish) reasons(f catalogue.Feature, s selection, in idSet) []Reason {
	var out []Reason
	if f.Core {
		out = append(out, Reason{Kind: IsCore})
	}
	for _, m := range w.named[f.ID] {
		if r := (Reason{Selected, m.option}); !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	if slices.Contains(s.members, f.ID) {
		out = append(out, Reason{FromProfile, w.profile.Name})
	}
	for _, u := range w.cat.Each() {
		if in[u.ID] && slices.Contains(u.Requires, f.ID) {
			out = append(out, Reason{RequiredBy, string(u.ID)})
		}
	}
	return out
}

// standing is how far a feature has come, and what is told of it.
type standing struct {
	state    State
	why      []string
	findings finding.List
}

// held works out a feature's state from the build, the platform, its needs and what it requires;
// before holds the standings of what it requires. The worst wins, and each is told.
func (w *wish) held(f catalogue.Feature, facts Facts, before map[catalogue.ID]standing) standing {
	st := standing{state: On}
	support, inherited := w.cat.Support(f.ID, facts.Platform)
	switch {
	case !w.cat.InBuild(f.ID):
		st.hold(Unavailable, "not in this build", w.notInBuild(f))
	case support.Mark == catalogue.Nothing:
		st.hold(Unavailable, fmt.Sprintf("not on %s: %s", facts.Platform, support.Reason))
		if f.Core && !inherited {
			st.findings = append(st.findings, noPlatform(f, facts.Platform, support))
		}
	default:
		for _, o := range w.lacks(f, facts) {
			st.hold(Waiting, o.what, w.waits(f, o))
		}
		w.holdByRequirements(&st, f, before)
	}
	return st
}

// holdByRequirements holds back what requires something that is not on.
func (w *wish) holdByRequirements(st *standing, f catalogue.Feature, before map[catalogue.ID]standing) {
	for _, r := range f.Requires {
		state := before[r].state
		if state == On {
			continue
		}
		severity, code := finding.Waiting, codeHeldUp
		if state == Unavailable {
			severity, code = finding.Unavailable, codeHeldBack
		}
		st.hold(state, fmt.Sprintf("requires %s, which is %s", r, state), finding.Finding{
			Code: code, Severity: severity, Path: w.path(f.ID), Subject: texts([]catalogue.ID{f.ID, r}),
			What:   fmt.Sprintf("%s is %s: it requires %s", f.ID, state, r),
			Why:    fmt.Sprintf("%s is %s", r, state),
			Remedy: "see what is said of " + string(r), Source: "reading the matrix: decision 2",
		})
	}
}

func (st *standing) hold(s State, why string, f ...finding.Finding) {
	if st.state != Unavailable {
		st.state = s
	}
	st.why = append(st.why, why)
	st.findings = append(st.findings, f...)
}

func (w *wish) notInBuild(f catalogue.Feature) finding.Finding {
	why := "the code behind it does not exist yet; until then: " + f.Off
	remedy := or("leave it declared: it turns on with the release that brings it", unmention(w.named[f.ID]))
	if f.Core {
		why = "the code behind it does not exist yet"
		remedy = "nothing to do: it turns on with the release that brings it"
	}
	return finding.Finding{
		Code: codeNotInBuild, Severity: finding.Unavailable, Path: w.path(f.ID), Subject: []string{string(f.ID)},
		What: fmt.Sprintf("%s is unavailable: not in this build", f.ID), Why: why,
		Remedy: remedy, Source: "reading the matrix: decision 2",
	}
}

func noPlatform(f catalogue.Feature, p catalogue.Platform, s catalogue.Support) finding.Finding {
	return finding.Finding{
		Code: codeNoPlatform, Severity: finding.Unavailable, Subject: []string{string(f.ID)},
		What: fmt.Sprintf("%s is unavailable on %s, and with it all that works on VMs", f.ID, p), Why: s.Reason,
		Remedy: s.Remedy,
		Source: "compatibility matrix: Operating Systems",
	}
}

func (w *wish) waits(f catalogue.Feature, o objection) finding.Finding {
	return finding.Finding{
		Code: codeWaiting, Severity: finding.Waiting, Path: w.path(f.ID), Subject: []string{string(f.ID)},
		What: fmt.Sprintf("%s is waiting: it %s", f.ID, o.what), Why: o.why, Remedy: o.fix, Source: o.source,
	}
}

func notAsked(f catalogue.Feature, facts Facts) []catalogue.Need {
	var out []catalogue.Need
	for _, n := range f.Needs {
		if _, asked := facts.Needs[n]; !asked {
			out = append(out, n)
		}
	}
	return out
}
