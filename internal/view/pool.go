package view

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Pools measures pools and what is in them.
type Pools interface {
	// Keyslots says what opens the layers of a chain.
	Keyslots(ctx context.Context, chain []storage.Layer) ([]storage.Keyslot, error)
	Room(ctx context.Context, pool string) (storage.Room, error)
	Usage(ctx context.Context, pool, file string) (storage.Usage, error)
}

type poolEntry struct {
	pool   storage.Pool
	status *storage.PoolStatus
}

func (v *View) poolEntry(name string) *poolEntry {
	e := v.pools[name]
	if e == nil {
		e = &poolEntry{}
		v.pools[name] = e
	}
	return e
}

func (v *View) applyPool(name string, ev store.Event, gone bool) error {
	if gone {
		delete(v.pools, name)
		return nil
	}
	p, err := store.Decode[storage.Pool](ev.KV)
	if err != nil {
		return err
	}
	p.Revision = ev.KV.ModRevision
	v.poolEntry(name).pool = p
	return nil
}

func (v *View) applyPoolStatus(name string, ev store.Event, gone bool) error {
	if gone {
		if e := v.pools[name]; e != nil {
			e.status = nil
		}
		return nil
	}
	st, err := store.Decode[storage.PoolStatus](ev.KV)
	if err != nil {
		return err
	}
	v.poolEntry(name).status = &st
	return nil
}

// allPools are the pools there are, by name; the default one is there without anybody having made it.
func (v *View) allPools() []poolEntry {
	out := []poolEntry{}
	if e := v.pools[storage.DefaultPool]; e == nil || e.pool.Name == "" {
		p := poolEntry{pool: storage.Pool{Metadata: model.Metadata{Name: storage.DefaultPool, Project: store.HostWide, Origin: model.Manual}}}
		if e != nil {
			p.status = e.status
		}
		out = append(out, p)
	}
	for _, e := range v.pools {
		if e.pool.Name != "" {
			out = append(out, *e)
		}
	}
	slices.SortFunc(out, func(a, b poolEntry) int { return cmp.Compare(a.pool.Name, b.pool.Name) })
	return out
}

// poolUser is a volume, with what has to be known to measure it.
type poolUser struct {
	wire.PoolUser
	own  []string // its layers in this pool that no other volume stands on
	size model.Bytes
}

// inPool are the volumes of a pool, and the layers in it that several stand on.
func (v *View) inPool(name string) (out []poolUser, shared []string) {
	stand := map[string]int{}
	for _, e := range v.volumes {
		if e.volume.Name != "" {
			for _, l := range e.volume.Chain() {
				if l.Pool == name {
					stand[l.File()]++
				}
			}
		}
	}
	for ref, e := range v.volumes {
		if e.volume.Name == "" || e.volume.Spec.Pool != name {
			continue
		}
		u := poolUser{
			PoolUser: wire.PoolUser{Volume: ref.Name, Project: ref.Project, UsedBy: strings.Join(v.claims[ref].Holders(), ", ")},
			size:     e.volume.Spec.Size,
		}
		for _, l := range e.volume.Chain() {
			if l.Pool == name && stand[l.File()] == 1 {
				u.own = append(u.own, l.File())
			}
		}
		out = append(out, u)
	}
	for file, n := range stand {
		if n > 1 {
			shared = append(shared, file)
		}
	}
	return out, shared
}

// measure adds up what files take. What cannot be measured is left out.
func (v *View) measure(ctx context.Context, pool string, files []string) storage.Usage {
	var sum storage.Usage
	var exclusive model.Bytes
	told := len(files) > 0
	for _, file := range files {
		u, err := v.Pools.Usage(ctx, pool, file)
		if err != nil {
			told = false
			continue
		}
		sum.Allocated += u.Allocated
		if u.Exclusive == nil {
			told = false
		} else {
			exclusive += *u.Exclusive
		}
	}
	if told {
		sum.Exclusive = &exclusive
	}
	return sum
}

// ListPools lists the pools, with how full they are now.
func (v *View) ListPools(ctx context.Context, opt ListOptions) (wire.Page, error) {
	v.mu.RLock()
	t := newTable()
	for _, e := range v.allPools() {
		users, _ := v.inPool(e.pool.Name)
		t.put(e.pool.Name, row{name: e.pool.Name, labels: e.pool.Labels, item: encode(v.wirePool(ctx, e, users))})
	}
	page, err := t.page("", opt)
	page.Revision = v.revision
	v.mu.RUnlock()
	return page, err
}

// Pool is one pool, with how full it is now and who uses what of it.
func (v *View) Pool(ctx context.Context, name string) (wire.Pool, error) {
	v.mu.RLock()
	var found *poolEntry
	for _, e := range v.allPools() {
		if e.pool.Name == name {
			found = &e
		}
	}
	var users []poolUser
	var shared []string
	if found != nil {
		users, shared = v.inPool(name)
	}
	v.mu.RUnlock()
	if found == nil {
		return wire.Pool{}, notFound("pool", name, "hv pool list").WithCode("HV-POOL-001")
	}
	out := v.wirePool(ctx, *found, users)
	for _, u := range users { // without the lock: it may take its time
		if v.Pools != nil {
			u.Usage = v.measure(ctx, name, u.own)
		}
		u.Usage.Virtual = u.size
		out.Users = append(out.Users, u.PoolUser)
	}
	if v.Pools != nil {
		out.Usage.Shared = v.measure(ctx, name, shared).Allocated
	}
	slices.SortFunc(out.Users, func(a, b wire.PoolUser) int {
		return cmp.Or(cmp.Compare(b.Usage.Allocated, a.Usage.Allocated), cmp.Compare(a.Project, b.Project), cmp.Compare(a.Volume, b.Volume))
	})
	return out, nil
}

func (v *View) wirePool(ctx context.Context, e poolEntry, users []poolUser) wire.Pool {
	spec := e.pool.Spec.Effective()
	out := wire.Pool{
		Kind: "pool", Metadata: e.pool.Metadata, Spec: spec, Where: spec.Where(), Can: spec.Kind.Can(),
		Usage: wire.PoolUsage{Volumes: len(users)},
	}
	if e.status != nil {
		out.Open, out.Problem, out.Can = e.status.Open, e.status.Problem, e.status.Can
	}
	for _, u := range users {
		out.Usage.Provisioned += u.size
	}
	if v.Pools == nil {
		return out
	}
	room, err := v.Pools.Room(ctx, e.pool.Name)
	if err != nil {
		return out // its problem says why
	}
	out.Usage.Size, out.Usage.Available, out.Usage.Used, out.Usage.UsedPercent = room.Size, room.Free, room.Size-room.Free, room.UsedPercent()
	out.Usage.MetadataPercent = room.MetadataPercent
	out.Findings = storage.FindPool(e.pool.Name, spec, room, out.Usage.Provisioned)
	return out
}
