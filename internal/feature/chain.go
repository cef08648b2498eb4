package feature

import (
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// Link is one step of a chain: a feature, and by what it came in.
type Link struct {
	ID catalogue.ID `json:"id"`
	Reason
}

// Chain is why a feature is there, from the declaration down to it: the first link is what was selected, is core
// or comes from a profile, each other one is required by the one before it.
type Chain []Link

// String is the chain as a person reads it: "continuousReplication (selected in extraFeatures) → remoteBackup →
// localBackup".
func (c Chain) String() string {
	var b strings.Builder
	for i, l := range c {
		if i > 0 {
			b.WriteString(" → ")
		}
		b.WriteString(string(l.ID))
		if i == 0 {
			b.WriteString(" (" + l.String() + ")")
		}
	}
	return b.String()
}

// Chains returns why a feature is there: one chain for each reason of its own, and the shortest one from each
// selected feature that requires it. None for a feature that is not effective.
func (r Resolution) Chains(id catalogue.ID) []Chain {
	below := map[catalogue.ID]catalogue.ID{id: ""} // what each requires on the shortest way to id
	var out []Chain
	for next := []catalogue.ID{id}; len(next) > 0; next = next[1:] {
		e, ok := r.Lookup(next[0])
		if !ok {
			continue
		}
		for _, why := range e.Why {
			if why.Kind != RequiredBy {
				out = append(out, chain(next[0], why, below))
				continue
			}
			user := catalogue.ID(why.By)
			if _, seen := below[user]; !seen {
				below[user] = next[0]
				next = append(next, user)
			}
		}
	}
	return out
}

func chain(top catalogue.ID, why Reason, below map[catalogue.ID]catalogue.ID) Chain {
	c := Chain{{top, why}}
	for at := top; below[at] != ""; at = below[at] {
		c = append(c, Link{below[at], Reason{RequiredBy, string(at)}})
	}
	return c
}

// Users returns the effective features that require id, directly or not.
func (r Resolution) Users(id catalogue.ID) []catalogue.ID {
	var out []catalogue.ID
	for _, e := range r.Effective {
		if e.ID != id && slices.Contains(r.catalogue().Closure(e.ID), id) {
			out = append(out, e.ID)
		}
	}
	return out
}
