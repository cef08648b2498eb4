package storage

import "slices"

// Merge is what becomes of a layer that nobody needs for itself: together with the one layer that stands on it, it is one.
type Merge struct {
	At int // its place in its chain; the layer that stands on it is the next
	// Down: what stands on it is written into it, and goes. Else it is the other way round.
	Down bool
}

// Loose finds the lowest layer of a chain that nobody needs for itself, and returns its place; -1 for none. needed are the
// layers that somebody writes to or goes back to, and chains are all that there are, this one too: what two layers
// stand on stays as it is. open are the layers of what others may have open: those are not written to. Nor does anything go into a layer that another key opens, or none.
func Loose(chain []Layer, needed map[string]bool, chains [][]Layer, open map[string]bool) int {
	for i := range len(chain) - 1 {
		lower, upper := chain[i].ID, chain[i+1].ID
		if needed[lower] || open[lower] || open[upper] || chain[i].Pool != chain[i+1].Pool || chain[i].Key != chain[i+1].Key {
			continue
		}
		if !slices.ContainsFunc(chains, func(c []Layer) bool {
			at := slices.IndexFunc(c, func(l Layer) bool { return l.ID == lower })
			return at >= 0 && (at == len(c)-1 || c[at+1].ID != upper)
		}) {
			return i
		}
	}
	return -1
}

// Lower is the layer that nobody needs, and Upper the one on it.
func (m Merge) Lower(chain []Layer) Layer { return chain[m.At] }

// Upper is the layer that stands on the one which nobody needs.
func (m Merge) Upper(chain []Layer) Layer { return chain[m.At+1] }

// Gone is the layer that there is none of afterwards, and Stays the one that holds what both held.
func (m Merge) Gone(chain []Layer) Layer {
	if m.Down {
		return m.Upper(chain)
	}
	return m.Lower(chain)
}

// Stays is the layer that holds what both held, as large as the upper one was.
func (m Merge) Stays(chain []Layer) Layer {
	if !m.Down {
		return m.Upper(chain)
	}
	l := m.Lower(chain)
	l.Size = m.Upper(chain).Size
	return l
}

// Merged returns chain as it is afterwards, and whether that is another: it holds the two.
func (m Merge) Merged(of, chain []Layer) ([]Layer, bool) {
	i := slices.IndexFunc(chain, func(l Layer) bool { return l.ID == m.Lower(of).ID })
	if i < 0 || i+1 >= len(chain) || chain[i+1].ID != m.Upper(of).ID {
		return chain, false
	}
	out := slices.Clone(chain)
	stays, is := m.Stays(of), out[i+1]
	if m.Down {
		is = out[i]
	}
	is.Size = stays.Size
	out[i+1] = is
	return slices.Delete(out, i, i+1), true
}
