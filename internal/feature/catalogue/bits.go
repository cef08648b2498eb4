package catalogue

import (
	"iter"
	"math/bits"
	"slices"
)

// Bits is a set of features: one bit each, by their places in the catalogue. Resolving works on sets
// all the time, and a word is the cheapest there is.
type Bits uint64

// MaxFeatures is how many features a catalogue may hold: the bits of a Bits.
const MaxFeatures = 64

// Bit is the set of one feature.
func Bit(place int) Bits { return 1 << place }

// Has reports whether the feature at that place is in b.
func (b Bits) Has(place int) bool { return b&Bit(place) != 0 }

// Len is how many are in b.
func (b Bits) Len() int { return bits.OnesCount64(uint64(b)) }

// Each yields the places in b, in the catalogue's order.
func (b Bits) Each() iter.Seq[int] {
	return func(yield func(int) bool) {
		for b != 0 {
			if !yield(bits.TrailingZeros64(uint64(b))) {
				return
			}
			b &= b - 1
		}
	}
}

// First is the first place in b, or -1 where b is empty.
func (b Bits) First() int {
	if b == 0 {
		return -1
	}
	return bits.TrailingZeros64(uint64(b))
}

// Pair is a relation with the places of its two features.
type Pair struct {
	*Relation
	APlace, BPlace int
	Narrowest      []Scope  // of Narrow, widest first
	Names          []string // of the two, as a finding's subject
	both           Bits
}

// Both reports whether both features of p are in b.
func (p *Pair) Both(b Bits) bool { return b&p.both == p.both }

// places is what is derived from a catalogue for work on sets.
type places struct {
	needed    []Bits // by place: what it requires, all the way down, itself included
	users     []Bits // by place: what requires it, all the way up, itself included
	requirers []Bits // by place: what requires it directly
	core      Bits
	built     Bits
	ranks     []int   // by place: of its risk
	requires  [][]int // by place: the places of what it names among its requirements
	pairs     []Pair
	supports  map[Platform][]Standing
	profiles  map[string]Bits
	names     [][]string  // by place: its id alone, as a finding's subject
	exposed   []string    // by place: that it exposes what it does
	absent    [][2]string // by place: what is told of it where this build lacks it, and why
}

func (c *Catalogue) place() {
	n := len(c.features)
	p := places{needed: make([]Bits, n), users: make([]Bits, n), requirers: make([]Bits, n), profiles: map[string]Bits{}}
	for i, f := range c.features {
		if f.Core {
			p.core |= Bit(i)
		}
		if !c.missing[f.ID] {
			p.built |= Bit(i)
		}
		id := string(f.ID)
		p.names = append(p.names, []string{id})
		p.exposed = append(p.exposed, "it exposes "+f.Exposes)
		why := "the code behind it does not exist yet"
		if !f.Core {
			why += "; until then: " + f.Off
		}
		p.absent = append(p.absent, [2]string{id + " is unavailable: not in this build", why})
		for _, id := range c.closure[f.ID] {
			p.needed[i] |= Bit(c.index[id])
			p.users[c.index[id]] |= Bit(i)
		}
		p.ranks = append(p.ranks, f.Risk.Rank())
		p.requires = append(p.requires, nil)
		for _, id := range f.Requires {
			p.requires[i] = append(p.requires[i], c.index[id])
			p.requirers[c.index[id]] |= Bit(i)
		}
	}
	for i := range c.relations {
		r := &c.relations[i]
		p.pairs = append(p.pairs, Pair{r, c.index[r.A], c.index[r.B], r.Narrower(), []string{string(r.A), string(r.B)}, Bit(c.index[r.A]) | Bit(c.index[r.B])})
	}
	for _, profile := range c.profiles {
		var in Bits
		for _, id := range profile.Members {
			in |= Bit(c.index[id])
		}
		p.profiles[profile.Name] = in
	}
	p.supports = map[Platform][]Standing{}
	for _, platform := range append(Platforms(), NotAsked, AnyOther) {
		for _, f := range c.features {
			support, inherited := c.Support(f.ID, platform)
			p.supports[platform] = append(p.supports[platform], Standing{support, inherited})
		}
	}
	c.places = p
}

// Place returns the place of the feature that name, an id or an older name, stands for.
func (c *Catalogue) Place(name string) (place int, older, ok bool) {
	if i, ok := c.index[ID(name)]; ok {
		return i, false, true
	}
	if id, ok := c.aliases[name]; ok {
		return c.index[id], true, true
	}
	return -1, false, false
}

// At returns the feature at a place. Callers must not change it.
func (c *Catalogue) At(place int) *Feature { return &c.features[place] }

// Name is the id of the feature at a place, as a list of one. Callers must not change it.
func (c *Catalogue) Name(place int) []string { return c.places.names[place] }

// Exposed says that the feature at a place exposes what it does.
func (c *Catalogue) Exposed(place int) string { return c.places.exposed[place] }

// Absent is what is told of the feature at a place where this build lacks it, and why.
func (c *Catalogue) Absent(place int) (what, why string) {
	return c.places.absent[place][0], c.places.absent[place][1]
}

// Needed is what the feature at a place requires, all the way down, itself included.
func (c *Catalogue) Needed(place int) Bits { return c.places.needed[place] }

// Users is what requires the feature at a place, all the way up, itself included.
func (c *Catalogue) Users(place int) Bits { return c.places.users[place] }

// Requirers is what names the feature at a place among its requirements.
func (c *Catalogue) Requirers(place int) Bits { return c.places.requirers[place] }

// Requires is the places of what the feature at a place names among its requirements. Callers must not change it.
func (c *Catalogue) Requires(place int) []int { return c.places.requires[place] }

// Rank is the rank of the risk of the feature at a place.
func (c *Catalogue) Rank(place int) int { return c.places.ranks[place] }

// Standing is what Support says of a feature.
type Standing struct {
	Support
	Inherited bool
}

// Supports is what Support says of each feature, by its place. Callers must not change it.
func (c *Catalogue) Supports(p Platform) []Standing {
	if all, known := c.places.supports[p]; known {
		return all
	}
	return c.places.supports[AnyOther]
}

// Core is what is always on.
func (c *Catalogue) Core() Bits { return c.places.core }

// Built is what this build has hands for.
func (c *Catalogue) Built() Bits { return c.places.built }

// Pairs returns every relation, in the order in which they are written. Callers must not change it.
func (c *Catalogue) Pairs() []Pair { return c.places.pairs }

// Within yields the relations of which both features are in b, with their places in Pairs.
func (c *Catalogue) Within(b Bits) iter.Seq2[int, *Pair] {
	return func(yield func(int, *Pair) bool) {
		for at := range c.places.pairs {
			if p := &c.places.pairs[at]; p.Both(b) && !yield(at, p) {
				return
			}
		}
	}
}

// MembersOf is what a profile names; empty for one that does not exist.
func (c *Catalogue) MembersOf(profile string) Bits { return c.places.profiles[profile] }

// Closed is b with everything that it requires.
func (c *Catalogue) Closed(b Bits) Bits {
	var out Bits
	for i := range b.Each() {
		out |= c.places.needed[i]
	}
	return out
}

// Order returns the places so that each comes after those that it requires. Callers must not change it.
func (c *Catalogue) Order() []int { return c.bottomUp }

// IDs returns the ids of b in the catalogue's order.
func (c *Catalogue) IDs(b Bits) []ID {
	if b == 0 {
		return nil
	}
	ids := make([]ID, 0, b.Len())
	for i := range b.Each() {
		ids = append(ids, c.features[i].ID)
	}
	return ids
}

// SortedIDs returns the ids of b by name.
func (c *Catalogue) SortedIDs(b Bits) []ID {
	ids := c.IDs(b)
	slices.Sort(ids)
	return ids
}
