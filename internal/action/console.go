package action

import (
	"cmp"
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
	return a.open(ctx, call, VMConsole, ref, func(o vm.Object, _ vm.PowerStatus) error {
		if o.Spec.Serial != nil && !*o.Spec.Serial {
			return fault.New(fault.Precondition, "vm %q has no serial line: its spec says serial = false", o.Name).
				Try("take serial = false out of its spec, then stop and start it").WithCode("HV-VM-026")
		}
		return nil
	})
}

// open is the gate, and the record in the audit log, of a stream to a VM that there is a process of.
func (a *Actions) open(ctx context.Context, call Call, row Row, ref model.Ref, there func(vm.Object, vm.PowerStatus) error, params ...map[string]string) error {
	target := vmTarget(ref)
	err := a.mayOpen(ctx, call, row, target.Ref, there)
	if err != nil {
		a.refused(ctx, call, row, target, err)
		return err
	}
	return a.opened(ctx, call, row, target, params...)
}

// opened records that something was opened, for what makes no operation.
func (a *Actions) opened(ctx context.Context, call Call, row Row, target operation.Target, params ...map[string]string) error {
	wish := operation.Wish{Created: a.Now()}
	if len(params) > 0 {
		wish.Params = params[0]
	}
	r := record(call, row, target, wish, audit.Intent)
	receipt, err := a.Audit.Append(ctx, r)
	if err != nil {
		return fault.Wrap(err, "nothing is done that the audit log cannot record")
	}
	r.Phase, r.Intent, r.Result = audit.Outcome, receipt.Seq, string(operation.Done)
	a.append(ctx, r)
	return nil
}

func (a *Actions) mayOpen(ctx context.Context, call Call, row Row, ref model.Ref, there func(vm.Object, vm.PowerStatus) error) error {
	if err := a.Authorize(ctx, call, row); err != nil {
		return err
	}
	o, _, err := a.vm(ctx, ref)
	if err != nil {
		return err
	}
	last, err := a.power(ctx, o)
	if err != nil {
		return err
	}
	if vm.Allowed(vm.VerbConsole, last.State) == vm.Never {
		what := cmp.Or(map[string]string{VMConsole.name: "console", VMVNC.name: "screen", VMShot.name: "screen"}[row.name], "guest")
		return fault.New(fault.Precondition, "vm %q has no %s now: it is %s", o.Name, what, last.State).
			Try("%s", vm.Hint(vm.VerbConsole, last.State, o.Name)).WithCode("HV-VM-025")
	}
	return there(o, last)
}
