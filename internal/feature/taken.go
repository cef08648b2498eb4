package feature

import (
	"strings"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// out is a way that turns a feature off, with its words.
type out struct {
	way   way
	ways  []finding.Way // the way alone
	words string
	later string // the words, behind those that wait for the release that brings the feature
}

// worded is a way with its words.
func (r *room) worded(steps way) *out {
	o := &out{way: steps, ways: r.edits(steps)}
	steps.write(r.begin(length(steps)))
	o.words = r.end()
	return o
}

// either gives f the remedy to do one of two things.
func (r *room) either(f finding.Finding, a, b *out) finding.Finding {
	f.Remedy, f.Ways = r.join(a.words, "; or ", b.words), r.edits(a.way, b.way)
	return f
}

// spelled is the ways out that a feature's id is enough for: most findings offer one of them, and they are made once
// for every name of the catalogue.
type spelled struct {
	id    string
	taken [1 << len(options)]out // by lists, as bits: to take the id out of each of them
	off   out                    // to turn it off
}

// spell is by place. Who uses it looks at the id: an edit follows from that alone, whatever the catalogue.
var spell = sync.OnceValue(func() []spelled {
	all := make([]spelled, catalogue.Default().Len())
	for place := range all {
		s := &all[place]
		s.id = string(catalogue.Default().At(place).ID)
		for lists := range s.taken {
			for l := range options {
				if lists&(1<<l) != 0 {
					s.taken[lists].way = append(s.taken[lists].way, remove(options[l], s.id))
				}
			}
			s.taken[lists].keep()
		}
		s.off.way = way{add(optDisabled, s.id)}
		s.off.keep()
	}
	return all
})

// keep words an out that many will share: what is appended to it goes elsewhere.
func (o *out) keep() {
	var b strings.Builder
	o.way.write(&b)
	o.way = o.way[:len(o.way):len(o.way)]
	o.ways = []finding.Way{finding.Way(o.way)}
	o.words = b.String()
	o.later = leaveIt + "; or " + o.words
}

// spelled is what is made once of a feature's name; nil for one that the catalogue of this build does not know.
func (w *wish) spelled(place int) *spelled {
	all := spell()
	if place >= len(all) || all[place].id != string(w.cat.At(place).ID) {
		return nil
	}
	return &all[place]
}

// unmention takes mentions of one feature back.
func (w *wish) unmention(at []mention) *out {
	if o := w.taken(at); o != nil {
		return o
	}
	return w.worded(w.unmentioned(w.steps.take(len(at)), at))
}

// taken is what takes mentions of one feature back, where all of them are by its id; nil otherwise.
func (w *wish) taken(at []mention) *out {
	lists := 0
	for _, m := range at {
		if m.older {
			return nil
		}
		lists |= 1 << m.in
	}
	if lists == 0 {
		return nil
	}
	s := w.spelled(int(at[0].place))
	if s == nil {
		return nil
	}
	return &s.taken[lists]
}
