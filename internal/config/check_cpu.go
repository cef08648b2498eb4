package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// cpu asks whether the guest can be shown the CPU that it is to see.
func (c *vmCheck) cpu(name string, s vm.Spec) {
	if c.facts.QEMU != nil && s.Arch != "" {
		for _, o := range vm.CPUObjections(s, c.facts.QEMUFor(s.Arch), c.accel(s)) {
			path := o.Path
			if flag, ok := strings.CutPrefix(path, "cpu.features."); ok {
				path = join("cpu.features", quoteKey(flag)) // sse4.1
			}
			c.say(finding.Refused, CodeVMCPU, name, path, o.Hint, "%s", o.What)
			c.or(finding.Way{unsetting(name, path)})
		}
	}
	c.nested(name, s)
}

// accel is what will execute the guest: KVM, unless it is known not to.
func (c *vmCheck) accel(s vm.Spec) vm.Accelerator {
	known := c.facts.KVM != nil && !c.facts.KVM.OK || c.facts.Arch != "" && s.Arch != c.facts.Arch
	if s.Accelerator == vm.TCG || s.Accelerator == vm.Auto && known {
		return vm.TCG
	}
	return vm.KVM
}

// nested holds a VM whose guest is to run VMs against the feature of that name: what keeps it off is what keeps
// the VM from it.
func (c *vmCheck) nested(name string, s vm.Spec) {
	if !s.NestedVirtualization {
		return
	}
	if off, ok := c.features.WhyOff(string(catalogue.NestedVirtualization)); ok {
		f := c.say(finding.Refused, CodeVMNested, name, "nestedVirtualization", off.Remedy, "its guest may not run VMs: feature %s is off", catalogue.NestedVirtualization)
		f.Why = fmt.Sprintf("%s (%s)", off.What, off.Code)
		c.or(append(slices.Clone(off.Ways), finding.Way{unsetting(name, "nestedVirtualization")})...)
		return
	}
	if s.Arch == "aarch64" && c.accel(s) == vm.KVM {
		c.say(finding.Refused, CodeVMNested, name, "nestedVirtualization", fmt.Sprintf("set %s.accelerator = \"tcg\", or leave nestedVirtualization out", VMPath(name)),
			"KVM on aarch64 shows no guest EL2, which it needs to run VMs")
		c.or(finding.Way{setting(name, "accelerator", string(vm.TCG))}, finding.Way{unsetting(name, "nestedVirtualization")})
	}
}
