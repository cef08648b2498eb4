package action

import (
	"context"
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// planFresh says which volumes a declared VM has made, and which of them grow, in lines; p gets what speaks against it.
func (a *Actions) planFresh(ctx context.Context, c *change, p *planned, o vm.Object, def vm.Definition) ([]string, error) {
	_, wishes := def.Settled()
	var lines []string
	for _, w := range wishes {
		try := a.fresh(c.call, c.row, vmTarget(model.Ref{Project: model.DefaultProject, Name: def.Name}))
		try.making = &making{}
		err := a.makeVolumes(ctx, try, o, []vm.Fresh{w}, model.Declared)
		if err == nil {
			err = a.planGrowth(ctx, try, p, def.Name, w)
		}
		for _, s := range try.plan {
			lines = append(lines, s.Name)
		}
		switch kind := fault.KindOf(err); {
		case err == nil:
		case kind == fault.Internal || kind == fault.Unavailable:
			return nil, err
		case fault.CodeOf(err) == "HV-IMG-021" && kind == fault.NotFound: // told with what else does not exist
		default:
			p.found = append(p.found, finding.Finding{
				Code: "HV-CFG-013", Severity: finding.Refused, Subject: []string{"vm/" + def.Name, "volume/" + w.Volume}, Path: config.VMPath(def.Name) + "." + w.Device,
				What: fmt.Sprintf("vm %s: %s: %s", def.Name, w.Device, err), Remedy: fault.HintOf(err),
			})
		}
	}
	return lines, nil
}

// planGrowth says whether a volume that is there is to be larger.
func (a *Actions) planGrowth(ctx context.Context, try *change, p *planned, name string, w vm.Fresh) error {
	v, grows, err := a.toGrow(ctx, w)
	switch {
	case err != nil:
		return err
	case grows:
		try.step("make volume %s larger: %s", v.Name, w.Size)
		return a.growsNow(ctx, a.fresh(try.call, try.row, try.wish.Target), v)
	case v.Name != "" && w.Size > 0 && w.Size < v.Spec.Size:
		p.found = append(p.found, finding.Finding{
			Code: "HV-CFG-014", Severity: finding.Limited, Subject: []string{"vm/" + name, "volume/" + v.Name}, Path: config.VMPath(name) + "." + w.Device + ".size",
			What:   fmt.Sprintf("vm %s: %s: volume %s has %s and stays as large: what its guest has written beyond %s would be lost", name, w.Device, v.Name, v.Spec.Size, w.Size),
			Remedy: "declare the size that it has",
		})
	}
	return nil
}

// toGrow is the volume that a declared disk has already, and whether it is to be larger.
func (a *Actions) toGrow(ctx context.Context, w vm.Fresh) (storage.Volume, bool, error) {
	v, _, err := a.volume(ctx, model.DefaultProject, w.Volume)
	if fault.KindOf(err) == fault.NotFound {
		return v, false, nil
	}
	return v, err == nil && w.Size > v.Spec.Size && a.kept(storage.VolumeSpec{Pool: v.Spec.Pool, Size: w.Size}) > v.Spec.Size, err
}

// growVolume makes a volume as large as it is declared; one that is as large, or larger, is left alone.
func (a *Actions) growVolume(ctx context.Context, call Call, w vm.Fresh) (Result, error) {
	_, grows, err := a.toGrow(ctx, w)
	if err != nil || !grows {
		return Result{}, err
	}
	return a.ResizeVolume(ctx, onBehalf(call), model.Ref{Project: model.DefaultProject, Name: w.Volume}, w.Size)
}
