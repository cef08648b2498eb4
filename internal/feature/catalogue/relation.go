package catalogue

import (
	"iter"
	"maps"
	"slices"
)

// Kind says how two features get on that do not simply go together.
type Kind string

// The kinds of relation. Two features without a relation are fully compatible.
const (
	Conflict Kind = "conflict" // ❌
	Limited  Kind = "limited"  // ⚠️
)

// Scope says on what a conflict holds.
type Scope string

// The scopes, widest first.
const (
	OnHost      Scope = "host"      // not both on one host
	OnVM        Scope = "vm"        // both on the host, never on one VM
	OnOperation Scope = "operation" // both on one VM; one running operation waits for the other
)

var scopes = []Scope{OnHost, OnVM, OnOperation}

// Relation is how two features get on. It is written once; both directions are derived.
type Relation struct {
	A, B   ID
	Kind   Kind
	Scope  Scope  // of a conflict; empty for a limit
	Reason string // why, as a fact
	Remedy string // how to live with it
	Source string // the table or decision that says so
	// Narrow holds the scopes that the owner may choose instead, where physics allows it, and what
	// each of them adds.
	Narrow map[Scope]string
}

// Other returns the side of r that is not id.
func (r Relation) Other(id ID) ID {
	if r.A == id {
		return r.B
	}
	return r.A
}

// Choices returns the scopes that may be declared for r, widest first: its own and the narrower ones.
func (r Relation) Choices() []Scope {
	return slices.DeleteFunc(slices.Clone(scopes), func(s Scope) bool {
		_, narrow := r.Narrow[s]
		return s != r.Scope && !narrow
	})
}

// Narrower returns the scopes of Narrow, widest first.
func (r Relation) Narrower() []Scope {
	names := slices.Collect(maps.Keys(r.Narrow))
	slices.SortFunc(names, func(a, b Scope) int { return slices.Index(scopes, a) - slices.Index(scopes, b) })
	return names
}

// pair is two features without a direction.
type pair struct{ first, second ID }

func pairOf(a, b ID) pair {
	if b < a {
		a, b = b, a
	}
	return pair{a, b}
}

// Between returns the relation of a and b, whichever way round it was written; false where they
// simply go together.
func (c *Catalogue) Between(a, b ID) (Relation, bool) {
	i, ok := c.pairs[pairOf(a, b)]
	if !ok {
		return Relation{}, false
	}
	return c.relations[i], true
}

// Relations yields every relation, each once, in the order in which they are written.
func (c *Catalogue) Relations() iter.Seq2[int, Relation] { return slices.All(c.relations) }

// Verdict returns the cell of a and b in the compatibility matrix.
func (c *Catalogue) Verdict(a, b ID) Mark {
	r, ok := c.Between(a, b)
	switch {
	case !ok:
		return Full
	case r.Kind == Conflict && r.Scope == OnHost:
		return Nothing
	}
	return Limits
}
