package plan

import (
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/fit"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Accelerator decides what executes the guest, and says why where it is not KVM by right.
func Accelerator(wish vm.Accelerator, facts host.Facts, name string, arch string) (vm.Accelerator, finding.List, error) {
	usable, why, remedy := facts.KVM != nil && facts.KVM.OK, "it was not asked", fit.MendKVM(facts)
	if facts.KVM != nil {
		why = facts.KVM.Why
	}
	if arch != facts.Arch {
		usable, why = false, fmt.Sprintf("the host is %s and the guest %s", facts.Arch, arch)
		remedy = "run it on a host of " + arch + ": KVM runs guests of its own architecture only"
	}
	switch {
	case wish == vm.TCG:
		return vm.TCG, nil, nil
	case usable:
		return vm.KVM, nil, nil
	case wish == vm.KVM:
		return "", nil, fault.New(fault.Precondition, "vm %q wants accelerator kvm, and KVM does not work here: %s", name, why).
			Try("use accelerator auto or tcg; or %s", remedy).WithCode("HV-VM-011")
	}
	return vm.TCG, finding.List{{
		Code: "HV-VM-012", Severity: finding.Limited, Subject: []string{"vm/" + name},
		What: "runs without KVM, by emulation (TCG): many times slower", Why: why, Remedy: remedy,
	}}, nil
}
