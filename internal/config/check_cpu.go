package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
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

// nested: what KVM cannot show a guest, whatever is declared.
func (c *vmCheck) nested(name string, s vm.Spec) {
	if s.NestedVirtualization && s.Arch == "aarch64" && c.accel(s) == vm.KVM && c.features.On(string(catalogue.NestedVirtualization)) {
		c.say(finding.Refused, CodeVMNested, name, "nestedVirtualization", fmt.Sprintf("set %s.accelerator = \"tcg\", or leave nestedVirtualization out", VMPath(name)),
			"KVM on aarch64 shows no guest EL2, which it needs to run VMs")
		c.or(finding.Way{setting(name, "accelerator", string(vm.TCG))}, finding.Way{unsetting(name, "nestedVirtualization")})
	}
}

// withheld refuses what a VM's spec has of features that are off, as feature.Uses has it.
func (c *vmCheck) withheld(name string, s vm.Spec) {
	spec, err := json.Marshal(s)
	if err != nil {
		return // a spec that was read is written, too
	}
	for _, f := range c.features.Withheld(feature.Object{Kind: "vm", Name: name, Spec: spec}) {
		at := pathOfKeys(f.Path)
		c.say(finding.Refused, f.Code, name, at, f.Remedy, "%s", f.What).Why = f.Why
		c.or(append(slices.Clone(f.Ways), finding.Way{unsetting(name, at)})...)
	}
}

// pathOfKeys is a path with those keys in quotes that have to be.
func pathOfKeys(path string) string {
	keys := strings.Split(path, ".")
	for i, k := range keys {
		keys[i] = quoteKey(k)
	}
	return strings.Join(keys, ".")
}
