package reconcile

import (
	"context"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// chains are all that layers are part of, at one revision.
type chains struct {
	volumes []store.Object[storage.Volume]
	trash   []store.Object[storage.Trashed]
	sets    []store.Object[vm.Snapshot]
	needed  map[string]bool   // layers that somebody writes to, goes back to, or that are an image's, by ID
	noted   map[string]bool   // layers that notes name which the store does not know
	all     [][]storage.Layer // every chain
}

func (e *Engine) chains(ctx context.Context) (*chains, error) {
	c := &chains{needed: map[string]bool{}, noted: map[string]bool{}}
	var at int64
	var err error
	if c.volumes, at, err = store.ListAll[storage.Volume](ctx, e.Store, store.SpecPrefix(KindVolume)); err != nil {
		return nil, err
	}
	if c.trash, _, err = store.ListAt[storage.Trashed](ctx, e.Store, store.SpecPrefix(KindTrash), at); err != nil {
		return nil, err
	}
	if c.sets, _, err = store.ListAt[vm.Snapshot](ctx, e.Store, store.SpecPrefix(KindSnapshot), at); err != nil {
		return nil, err
	}
	images, _, err := store.ListAt[storage.Image](ctx, e.Store, store.SpecPrefix(KindImage), at)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, o := range c.volumes {
		known[o.Value.UID] = true
		c.add(o.Value.Chain())
	}
	for _, o := range c.trash {
		known[o.Value.UID] = true
		c.add(o.Value.Chain())
	}
	for _, o := range c.sets {
		for _, d := range o.Value.Disks {
			c.add(d.Layers)
		}
	}
	for _, i := range images {
		c.needed[i.Value.UID] = true
	}
	var in storage.Volume // one layer of each pool
	for _, chain := range c.all {
		if !slices.ContainsFunc(in.Layers, func(l storage.Layer) bool { return l.Pool == chain[0].Pool }) {
			in.Layers = append(in.Layers, chain[0])
		}
	}
	if len(in.Layers) == 0 {
		return c, nil
	}
	return c, e.noted(ctx, in, known, c.noted)
}

func (c *chains) add(chain []storage.Layer) {
	if len(chain) > 0 {
		c.all = append(c.all, chain)
		c.needed[chain[len(chain)-1].ID] = true
	}
}

// loose is the place in a volume's chain of a layer that nobody needs for itself; -1 for none.
func (c *chains) loose(v storage.Volume) int {
	open := map[string]bool{}
	for id := range c.noted {
		open[id] = true
	}
	for _, o := range c.volumes {
		if o.Value.UID != v.UID {
			for _, l := range o.Value.Chain() {
				open[l.ID] = true
			}
		}
	}
	return storage.Loose(v.Chain(), c.needed, c.all, open)
}

// without puts into a transaction that two layers are one in every chain, and returns the layers that stand on them.
func (c *chains) without(m merging, txn *store.Txn, values map[string]any) (above []storage.Layer) {
	seen := map[string]bool{}
	change := func(kv store.KV, chain []storage.Layer, put func([]storage.Layer)) {
		next, changed := m.Merged(m.chain, chain)
		if !changed {
			return
		}
		for i, l := range next {
			if l.ID == m.Stays(m.chain).ID && i+1 < len(next) && !seen[next[i+1].ID] {
				seen[next[i+1].ID], above = true, append(above, next[i+1])
			}
		}
		if _, has := values[kv.Key]; !has {
			txn.If = append(txn.If, store.ModRevision(kv.Key, kv.ModRevision))
		}
		put(next)
	}
	for _, o := range c.volumes {
		change(o.KV, o.Value.Chain(), func(next []storage.Layer) { values[o.Key] = o.Value.On(next) })
	}
	for _, o := range c.trash {
		change(o.KV, o.Value.Chain(), func(next []storage.Layer) {
			t := o.Value
			t.Volume = t.On(next)
			values[o.Key] = t
		})
	}
	for _, o := range c.sets {
		set := o.Value
		set.Disks = maps.Clone(set.Disks)
		for device, d := range set.Disks {
			change(o.KV, d.Layers, func(next []storage.Layer) {
				d.Layers = next
				set.Disks[device] = d
				values[o.Key] = set
			})
		}
	}
	return above
}
