package plan

import (
	"encoding/json"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/fit"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// withheld refuses to start a VM that has something of a feature which is off (feature.Uses): its owner counts on having
// it, and the host's owner on there being none.
func withheld(in VMInput) error {
	asks := in.Effective
	asks.Snapshots = nil // nothing of a start: the schedule is refused by itself, and told
	spec, err := json.Marshal(asks)
	if err != nil {
		return fault.New(fault.Internal, "the spec of vm %q cannot be written", in.Wish.Name).Because(err)
	}
	off := in.Features.Withheld(feature.Object{Kind: "vm", Name: in.Wish.Name, Spec: spec})
	if len(off) == 0 {
		return nil
	}
	return fault.New(fault.Denied, "vm %q: %s", in.Wish.Name, off[0].What).Because(finding.Refusal{Findings: off}).
		Try("%s", off[0].Remedy).WithCode(off[0].Code)
}

// nestedFlag says what a guest that may run VMs is shown for it; nothing for one that may not.
func nestedFlag(in VMInput, accel vm.Accelerator) (machine.CPUFlag, error) {
	if !in.Effective.NestedVirtualization {
		return "", nil
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
