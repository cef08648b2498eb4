package plan

import (
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/fit"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// nestedFlag says what a guest that may run VMs is shown for it; nothing for one that may not. One that asks for it
// while the feature is off does not start: its owner counts on VMs in it, and the host's owner on there being none.
func nestedFlag(in VMInput, accel vm.Accelerator) (machine.CPUFlag, error) {
	if !in.Effective.NestedVirtualization {
		return "", nil
	}
	const id = catalogue.NestedVirtualization
	if off, ok := in.Features.WhyOff(string(id)); ok {
		return "", fault.New(fault.Denied, "vm %q is to run VMs itself, and feature %s is off", in.Wish.Name, id).
			Because(finding.Refusal{Findings: finding.List{off}}).Try("%s", off.Remedy).WithCode("HV-VM-042")
	}
	cpu := in.Facts.CPU
	switch {
	case in.Effective.Arch == "aarch64":
		return machine.FlagEL2, nil
	case accel == vm.TCG: // which emulates AMD-V and no VT-x
		return machine.FlagSVM, nil
	case cpu != nil && cpu.VTx:
		return machine.FlagVMX, nil
	case cpu != nil && cpu.AMDV:
		return machine.FlagSVM, nil
	}
	return "", fault.New(fault.Precondition, "vm %q is to run VMs itself, and the CPU of this host shows neither VT-x nor AMD-V", in.Wish.Name).
		Try("%s", fit.MendKVM(in.Facts)).WithCode("HV-VM-042")
}
