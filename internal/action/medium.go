package action

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// ChangeMedium wishes for another medium in a VM's drive, or for none. It is an edit of the spec that ends in failure
// where the guest does not let go of the old one; the wish stands, and opt.Force does not ask the guest.
func (a *Actions) ChangeMedium(ctx context.Context, call Call, ref model.Ref, opt wire.MediumOptions) (Result, error) {
	params := map[string]string{"drive": opt.Drive}
	if opt.Force {
		params["openTray"] = "true"
	}
	call.within = opt.Volume == "" // out, and nothing in
	return a.editAs(ctx, call, VMCDROM, ref, params, func(o vm.Object) (vm.Definition, model.Origin, error) {
		if o.Origin == model.Declared {
			return vm.Definition{}, "", a.declaredOnly(ctx, "edited", o.Name)
		}
		def := vm.Definition{Name: o.Name, Labels: o.Labels, Spec: o.Spec.Clone()}
		d, ok := def.CDROMs[opt.Drive]
		if !ok {
			return def, "", fault.New(fault.NotFound, "vm %q has no drive %q", o.Name, opt.Drive).
				Try("hv vm show %s lists them under cdroms", o.Name).WithCode("HV-VM-047")
		}
		d.Volume = opt.Volume
		def.CDROMs[opt.Drive] = d
		return def, o.Origin, nil
	})
}
