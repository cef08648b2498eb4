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
	var room [catalogue.MaxFeatures]standing
	standings := room[:w.cat.Len()]
	for _, i := range w.cat.Order() {
		if there.Has(i) {
			w.stand(i, facts, standings)
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
	var lists uint8
	for _, m := range w.named.of(place) {
		lists |= 1 << m.in
	}
	core := w.cat.Core().Has(place)
	if users == 0 && !core && !s.members.Has(place) {
		return selectedIn[lists]
	}
	out := w.reasonsOf.take(2 + len(selectedIn[lists]) + users.Len())
	if core {
		out = append(out, Reason{Kind: IsCore})
	}
	out = append(out, selectedIn[lists]...)
	if s.members.Has(place) {
		out = append(out, Reason{FromProfile, w.profile.Name})
	}
	for u := range users.Each() {
		out = append(out, Reason{RequiredBy, string(w.cat.At(u).ID)})
	}
	return out
}

// selectedIn is the reasons of what is named and has no other, by the options that name it, as bits. They are shared.
var selectedIn = func() (all [1 << len(options)][]Reason) {
	for lists := range all {
		for n, option := range options {
			if lists&(1<<n) != 0 {
				all[lists] = append(all[lists], Reason{Selected, option})
			}
		}
		all[lists] = slices.Clip(all[lists])
	}
	return all
}()

// standing is how far a feature has come.
type standing struct {
	state State
	why   []string
}

// stand works out a feature's state from the build, the platform, its needs and what it requires;
// those of what it requires are there already. The worst wins, and each is told.
func (w *wish) stand(place int, facts Facts, all []standing) {
	f, st := w.cat.At(place), &all[place]
	st.state = On
	if !w.cat.Built().Has(place) {
		w.hold(st, Unavailable, "not in this build")
		w.say(w.notInBuild(place))
		return
	}
	if support := w.supports[place]; support.Mark == catalogue.Nothing {
		w.hold(st, Unavailable, "not on "+string(facts.Platform)+": "+support.Reason)
		if f.Core && !support.Inherited {
			w.say(noPlatform(f, facts.Platform, support.Support))
		}
		return
	}
	var held [4]objection
	for _, o := range w.lacks(place, facts, held[:0]) {
		w.hold(st, Waiting, o.what)
		w.say(w.waits(place, o))
	}
	for _, r := range w.cat.Requires(place) { // what is held back by something that is not on
		state := all[r].state
		if state == On {
			continue
		}
		w.hold(st, state, w.join("requires ", string(w.cat.At(r).ID), ", which is ", string(state)))
		w.say(w.heldUp(place, r, state))
	}
}

func (w *wish) hold(st *standing, s State, why string) {
	if st.state != Unavailable {
		st.state = s
	}
	if st.why == nil {
		st.why = w.names.take(1)
	}
	st.why = append(st.why, why)
}

func (w *wish) heldUp(place, by int, state State) finding.Finding {
	severity, code := finding.Waiting, codeHeldUp
	if state == Unavailable {
		severity, code = finding.Unavailable, codeHeldBack
	}
	id, on := string(w.cat.At(place).ID), string(w.cat.At(by).ID)
	return w.mendable(finding.Finding{
		Code: code, Severity: severity, Path: w.path(place, 0), Subject: w.words(id, on),
		What: w.join(id, " is ", string(state), ": it requires ", on), Why: w.join(on, " is ", string(state)),
		Source: "reading the matrix: decision 2",
	}, w.join("see what is said of ", on), w.out(place).way)
}

func (w *wish) notInBuild(place int) finding.Finding {
	f := w.cat.At(place)
	what, why := w.cat.Absent(place)
	told := finding.Finding{
		Code: codeNotInBuild, Severity: finding.Unavailable, Path: w.path(place, 0), Subject: w.cat.Name(place),
		What: what, Why: why, Source: "reading the matrix: decision 2",
	}
	if f.Core {
		return w.mended(told, "nothing to do: it turns on with the release that brings it")
	}
	o := w.out(place)
	switch {
	case len(o.way) == 0:
		return w.mended(told, leaveIt)
	case o.later == "":
		o.later = w.join(leaveIt, "; or ", o.words)
	}
	told.Remedy, told.Ways = o.later, o.ways
	return told
}

const leaveIt = "leave it declared: it turns on with the release that brings it"

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
	return w.orOff(finding.Finding{
		Code: codeWaiting, Severity: finding.Waiting, Path: w.path(place, 0), Subject: w.cat.Name(place),
		What: w.join(id, " is waiting: it ", o.what), Why: o.why, Source: o.source,
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
