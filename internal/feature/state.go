package feature

import (
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// effective says how each feature of a settled selection stands on the host, and why it is there.
func (w *wish) effective(s selection, facts Facts) []Effective {
	in := w.all(s)
	there := in | w.cat.Core()
	standings := make([]standing, w.cat.Len())
	for _, i := range w.cat.Order() {
		if there.Has(i) {
			standings[i] = w.held(i, facts, standings)
		}
	}
	out := make([]Effective, 0, there.Len())
	for i := range there.Each() {
		e := Effective{ID: w.cat.At(i).ID, State: standings[i].state, Held: standings[i].why, Why: w.reasons(i, s, in)}
		if w.cat.Built().Has(i) {
			e.NotAsked = notAsked(w.cat.At(i), facts)
		}
		out = append(out, e)
	}
	return out
}

func (w *wish) reasons(place int, s selection, in catalogue.Bits) []Reason {
	users := w.cat.Requirers(place) & in
	named := w.named.of(place)
	out := make([]Reason, 0, 2+len(named)+users.Len())
	if w.cat.Core().Has(place) {
		out = append(out, Reason{Kind: IsCore})
	}
	for _, m := range named {
		if r := (Reason{Selected, m.option}); !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	if s.members.Has(place) {
		out = append(out, Reason{FromProfile, w.profile.Name})
	}
	for u := range users.Each() {
		out = append(out, Reason{RequiredBy, string(w.cat.At(u).ID)})
	}
	return out
}

// standing is how far a feature has come.
type standing struct {
	state State
	why   []string
}

// held works out a feature's state from the build, the platform, its needs and what it requires;
// before holds the standings of what it requires. The worst wins, and each is told.
func (w *wish) held(place int, facts Facts, before []standing) standing {
	f := w.cat.At(place)
	st := standing{state: On}
	if !w.cat.Built().Has(place) {
		st.hold(Unavailable, "not in this build")
		w.say(w.notInBuild(place))
		return st
	}
	if support, inherited := w.cat.Support(f.ID, facts.Platform); support.Mark == catalogue.Nothing {
		st.hold(Unavailable, "not on "+string(facts.Platform)+": "+support.Reason)
		if f.Core && !inherited {
			w.say(noPlatform(f, facts.Platform, support))
		}
		return st
	}
	for _, o := range w.lacks(place, facts) {
		st.hold(Waiting, o.what)
		w.say(w.waits(place, o))
	}
	for _, id := range f.Requires { // what is held back by something that is not on
		r, _, _ := w.cat.Place(string(id))
		state := before[r].state
		if state == On {
			continue
		}
		st.hold(state, "requires "+string(id)+", which is "+string(state))
		w.say(w.heldUp(place, r, state))
	}
	return st
}

func (st *standing) hold(s State, why string) {
	if st.state != Unavailable {
		st.state = s
	}
	st.why = append(st.why, why)
}

func (w *wish) heldUp(place, by int, state State) finding.Finding {
	severity, code := finding.Waiting, codeHeldUp
	if state == Unavailable {
		severity, code = finding.Unavailable, codeHeldBack
	}
	id, on := string(w.cat.At(place).ID), string(w.cat.At(by).ID)
	return mendable(finding.Finding{
		Code: code, Severity: severity, Path: w.path(place, 0), Subject: []string{id, on},
		What: id + " is " + string(state) + ": it requires " + on, Why: on + " is " + string(state),
		Source: "reading the matrix: decision 2",
	}, "see what is said of "+on, w.out(place).way)
}

func (w *wish) notInBuild(place int) finding.Finding {
	f := w.cat.At(place)
	what, why := w.cat.Absent(place)
	told := finding.Finding{
		Code: codeNotInBuild, Severity: finding.Unavailable, Path: w.path(place, 0), Subject: w.cat.Name(place),
		What: what, Why: why, Source: "reading the matrix: decision 2",
	}
	if f.Core {
		return mended(told, "nothing to do: it turns on with the release that brings it")
	}
	return w.mended(told, leaveIt, place)
}

var leaveIt = ways{{do("leave it declared: it turns on with the release that brings it")}}

func noPlatform(f *catalogue.Feature, p catalogue.Platform, s catalogue.Support) finding.Finding {
	return finding.Finding{
		Code: codeNoPlatform, Severity: finding.Unavailable, Subject: []string{string(f.ID)},
		What: string(f.ID) + " is unavailable on " + string(p) + ", and with it all that works on VMs", Why: s.Reason,
		Remedy: s.Remedy,
		Source: "compatibility matrix: Operating Systems",
	}
}

func (w *wish) waits(place int, o objection) finding.Finding {
	id := string(w.cat.At(place).ID)
	return w.mended(finding.Finding{
		Code: codeWaiting, Severity: finding.Waiting, Path: w.path(place, 0), Subject: w.cat.Name(place),
		What: id + " is waiting: it " + o.what, Why: o.why, Source: o.source,
	}, o.fix, place)
}

func notAsked(f *catalogue.Feature, facts Facts) []catalogue.Need {
	var out []catalogue.Need
	for _, n := range f.Needs {
		if _, asked := facts.Needs[n]; !asked {
			out = append(out, n)
		}
	}
	return out
}
