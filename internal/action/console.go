package action

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// OpenConsole says whether the caller may have a VM's console now, and records it before the first
// byte: who types into a guest changes it. It makes no operation; the connection is package console's.
func (a *Actions) OpenConsole(ctx context.Context, call Call, ref model.Ref) error {
	target := vmTarget(ref)
	err := a.mayOpen(ctx, call, target.Ref)
	if err != nil {
		a.refused(ctx, call, VMConsole, target, err)
		return err
	}
	r := record(call, VMConsole, target, operation.Wish{Created: a.Now()}, audit.Intent)
	receipt, err := a.Audit.Append(ctx, r)
	if err != nil {
		return fault.Wrap(err, "nothing is done that the audit log cannot record")
	}
	r.Phase, r.Intent, r.Result = audit.Outcome, receipt.Seq, string(operation.Done)
	a.append(ctx, r)
	return nil
}

func (a *Actions) mayOpen(ctx context.Context, call Call, ref model.Ref) error {
	if err := a.Authorize(ctx, call, VMConsole); err != nil {
		return err
	}
	o, _, err := a.vm(ctx, ref)
	if err != nil {
		return err
	}
	state, err := a.state(ctx, o)
	if err != nil {
		return err
	}
	if vm.Allowed(vm.VerbConsole, state) == vm.Never {
		return fault.New(fault.Precondition, "vm %q has no console now: it is %s", o.Name, state).
			Try("%s", vm.Hint(vm.VerbConsole, state, o.Name)).WithCode("HV-VM-025")
	}
	if o.Spec.Serial != nil && !*o.Spec.Serial {
		return fault.New(fault.Precondition, "vm %q has no serial line: its spec says serial = false", o.Name).
			Try("take serial = false out of its spec, then stop and start it").WithCode("HV-VM-026")
	}
	return nil
}
