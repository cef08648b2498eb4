package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Pools is the hand that knows what is below the pools.
type Pools interface {
	// Reach opens a pool, and Leave closes it. Make opens one in which nothing was ever: a folder that is missing is made.
	Reach(ctx context.Context, name string, spec storage.PoolSpec) (storage.Capabilities, error)
	Make(ctx context.Context, name string, spec storage.PoolSpec) (storage.Capabilities, error)
	Leave(name string) error
	Can(name string) (storage.Capabilities, error)
	Room(ctx context.Context, name string) (storage.Room, error)
	Usage(ctx context.Context, pool, file string) (storage.Usage, error)
	// Held is everything that is in a pool: the names of its content, and the notes by UID.
	Held(ctx context.Context, pool string) (files []string, notes map[string][]byte, err error)
}

func poolTarget(name string) operation.Target {
	return operation.Target{Kind: "pool", Ref: model.Ref{Project: store.HostWide, Name: name}}
}

func poolKey(name string) string {
	return store.SpecKey(store.Ref{Kind: "pool", Project: store.HostWide, Name: name})
}

// pool reads one pool that is not being deleted. The default one is there without anybody having made it.
func (a *Actions) pool(ctx context.Context, name string) (storage.Pool, store.KV, error) {
	p, kv, err := store.Get[storage.Pool](ctx, a.Store, poolKey(name))
	if fault.KindOf(err) == fault.NotFound {
		if name == storage.DefaultPool {
			return storage.Pool{Metadata: model.Metadata{Name: name, Project: store.HostWide, Origin: model.Manual}}, store.KV{Key: poolKey(name)}, nil
		}
		return p, kv, fault.New(fault.NotFound, "there is no pool %q", name).Try("hv pool list").WithCode("HV-POOL-001")
	}
	if err == nil && p.Deleted != nil {
		return p, kv, fault.New(fault.Conflict, "pool %q is being deleted", name)
	}
	return p, kv, err
}

// pools are all of them, by name.
func (a *Actions) pools(ctx context.Context) (map[string]storage.Pool, error) {
	all, _, err := store.ListAll[storage.Pool](ctx, a.Store, store.SpecPrefix("pool"))
	out := map[string]storage.Pool{}
	for _, p := range all {
		out[p.Value.Name] = p.Value
	}
	return out, err
}

// volumesIn are the volumes of a pool, also those in the trash.
func (a *Actions) volumesIn(ctx context.Context, pool string) ([]storage.Volume, error) {
	all, _, err := store.ListAll[storage.Volume](ctx, a.Store, store.SpecPrefix("volume"))
	var out []storage.Volume
	for _, v := range all {
		if v.Value.Spec.Pool == pool || v.Value.Moving != nil && v.Value.Moving.To.Pool == pool {
			out = append(out, v.Value)
		}
	}
	if err != nil {
		return nil, err
	}
	trash, _, err := store.ListAll[storage.Trashed](ctx, a.Store, store.SpecPrefix("trash"))
	for _, t := range trash {
		if t.Value.Spec.Pool == pool {
			v := t.Value.Volume
			v.Name += " (in the trash)"
			out = append(out, v)
		}
	}
	return out, err
}

// CreatePool opens a pool, and wishes it to stay.
func (a *Actions) CreatePool(ctx context.Context, call Call, body wire.CreatePool) (Result, error) {
	target := poolTarget(body.Name)
	opened := false
	res, err := a.do(ctx, call, PoolCreate, target, func(c *change) error {
		if err := a.newPool(ctx, body); err != nil {
			return err
		}
		p := storage.Pool{
			Metadata: a.byHand(c, store.HostWide, body.Name, body.Labels),
			Spec:     body.PoolSpec,
		}
		c.step("keep volumes in %s, as a pool of kind %s", p.Spec.Where(), p.Spec.Effective().Kind)
		c.wish.TargetUID, c.wish.Generation = p.UID, 1
		c.act = func(ctx context.Context) error {
			_, err := a.Pools.Make(ctx, p.Name, p.Spec)
			opened = err == nil
			if err != nil {
				return errors.Join(fault.Wrap(err, "cannot make pool %q", p.Name), a.Pools.Leave(p.Name))
			}
			return nil
		}
		c.require(store.Absent(poolKey(p.Name)))
		return c.put(poolKey(p.Name), p)
	})
	if err != nil && opened {
		if _, _, gone := a.pool(ctx, body.Name); fault.KindOf(gone) == fault.NotFound {
			err = errors.Join(err, a.Pools.Leave(body.Name))
		}
	}
	return res, err
}

// newPool refuses what cannot be one.
func (a *Actions) newPool(ctx context.Context, body wire.CreatePool) error {
	errs := append(storage.CheckPool(body.Name, body.PoolSpec), model.CheckLabels(body.Labels)...)
	if len(errs) > 0 {
		return fault.New(fault.Invalid, "cannot make pool %q", body.Name).Because(errors.Join(errs...))
	}
	all, err := a.pools(ctx)
	if err != nil {
		return err
	}
	if _, there := all[body.Name]; there || body.Name == storage.DefaultPool {
		return fault.New(fault.Conflict, "pool %q exists already", body.Name).Try("hv pool show %s", body.Name).WithCode("HV-POOL-013")
	}
	places := map[string]storage.PoolSpec{body.Name: body.PoolSpec}
	for name, p := range all {
		places[name] = p.Spec
	}
	return errors.Join(storage.CheckPools(places)...)
}

// poolEdit is what may change of a pool: where it is stays, for its volumes are there.
type poolEdit struct {
	Labels map[string]string `json:"labels,omitempty"`
	storage.PoolSpec
}

// EditPool changes a pool by a merge patch (RFC 7386) of its spec and labels.
func (a *Actions) EditPool(ctx context.Context, call Call, name string, patch json.RawMessage) (Result, error) {
	target := poolTarget(name)
	return a.do(ctx, call, PoolEdit, target, func(c *change) error {
		p, kv, err := a.pool(ctx, name)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		if p.Origin == model.Declared {
			return a.poolDeclared(ctx, name, "edited")
		}
		next, err := patchedPool(poolEdit{Labels: p.Labels, PoolSpec: p.Spec}, patch)
		if err != nil {
			return err
		}
		if errs := append(storage.CheckPool(name, next.PoolSpec), model.CheckLabels(next.Labels)...); len(errs) > 0 {
			return fault.New(fault.Invalid, "cannot edit pool %q", name).Because(errors.Join(errs...))
		}
		if moved(p.Spec, next.PoolSpec) {
			return elsewhere(name, p.Spec)
		}
		c.step("edit pool %s", name)
		p.Spec, p.Labels = next.PoolSpec, next.Labels
		return a.putPool(c, kv, p)
	})
}

// putPool writes a pool that changes. The default one is written for the first time here.
func (a *Actions) putPool(c *change, kv store.KV, p storage.Pool) error {
	if p.UID == "" {
		p.UID, p.Created = uuid(a.Random(16)), c.wish.Created
	}
	p.Generation++
	c.wish.TargetUID, c.wish.Generation = p.UID, p.Generation
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	return c.put(kv.Key, p)
}

func moved(a, b storage.PoolSpec) bool {
	return a.Effective().Kind != b.Effective().Kind || a.Where() != b.Where()
}

func elsewhere(name string, at storage.PoolSpec) error {
	return fault.New(fault.Conflict, "pool %q is in %s, and stays there: its volumes are", name, at.Where()).
		Try("make another pool there, and move the volumes").WithCode("HV-POOL-009")
}

func patchedPool(have poolEdit, patch json.RawMessage) (poolEdit, error) {
	if len(patch) > maxPatch {
		return have, fault.New(fault.Invalid, "the patch has %d bytes: at most %d", len(patch), maxPatch)
	}
	change, err := decodeAny(patch)
	if err != nil {
		return have, fault.New(fault.Unreadable, "the patch is not JSON").Because(err)
	}
	if _, ok := change.(map[string]any); !ok {
		return have, fault.New(fault.Invalid, "a merge patch is an object")
	}
	whole, err := json.Marshal(have)
	if err != nil {
		return have, fault.New(fault.Internal, "cannot encode the pool").Because(err)
	}
	old, err := decodeAny(whole)
	if err != nil {
		return have, fault.New(fault.Internal, "cannot decode the pool").Because(err)
	}
	merged, err := json.Marshal(merge(old, change))
	if err != nil {
		return have, fault.New(fault.Internal, "cannot encode the merged pool").Because(err)
	}
	var next poolEdit
	d := json.NewDecoder(strings.NewReader(string(merged)))
	d.DisallowUnknownFields()
	if err := d.Decode(&next); err != nil {
		return have, fault.New(fault.Invalid, "the patch does not fit a pool").Because(err)
	}
	return next, nil
}

// poolDeclared refuses to change by hand what is declared, and says where that stands.
func (a *Actions) poolDeclared(ctx context.Context, name, what string) error {
	at := ""
	if stands, _, err := a.standing(ctx); err == nil { // else it is told without its place
		if p := stands.decl.Sources.At("hypervisor.storage.pools." + name); p.Line > 0 {
			at = " (" + p.String() + ")"
		}
	}
	return fault.New(fault.Denied, "pool %q stands in the host's declaration%s and is %s there only", name, at, what).
		Try("edit it there, then apply it").WithCode("HV-POOL-012")
}

// DeletePool wishes a pool away that keeps no volume. Its folder, or thin pool, stays.
func (a *Actions) DeletePool(ctx context.Context, call Call, name string) (Result, error) {
	target := poolTarget(name)
	return a.do(ctx, call, PoolDelete, target, func(c *change) error {
		p, kv, err := a.pool(ctx, name)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		switch {
		case name == storage.DefaultPool:
			return fault.New(fault.Conflict, "pool %q is always there", name).WithCode("HV-POOL-015")
		case p.Origin == model.Declared:
			return a.poolDeclared(ctx, name, "deleted")
		}
		users, err := a.poolUsers(ctx, name)
		if err != nil {
			return err
		}
		if users != "" {
			return fault.New(fault.Conflict, "pool %q keeps %s", name, users).Try("delete them, or move them to another pool").WithCode("HV-POOL-008")
		}
		c.step("let go of pool %s; %s stays as it is", name, p.Spec.Where())
		return a.dropPool(c, kv, p)
	})
}

// dropPool marks a pool as deleted: from then on no volume is made in it, and it goes when none is there.
func (a *Actions) dropPool(c *change, kv store.KV, p storage.Pool) error {
	now := c.wish.Created
	p.Deleted = &now
	return a.putPool(c, kv, p)
}

// poolUsers names what a pool keeps; "" for nothing.
func (a *Actions) poolUsers(ctx context.Context, pool string) (string, error) {
	all, err := a.volumesIn(ctx, pool)
	if err != nil || len(all) == 0 {
		return "", err
	}
	var names []string
	for _, v := range all {
		names = append(names, "volume "+model.Ref{Project: v.Project, Name: v.Name}.String())
	}
	slices.Sort(names)
	const most = 5
	if len(names) > most {
		names = append(names[:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	return strings.Join(names, ", "), nil
}
