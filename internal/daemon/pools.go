//go:build linux

package daemon

import (
	"context"
	"path/filepath"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/reconcile"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/dir"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/lvm"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/pools"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// poolFolder is the default pool, in the state folder.
const poolFolder = "pool"

// keyFolder is where the sealed files of keys are, in the state folder: not in a pool, whose disk they are to guard.
const keyFolder = "keys"

// openPools returns pools of every kind that this build knows, none of which is open.
func openPools(opt Options, helper *privilege.Client) *pools.Pools {
	return pools.New(func(ctx context.Context, name string, spec storage.PoolSpec, fresh bool) (backend.Backend, error) {
		switch {
		case name == storage.DefaultPool:
			return dir.Open(name, filepath.Join(opt.State, poolFolder))
		case spec.Kind == storage.Dir && (storage.Inside(spec.Path, opt.State) || storage.Inside(opt.State, spec.Path)):
			return nil, fault.New(fault.Invalid, "pool %q and the daemon's own folder %s are in one place", name, opt.State).
				WithCode("HV-POOL-004").Try("give the pool a place of its own")
		case spec.Kind == storage.Dir:
			return dir.OpenAt(ctx, name, spec.Path, fresh, helper.PoolFolder)
		case spec.Kind == storage.LVMThin:
			return lvm.Open(ctx, name, spec.VolumeGroup, spec.ThinPool, helper)
		}
		return nil, fault.New(fault.Precondition, "pools of kind %s are not in this build", spec.Kind).
			WithCode("HV-POOL-020").Try("keep them in a folder: --path")
	})
}

// reachPools opens every pool, before what arrived in one is swept and before anybody asks for what is in it.
func (d *daemon) reachPools(ctx context.Context) error {
	all, _, err := store.ListAll[storage.Pool](ctx, d.store, store.SpecPrefix(reconcile.KindPool))
	for _, p := range all {
		if _, err := d.volumes.Reach(ctx, p.Value.Name, p.Value.Spec); err != nil {
			d.Log.Warn("a pool is not open", "pool", p.Value.Name, "err", err, "hint", fault.HintOf(err)) // and tried again
		}
	}
	return fault.Wrap(err, "cannot read which pools there are")
}
