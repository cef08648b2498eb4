package reconcile

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// pin has the VM's threads run where they are wished to.
func (r *vmRun) pin(ctx context.Context, s plan.Step) error {
	if err := r.Hypervisor.Pin(ctx, r.in.Wish.Spec.UUID, s.Edit.Pins); err != nil {
		return r.stays(ctx, s, err)
	}
	r.edit(func(p *vm.Process, _ *vm.Pinned) {
		dropChange(p, s.Edit.Path)
		p.Started.Pinning = r.in.Effective.Clone().Pinning
	})
	return nil
}

// unpinned notes of a VM that got threads that nobody has told yet where to run: who is cut off here is followed by one
// who tells all of them.
func unpinned(p *vm.Process, s plan.Step) {
	if s.Kind == plan.CPUs || s.Kind == plan.Plug && s.Edit.Device.Thread != "" {
		p.Started.Pinning = nil
	}
}
