package action

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// maxParam is how much of what a guest is asked for stands in the audit log.
const maxParam = 64

// OpenExec says whether the caller may run a program in a VM's guest now, and records it before it is run: who may, and
// which program. What the program is given is not written down, for there may be secrets in it. It makes no operation.
func (a *Actions) OpenExec(ctx context.Context, call Call, ref model.Ref, program string) error {
	if len(program) > maxParam {
		program = program[:maxParam] + "…"
	}
	return a.open(ctx, call, VMExec, ref, hasAgent, map[string]string{"program": program})
}

// OpenPassword is the same for a password that a user of the guest is given.
func (a *Actions) OpenPassword(ctx context.Context, call Call, ref model.Ref, user string) error {
	if len(user) > maxParam {
		user = user[:maxParam] + "…"
	}
	return a.open(ctx, call, VMPassword, ref, hasAgent, map[string]string{"user": user})
}

// OpenGuest is the same for what is asked of the guest by name alone.
func (a *Actions) OpenGuest(ctx context.Context, call Call, row Row, ref model.Ref) error {
	return a.open(ctx, call, row, ref, hasAgent)
}

// hasAgent refuses a VM that was started without a port for an agent.
func hasAgent(o vm.Object, last vm.PowerStatus) error {
	spec := o.Spec
	if p := last.Process; p != nil && p.Started != nil {
		spec = *p.Started
	} else {
		spec, _ = vm.Effective(spec, spec.Arch)
	}
	if spec.Agent == nil || !*spec.Agent {
		return fault.New(fault.Precondition, "vm %q was started without a port for a guest agent", o.Name).
			Try("take agent = false out of its spec if it is there, then stop and start it").WithCode("HV-GUEST-002")
	}
	return nil
}
