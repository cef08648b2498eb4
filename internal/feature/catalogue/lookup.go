package catalogue

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/nearest"
)

// suggestions is how many near names an error offers.
const suggestions = 3

// All returns every feature in the catalogue's order.
func (c *Catalogue) All() []Feature { return slices.Clone(c.features) }

// Len is how many features there are.
func (c *Catalogue) Len() int { return len(c.features) }

// Each yields every feature in the catalogue's order, without a copy of the whole.
func (c *Catalogue) Each() iter.Seq2[int, Feature] { return slices.All(c.features) }

// BottomUp yields every feature after those that it requires.
func (c *Catalogue) BottomUp() iter.Seq[Feature] {
	return func(yield func(Feature) bool) {
		for _, i := range c.bottomUp {
			if !yield(c.features[i]) {
				return
			}
		}
	}
}

// Lookup returns the feature that name, an id or an older name, stands for. notice is empty for an
// id; for an older name it says what the feature is called now. An unknown name is fault.NotFound
// with the nearest known ids.
func (c *Catalogue) Lookup(name string) (f Feature, notice string, err error) {
	if i, ok := c.index[ID(name)]; ok {
		return c.features[i], "", nil
	}
	if id, ok := c.aliases[name]; ok {
		return c.features[c.index[id]], fmt.Sprintf("%q is an older name of %q", name, id), nil
	}
	return Feature{}, "", fault.New(fault.NotFound, "there is no feature %s", Quote(name)).Try("%s", c.Hint(name))
}

// Hint says which ids somebody most likely meant by an unknown name.
func (c *Catalogue) Hint(name string) string {
	if near := c.Nearest(name); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	return "hv feature list names them all"
}

// Nearest returns the ids closest to name, closest first; an older name counts for its id.
func (c *Catalogue) Nearest(name string) []string {
	var ids []string
	for _, n := range nearest.Names(name, c.names, suggestions) {
		if id, ok := c.aliases[n]; ok {
			n = string(id)
		}
		if !slices.Contains(ids, n) {
			ids = append(ids, n)
		}
	}
	return ids
}

// quoted is how much of somebody's text a message repeats.
const quoted = 64

// Quote returns name in quotes for a message, cut where it is long.
func Quote(name string) string {
	if r := []rune(name); len(r) > quoted {
		name = string(r[:quoted]) + "…"
	}
	return strconv.Quote(name)
}

// Get returns the feature of a canonical id; false where there is none.
func (c *Catalogue) Get(id ID) (Feature, bool) {
	i, ok := c.index[id]
	if !ok {
		return Feature{}, false
	}
	return c.features[i], true
}

// InBuild reports whether this build has hands for id.
func (c *Catalogue) InBuild(id ID) bool { return !c.missing[id] }

// Closure returns id and everything it requires, all the way down, in the catalogue's order.
// Callers must not change it.
func (c *Catalogue) Closure(id ID) []ID { return c.closure[id] }

// Set returns what the specification's set names, with the sets below it, in its order; nil for a
// set that does not exist.
func (c *Catalogue) Set(name SetName) []Feature {
	last := slices.IndexFunc(c.sets, func(s Ceiling) bool { return s.Name == name })
	var out []Feature
	for _, s := range c.sets[:last+1] {
		for _, m := range s.Members {
			out = append(out, c.features[c.index[m.ID]])
		}
	}
	return out
}

// MaxRisk returns the features at or below a level, in the catalogue's order.
func (c *Catalogue) MaxRisk(r Risk) []Feature {
	return slices.DeleteFunc(c.All(), func(f Feature) bool { return f.Risk.Over(r) })
}

// All returns every feature of this build's catalogue.
func All() []Feature { return Default().All() }

// Lookup is Catalogue.Lookup in this build's catalogue.
func Lookup(name string) (Feature, string, error) { return Default().Lookup(name) }

// Between is Catalogue.Between in this build's catalogue.
func Between(a, b ID) (Relation, bool) { return Default().Between(a, b) }

// Set is Catalogue.Set in this build's catalogue.
func Set(name SetName) []Feature { return Default().Set(name) }

// MaxRisk is Catalogue.MaxRisk in this build's catalogue.
func MaxRisk(r Risk) []Feature { return Default().MaxRisk(r) }
