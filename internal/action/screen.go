package action

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// OpenScreen says whether the caller may look at a VM's screen now, and records it before the first byte: who looks
// may type, too. It makes no operation.
func (a *Actions) OpenScreen(ctx context.Context, call Call, ref model.Ref) error {
	return a.open(ctx, call, VMVNC, ref, hasScreen)
}

// OpenPicture says whether the caller may have a picture of a VM's screen now, and records it before it is taken: it
// shows what the guest's user sees. It makes no operation.
func (a *Actions) OpenPicture(ctx context.Context, call Call, ref model.Ref) error {
	return a.open(ctx, call, VMShot, ref, hasScreen)
}

// hasScreen refuses a VM that was started without a screen.
func hasScreen(o vm.Object, last vm.PowerStatus) error {
	spec := o.Spec
	if p := last.Process; p != nil && p.Started != nil {
		spec = *p.Started
	}
	if !spec.Screen() {
		return fault.New(fault.Precondition, "vm %q was started without a screen", o.Name).
			Try("add graphics = {} to its spec, then stop and start it; hv vm console %s is its serial line", o.Name).WithCode("HV-VM-045")
	}
	return nil
}
