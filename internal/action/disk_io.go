package action

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// diskIO holds how disks are to be read and written against the pools in which they are: before a VM is made or changed,
// not when it starts.
func (a *Actions) diskIO(ctx context.Context, project string, def vm.Definition) (finding.List, error) {
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
