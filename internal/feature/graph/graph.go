// Package graph draws how features hang together: what requires what, what makes what better, what conflicts and what
// limits each other.
//
// What lives here: the graph as a value, and its forms (Graphviz, Mermaid, plain text). What does not: the relations
// themselves (catalogue), and what a declaration comes to (feature).
package graph

import (
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// Graph is features and how they get on.
type Graph struct {
	Nodes []Node `json:"nodes"` // in the catalogue's order
	Edges []Edge `json:"edges"`
}

// Node is one feature.
type Node struct {
	ID       catalogue.ID       `json:"id"`
	Category catalogue.Category `json:"category"`
	Risk     catalogue.Risk     `json:"risk"`
	State    string             `json:"state,omitempty"` // on, waiting, unavailable or off; absent where nothing was resolved
}

// Kind is how the two ends of an edge get on.
type Kind string

// The kinds. The last two have no direction: each is there once.
const (
	Requires Kind = "requires"
	Optional Kind = "optional" // To makes From better
	Conflict Kind = "conflict"
	Limited  Kind = "limited"
)

// Edge is how two features get on.
type Edge struct {
	From   catalogue.ID    `json:"from"`
	To     catalogue.ID    `json:"to"`
	Kind   Kind            `json:"kind"`
	Scope  catalogue.Scope `json:"scope,omitempty"` // of a conflict
	Reason string          `json:"reason,omitempty"`
}

// Of draws a catalogue: all of it, or the named features with all that they require and with whom they have a
// relation. Where r is given each feature has its state in it.
func Of(cat *catalogue.Catalogue, r *feature.Resolution, ids ...catalogue.ID) Graph {
	in := neighbourhood(cat, ids)
	var g Graph
	for i := range in.Each() {
		f := cat.At(i)
		g.Nodes = append(g.Nodes, Node{f.ID, f.Category, f.Risk, state(r, f.ID)})
		for _, id := range f.Requires {
			g.Edges = append(g.Edges, Edge{From: f.ID, To: id, Kind: Requires})
		}
		for _, id := range f.Optional {
			if to, _, _ := cat.Place(string(id)); in.Has(to) {
				g.Edges = append(g.Edges, Edge{From: f.ID, To: id, Kind: Optional})
			}
		}
	}
	for _, p := range cat.Pairs() {
		if !p.Both(in) || len(ids) > 0 && !slices.Contains(ids, p.A) && !slices.Contains(ids, p.B) {
			continue
		}
		kind := Limited
		if p.Kind == catalogue.Conflict {
			kind = Conflict
		}
		g.Edges = append(g.Edges, Edge{p.A, p.B, kind, p.Scope, p.Reason})
	}
	return g
}

func neighbourhood(cat *catalogue.Catalogue, ids []catalogue.ID) catalogue.Bits {
	if len(ids) == 0 {
		return catalogue.Bit(cat.Len()) - 1
	}
	var in catalogue.Bits
	for _, id := range ids {
		i, _, ok := cat.Place(string(id))
		if !ok {
			continue
		}
		in |= cat.Users(i) | catalogue.Bit(i)
		for _, o := range cat.At(i).Optional {
			if to, _, ok := cat.Place(string(o)); ok {
				in |= catalogue.Bit(to)
			}
		}
		for _, p := range cat.Pairs() {
			if p.A == id || p.B == id {
				in |= catalogue.Bit(p.APlace) | catalogue.Bit(p.BPlace)
			}
		}
	}
	return cat.Closed(in)
}

func state(r *feature.Resolution, id catalogue.ID) string {
	if r == nil {
		return ""
	}
	return r.StateOf(id)
}
