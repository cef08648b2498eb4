package action

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// diskIO holds how disks are to be read and written against the pools in which they are: before a VM is made or changed,
// not when it starts.
func (a *Actions) diskIO(ctx context.Context, project string, def vm.Definition) (finding.List, error) {
	def, wishes := def.Settled()
	spec, _ := vm.Effective(def.Spec, a.Facts().Arch)
	volumes, can := map[string]storage.Volume{}, map[string]storage.Capabilities{}
	for device, d := range spec.Disks {
		if d.DiskIO == (vm.DiskIO{}) {
			continue
		}
		v, found, err := store.Find[storage.Volume](ctx, a.Store, volumeKey(project, d.Volume))
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(wishes, func(w vm.Fresh) bool { return w.Device == "disks."+device }); !found && i >= 0 {
			v, found = storage.Volume{Spec: storage.VolumeSpec{Pool: cmp.Or(wishes[i].Pool, storage.DefaultPool)}}, true // where it is made
		}
		if !found {
			continue // told already
		}
		volumes[device] = v
		for _, l := range v.Chain() {
			if c, closed := a.Volumes.Can(l.Pool); closed == nil {
				can[l.Pool] = c
			}
		}
	}
	return plan.DiskIO(def.Name, spec, volumes, can, a.Facts()), nil
}

// diskIOIn refuses to move a volume into a pool in which the VMs that have it could not read and write it as their specs say: they would not
// start any more, and one that runs would get it in another way.
func (a *Actions) diskIOIn(ctx context.Context, c *change, v storage.Volume, to storage.Layer) error {
	claim, _, err := store.Find[storage.Claim](ctx, a.Store, store.ClaimKey("disk", v.Project, v.Name))
	if err != nil {
		return err
	}
	can, err := a.Volumes.Can(to.Pool)
	if err != nil {
		return err
	}
	v = v.On([]storage.Layer{to})
	var found finding.List
	for _, holder := range claim.Holders() {
		name, isVM := holderVM(holder)
		if !isVM {
			continue
		}
		o, kv, err := a.vm(ctx, model.Ref{Project: v.Project, Name: name})
		if err != nil {
			return err
		}
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		spec, _ := vm.Effective(o.Spec, a.Facts().Arch)
		spec.Disks = maps.Clone(spec.Disks)
		maps.DeleteFunc(spec.Disks, func(_ string, d vm.Disk) bool { return d.Volume != v.Name })
		volumes := map[string]storage.Volume{}
		for device := range spec.Disks {
			volumes[device] = v
		}
		found = append(found, plan.DiskIO(name, spec, volumes, map[string]storage.Capabilities{to.Pool: can}, a.Facts())...)
	}
	if !found.Refuses() {
		return nil
	}
	found.Sort()
	return fault.New(fault.Precondition, "cannot move volume %q into pool %q", v.Name, to.Pool).Because(finding.Refusal{Findings: found})
}
