package reconcile

import (
	"context"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// throttle tells QEMU what a disk may do in a second. It is told all of it, so it may be told again.
func (r *vmRun) throttle(ctx context.Context, s plan.Step) error {
	if err := r.Hypervisor.Throttle(ctx, r.in.Wish.Spec.UUID, *s.Edit.Limits); err != nil {
		return r.stays(ctx, s, err)
	}
	_, name, _ := strings.Cut(s.Edit.Path, ".")
	r.edit(func(p *vm.Process, _ *vm.Pinned) {
		dropChange(p, s.Edit.Path)
		d := p.Started.Disks[name]
		d.Limits = r.in.Effective.Disks[name].Limits
		p.Started.Disks[name] = d
	})
	return nil
}
