package action

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// planPools says what becomes of each pool when decl stands, and puts into c what speaks against it.
func (a *Actions) planPools(ctx context.Context, p *planned, decl config.Declaration) (finding.List, error) {
	all, err := a.pools(ctx)
	if err != nil {
		return nil, err
	}
	p.pools = map[string]storage.Pool{}
	var found finding.List
	refuse := func(code, name, what, remedy string) {
		found = append(found, finding.Finding{
			Code: code, Severity: finding.Refused, Subject: []string{"pool/" + name}, Path: config.PoolPath(name), What: "pool " + name + " " + what, Remedy: remedy,
		})
	}
	places := map[string]storage.PoolSpec{}
	for _, name := range decl.Storage.PoolNames() {
		want := decl.Storage.Pools[name]
		places[name] = want
		have, there := all[name]
		becomes := wire.Unchanged
		switch {
		case !there && name != storage.DefaultPool:
			becomes = wire.Created
		case there && have.Deleted != nil:
			refuse("HV-POOL-013", name, "is being let go of", "wait until it is gone, then apply again")
		case there && have.Origin == model.Manual && name != storage.DefaultPool:
			refuse("HV-POOL-013", name, "exists already and was made by hand", "declare it under another name, or hv pool delete "+name)
		case there && moved(have.Spec, want):
			refuse("HV-POOL-009", name, "is in "+have.Spec.Where()+", and stays there: its volumes are", "declare another pool there, and move the volumes")
		case have.Spec != want || have.Origin != model.Declared:
			becomes = wire.Changed
		}
		have.Name, have.Spec, have.Origin = name, want, model.Declared
		p.note(name, becomes, have)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		have := all[name]
		if _, declared := places[name]; declared {
			continue
		}
		if have.Origin != model.Declared || have.Deleted != nil {
			places[name] = have.Spec
			continue
		}
		users, err := a.poolUsers(ctx, name)
		if err != nil {
			return nil, err
		}
		if name == storage.DefaultPool { // what was declared of it is declared no more
			have.Spec, have.Origin = storage.PoolSpec{}, model.Manual
			p.note(name, wire.Changed, have)
			continue
		}
		if users != "" {
			found = append(found, finding.Finding{
				Code: "HV-POOL-008", Severity: finding.Refused, Subject: []string{"pool/" + name}, Path: "hypervisor.storage.pools",
				What: fmt.Sprintf("pool %s is declared no more, and keeps %s", name, users), Remedy: "delete them or move them to another pool first, or go on declaring it",
			})
		}
		p.note(name, wire.Removed, have)
	}
	for _, err := range storage.CheckPools(places) {
		found = append(found, finding.Finding{Code: "HV-POOL-004", Severity: finding.Refused, Subject: []string{"host"}, Path: "hypervisor.storage.pools", What: err.Error(), Remedy: "give one of them a place of its own"})
	}
	return found, nil
}

// note keeps what becomes of a pool.
func (p *planned) note(name, becomes string, next storage.Pool) {
	p.Pools = append(p.Pools, wire.PlannedPool{Name: name, Becomes: becomes, Where: next.Spec.Where()})
	if becomes != wire.Unchanged {
		p.pools[name] = next
	}
}

// putPools writes the pools that a declaration makes, changes and lets go of, in its own transaction.
func (a *Actions) putPools(ctx context.Context, c *change, p planned) error {
	for _, planned := range p.Pools {
		next, changes := p.pools[planned.Name]
		if !changes {
			continue
		}
		kv, err := a.Store.Get(ctx, poolKey(next.Name))
		if err != nil {
			kv = store.KV{Key: poolKey(next.Name)} // there is none: the comparison finds out if there is
		}
		if next.UID == "" {
			next.UID, next.Created, next.Project = uuid(a.Random(16)), c.wish.Created, store.HostWide
		}
		next.Generation++
		if planned.Becomes == wire.Removed {
			now := c.wish.Created
			next.Deleted = &now
		}
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		if err := c.put(kv.Key, next); err != nil {
			return err
		}
	}
	return nil
}
