package storage

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func chainOf(ids string) []Layer {
	var out []Layer
	for _, id := range ids {
		out = append(out, Layer{ID: string(id), Pool: "default", Format: QCOW2})
	}
	return out
}

func TestALayerThatNobodyNeedsForItselfIsLoose(t *testing.T) {
	for _, c := range []struct {
		name   string
		chain  string
		others []string // of volumes, sets and what is in the trash
		open   string
		want   int
	}{
		{"one layer", "a", nil, "", -1},
		{"a set stands on the base", "ab", []string{"a"}, "", -1},
		{"nobody stands on the base", "ab", nil, "", 0},
		{"the set in the middle is gone", "abcd", []string{"a", "abc"}, "", 1},
		{"the lowest is first", "abcd", nil, "", 0},
		{"another branch", "ab", []string{"ac"}, "", -1},
		{"another branch, higher", "abd", []string{"abc"}, "", 0},
		{"others have what it would be merged with", "abc", nil, "b", -1},
		{"others have what is below", "abc", nil, "a", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			chains, needed, open := [][]Layer{chainOf(c.chain)}, map[string]bool{c.chain[len(c.chain)-1:]: true}, map[string]bool{}
			for _, o := range c.others {
				chains, needed[o[len(o)-1:]] = append(chains, chainOf(o)), true
			}
			for _, id := range c.open {
				open[string(id)] = true
			}
			if got := Loose(chainOf(c.chain), needed, chains, open); got != c.want {
				t.Errorf("it is %d, and not %d", got, c.want)
			}
		})
	}
}

// read is what a chain reads as, by which layer each of some blocks is read from.
func read(chain []Layer, holds map[string]map[int]string) string {
	out := ""
	for block := range 8 {
		has := "-"
		for _, l := range chain {
			if v, ok := holds[l.ID][block]; ok {
				has = v
			}
		}
		out += has
	}
	return out
}

// Whatever is merged, in whatever direction, every chain reads as before, and nobody loses what he goes back to.
func TestEveryChainReadsTheSameAfterAMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parent := []int{-1}
		for i := 1; i < rapid.IntRange(2, 9).Draw(t, "layers"); i++ {
			parent = append(parent, rapid.IntRange(0, i-1).Draw(t, "on"))
		}
		holds := map[string]map[int]string{}
		for i := range parent {
			id := fmt.Sprint(i)
			holds[id] = map[int]string{}
			for block := range 8 {
				if rapid.Bool().Draw(t, "written") {
					holds[id][block] = id
				}
			}
		}
		path := func(i int) (out []Layer) {
			for ; i >= 0; i = parent[i] {
				out = append([]Layer{{ID: fmt.Sprint(i), Pool: "p"}}, out...)
			}
			return out
		}
		chains := [][]Layer{path(len(parent) - 1)}
		for i := range len(parent) - 1 {
			if rapid.Bool().Draw(t, "set") {
				chains = append(chains, path(i))
			}
		}
		needed := map[string]bool{}
		var before []string
		for _, c := range chains {
			needed[c[len(c)-1].ID] = true
			before = append(before, read(c, holds))
		}
		for {
			at := Loose(chains[0], needed, chains, nil)
			if at < 0 {
				break
			}
			of := chains[0]
			m := Merge{At: at, Down: rapid.Bool().Draw(t, "down")}
			both := map[int]string{}
			for _, l := range []Layer{m.Lower(of), m.Upper(of)} {
				for block, v := range holds[l.ID] {
					both[block] = v
				}
			}
			holds[m.Stays(of).ID] = both
			if needed[m.Gone(of).ID] { // what was its top is now the one that holds both
				needed[m.Stays(of).ID] = true
			}
			for i := range chains {
				chains[i], _ = m.Merged(of, chains[i])
				if Has(chains[i], m.Gone(of).ID) {
					t.Fatalf("%s is gone, and in %v", m.Gone(of).ID, chains[i])
				}
			}
		}
		for i, c := range chains {
			if got := read(c, holds); got != before[i] {
				t.Fatalf("chain %d reads %s, and read %s", i, got, before[i])
			}
		}
	})
}

// What one key protects never goes to where another opens it, or none.
func TestLayersOfTwoKeysAreNotMerged(t *testing.T) {
	chain := []Layer{{ID: "a", Key: "one"}, {ID: "b"}}
	if at := Loose(chain, map[string]bool{"b": true}, [][]Layer{chain}, nil); at != -1 {
		t.Errorf("%d is merged", at)
	}
}

func TestWhatStaysIsAsLargeAsTheUpperOne(t *testing.T) {
	chain := []Layer{{ID: "a", Format: Raw, Size: 10}, {ID: "b", Format: QCOW2, Size: 20}}
	next, changed := Merge{Down: true}.Merged(chain, chain)
	if want := []Layer{{ID: "a", Format: Raw, Size: 20}}; !changed || !slices.Equal(next, want) {
		t.Errorf("it is %+v", next)
	}
}
