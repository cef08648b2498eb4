package action

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// CreateEnvironment wishes for a VM that is a development environment, on a volume that begins as its image.
func (a *Actions) CreateEnvironment(ctx context.Context, call Call, project string, body wire.CreateEnvironment) (Result, error) {
	target := vmTarget(model.Ref{Project: project, Name: body.Name})
	e, err := vm.FindEnvironment(body.Environment)
	if err == nil && body.InstanceType != "" {
		if _, err = vm.FindInstanceType(body.InstanceType); err == nil {
			e.InstanceType = body.InstanceType
		}
	}
	if err == nil && (body.Volume == "") == (body.Image == "") {
		err = fault.New(fault.Invalid, "a development environment needs an image, or a volume that begins as one").Try("hv dev create %s %s makes it too", body.Name, body.Environment)
	}
	var def vm.Definition
	if err == nil {
		def, err = e.Definition(body.Name, body.Volume, vm.CloudInit{User: body.User, SSHKeys: body.SSHKeys})
	}
	if err == nil && body.Image != "" {
		var size vm.InstanceType
		if size, err = vm.FindInstanceType(e.InstanceType); err == nil {
			i, st, _, lost := a.madeImage(ctx, target.Project, body.Image)
			err = lost
			def.Disks["root"] = vm.Disk{Image: body.Image, Size: max(size.Disk, st.Size, i.Spec.Needs.Disk)}
		}
	}
	if err != nil {
		if gate := a.may(ctx, call, EnvironmentCreate, target); gate != nil {
			err = gate // what is off tells nothing of what it would offer
		}
		a.refused(ctx, call, EnvironmentCreate, target, err)
		return Result{}, err
	}
	return a.createAs(ctx, call, EnvironmentCreate, project, def, model.Manual)
}
