package action

import (
	"context"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// planSources says what becomes of each image source when decl stands. One that was added by hand is taken over. So that a rollback does
// not lose what somebody had added, one that leaves the declaration is kept, and its owner's from then on.
func (a *Actions) planSources(ctx context.Context, p *planned, decl config.Declaration) error {
	list, _, err := store.ListAll[storage.Index](ctx, a.Store, store.SpecPrefix(kindImageSource))
	if err != nil {
		return err
	}
	all := map[string]storage.Index{}
	p.sources, p.sourcesAt = map[string]storage.Index{}, map[string]int64{}
	for _, s := range list {
		all[s.Value.Name], p.sourcesAt[s.Value.Name] = s.Value, s.ModRevision
	}
	note := func(name, becomes string, next storage.Index) {
		p.Sources = append(p.Sources, wire.PlannedImageSource{Name: name, Becomes: becomes, Kind: next.Spec.Kind, URL: next.Spec.URL})
		if becomes != wire.Unchanged {
			p.sources[name] = next
		}
	}
	for _, name := range decl.Storage.SourceNames() {
		want := decl.Storage.Images.Sources[name]
		if len(storage.CheckIndex(name, want)) > 0 {
			continue // of that the declaration's own check tells
		}
		have, there := all[name]
		becomes := wire.Unchanged
		switch {
		case !there:
			becomes = wire.Created
		case have.Spec.Effective() != want.Effective() || have.Origin != model.Declared:
			becomes = wire.Changed
		}
		have.Name, have.Spec, have.Origin = name, want.Effective(), model.Declared
		note(name, becomes, have)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		if _, declared := decl.Storage.Images.Sources[name]; declared || s.Origin != model.Declared {
			continue
		}
		s.Origin = model.Manual
		note(name, wire.Kept, s)
	}
	return nil
}

// putSources writes the image sources that a declaration makes, changes and lets go of, in its own transaction.
func (a *Actions) putSources(c *change, p planned) error {
	for _, planned := range p.Sources {
		next, changes := p.sources[planned.Name]
		if !changes {
			continue
		}
		key := sourceKey(next.Name)
		c.require(store.ModRevision(key, p.sourcesAt[next.Name])) // 0: there is none
		if next.UID == "" {
			next.UID, next.Created, next.Project = uuid(a.Random(16)), c.wish.Created, store.HostWide
		}
		next.Generation++
		if err := c.put(key, next); err != nil {
			return err
		}
	}
	return nil
}
