// Package catalogue holds what is known about features before anybody declares anything: every
// feature with every column, how two of them get on, what each needs, profiles, sets, risk levels
// and platforms.
//
// What lives here: data, split into one file a category (data_*.go), the specification's tables and lists
// (data_tables.go, line.go, phase.go, tree.go), the checks that the data hangs together, and look-ups. What does
// not: what follows for one declaration (package feature), and the published document (feature/matrix).
//
// The data follows the feature compatibility matrix (the specification) and the page that settles
// what it leaves open; Source strings name the table or decision.
package catalogue

import (
	"slices"
	"sync"
)

// Data is a catalogue as it is written down.
type Data struct {
	Features  []Feature
	Relations []Relation
	Sets      []Ceiling
	Profiles  []Profile
	Aliases   map[string]ID // an older name and what it is called now
	// NotInBuild names the features whose hands do not exist yet. Who builds one takes it off.
	NotInBuild []ID

	Tables         []Table
	Modes          []Mode
	Phases         []PhaseTable
	Trees          []Tree
	Configurations []Configuration
	Matrix, Loads  []MatrixRow // the rows of the pairs' table, and of the performance table
}

// Catalogue is checked data with its derived parts. It is never changed once made, and may be used
// by many at once.
type Catalogue struct {
	features  []Feature
	index     map[ID]int
	closure   map[ID][]ID // what a feature requires, all the way down, itself included
	bottomUp  []int       // features after those that they require
	relations []Relation
	pairs     map[pair]int
	sets      []Ceiling
	profiles  []Profile
	aliases   map[string]ID
	names     []string // ids and aliases, for the search of nearest names
	missing   map[ID]bool

	tables         []Table
	modes          []Mode
	phases         []PhaseTable
	trees          []Tree
	configurations []Configuration
	matrix, loads  []MatrixRow
	places         places
}

// New checks d and derives what follows from it. The error lists everything that is wrong with d.
func New(d Data) (*Catalogue, error) {
	c := &Catalogue{
		features:  slices.Clone(d.Features),
		index:     make(map[ID]int, len(d.Features)),
		relations: slices.Clone(d.Relations),
		pairs:     make(map[pair]int, len(d.Relations)),
		sets:      d.Sets,
		aliases:   d.Aliases,
		missing:   make(map[ID]bool, len(d.NotInBuild)),

		modes: d.Modes, phases: d.Phases, trees: d.Trees, configurations: d.Configurations, matrix: d.Matrix, loads: d.Loads,
	}
	for i, f := range c.features {
		c.index[f.ID] = i
		c.names = append(c.names, string(f.ID))
	}
	for name := range c.aliases {
		c.names = append(c.names, name)
	}
	for i, r := range c.relations {
		c.pairs[pairOf(r.A, r.B)] = i
	}
	for _, id := range d.NotInBuild {
		c.missing[id] = true
	}
	c.tables = c.filled(d.Tables)
	if err := check(c, d); err != nil {
		return nil, err
	}
	c.derive(d)
	return c, nil
}

// filled returns the tables with the rows that are a feature's on each platform, where they are written.
func (c *Catalogue) filled(in []Table) []Table {
	out := slices.Clone(in)
	for i, t := range out {
		out[i].Rows = slices.Clone(t.Rows)
		for j, r := range out[i].Rows {
			at, known := c.index[r.Feature]
			if t.Name != OperatingSystems || !known || r.Cells != nil {
				continue
			}
			for _, p := range t.Columns {
				out[i].Rows[j].Cells = append(out[i].Rows[j].Cells, c.features[at].Platforms[Platform(p)])
			}
		}
	}
	return out
}

// derive fills in what is written elsewhere: a feature's set, the closures, the full profile.
func (c *Catalogue) derive(d Data) {
	for _, s := range c.sets {
		for _, m := range s.Members {
			f := &c.features[c.index[m.ID]]
			f.Set, f.SetMark = s.Name, m.Mark
		}
	}
	c.closure = make(map[ID][]ID, len(c.features))
	for _, f := range c.features {
		c.closure[f.ID] = c.inOrder(c.reach(f.ID))
	}
	for i := range c.features {
		c.bottomUp = append(c.bottomUp, i)
	}
	slices.SortStableFunc(c.bottomUp, func(a, b int) int { // a closure is larger than those within it
		return len(c.closure[c.features[a].ID]) - len(c.closure[c.features[b].ID])
	})
	for _, p := range d.Profiles {
		if p.All {
			p.Members = c.notCritical()
		}
		c.profiles = append(c.profiles, p)
	}
	c.place()
}

// reach returns id and all that it requires, directly or not.
func (c *Catalogue) reach(id ID) map[ID]bool {
	seen, todo := map[ID]bool{id: true}, []ID{id}
	for len(todo) > 0 {
		next := c.features[c.index[todo[0]]].Requires
		todo = todo[1:]
		for _, r := range next {
			if !seen[r] {
				seen[r] = true
				todo = append(todo, r)
			}
		}
	}
	return seen
}

func (c *Catalogue) inOrder(in map[ID]bool) []ID {
	var out []ID
	for _, f := range c.features {
		if in[f.ID] {
			out = append(out, f.ID)
		}
	}
	return out
}

func (c *Catalogue) notCritical() []ID {
	var out []ID
	for _, f := range c.features {
		if !f.Core && f.Risk != Critical {
			out = append(out, f.ID)
		}
	}
	return out
}

// Default returns the catalogue of this build. Its data is checked by this package's tests, so a
// fault in it is a fault of the build.
var Default = sync.OnceValue(func() *Catalogue {
	c, err := New(Standard())
	if err != nil {
		panic("the feature catalogue does not hang together: " + err.Error())
	}
	return c
})
