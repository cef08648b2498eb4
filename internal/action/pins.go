package action

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// pins holds the CPUs of a VM against those of all others of the host: one of them may want some for itself.
func (a *Actions) pins(ctx context.Context, project string, def vm.Definition) (finding.List, error) {
	if def.Pinning == nil {
		return nil, nil
	}
	vms, _, err := store.ListAll[vm.Object](ctx, a.Store, store.SpecPrefix("vm"))
	if err != nil {
		return nil, err
	}
	var others []vm.Definition
	for _, o := range vms {
		if o.Value.Project != project || o.Value.Name != def.Name {
			others = append(others, vm.Definition{Name: o.Value.Name, Spec: o.Value.Spec})
		}
	}
	return config.Pins(def, others), nil
}
