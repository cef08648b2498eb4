package reconcile

import (
	"context"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// opensTray reports whether an operation is for another medium, whether or not the guest holds the old one.
func opensTray(op *operation.Operation) bool { return op.Params["openTray"] == "true" }

// setMedium notes in what a process was started with that its drive has another medium now.
func setMedium(s *vm.Spec, from vm.Spec, path string) {
	_, name, _ := strings.Cut(path, ".")
	if d, ok := s.CDROMs[name]; ok {
		d.Volume = from.CDROMs[name].Volume
		s.CDROMs[name] = d
	}
}

// failMedia ends those operations that asked for a medium which could not be changed, and returns the others: who asks
// for that waits in front of the drive, and is told what holds it. The wish stands and is tried again.
func (r *vmRun) failMedia(ctx context.Context, ops []*operation.Operation) []*operation.Operation {
	var well []*operation.Operation
	for _, op := range ops {
		why := r.status.PendingWhy["cdroms."+op.Params["drive"]]
		if op.Action != "vm.cdrom" || why == "" {
			well = append(well, op)
			continue
		}
		r.ops.end(ctx, []*operation.Operation{op}, operation.Failed, problem(fault.New(fault.Precondition, "%s", why).
			Try("unmount it in the guest: it is tried again by itself; --force does not ask the guest").WithCode("HV-VM-046")))
	}
	return well
}
