package config

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/fit"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// The codes of findings about VMs. They are stable; plan says the last two of its own starts.
const (
	CodeVMShape   = "HV-VM-001" // a definition that is not well formed
	CodeVMCPUs    = "HV-VM-002" // more vCPUs than the host has CPUs
	CodeVMMemory  = "HV-VM-003" // more memory than the host has
	CodeVMMachine = "HV-VM-004" // a machine that the host's QEMU does not have, or not of this size
	CodeVMUUID    = "HV-VM-005" // two VMs with one UUID
	CodeVMMAC     = "HV-VM-006" // two VMs with one MAC address
	CodeVMVolume  = "HV-VM-007" // a volume on two VMs, one of which writes
	CodeVMTotal   = "HV-VM-008" // the VMs that are to be on want more memory together than the host has
	CodeVMName    = "HV-VM-009" // two VMs with one name
	CodeVMCircle  = "HV-VM-071" // VMs that are to start after each other
	CodeVMKVM     = "HV-VM-011" // accelerator kvm where KVM does not work
	CodeVMQEMU    = "HV-VM-015" // no usable QEMU for the architecture
	CodeVMSystem  = "HV-VM-094" // less than the guest's system wants
	CodeVMUEFI    = "HV-VM-043" // no UEFI firmware for the architecture
	CodeVMCPU     = "HV-VM-041" // a CPU model or flag that cannot be shown here
	CodeVMNested  = "HV-VM-042" // nested virtualization where its feature is off
)

// CheckVMs holds VMs against each other and against a host of which f is known and on has those features. sources gives the
// findings their places; their paths begin with VMPath. What exists already is not looked at: that
// no other VM holds a name, a volume or an address is for the store to know.
func CheckVMs(all []vm.Definition, sources SourceMap, f host.Facts, on feature.Resolution) finding.List {
	c := vmCheck{facts: f, features: on}
	all = slices.Clone(all)
	for i, d := range all {
		c.one(d)
		all[i], _ = d.Settled()
	}
	c.shared(all)
	c.circle(all)
	c.pins(all)
	c.total(all)
	found := sources.place(c.found)
	found.Sort()
	return found
}

type vmCheck struct {
	facts    host.Facts
	features feature.Resolution
	found    finding.List
}

// say notes a finding about the VM of that name, at a path below it.
func (c *vmCheck) say(s finding.Severity, code, name, path, remedy, format string, args ...any) *finding.Finding {
	c.found = append(c.found, finding.Finding{
		Code: code, Severity: s, Subject: []string{"vm/" + name}, Path: join(VMPath(name), path),
		What: fmt.Sprintf("vm %q: ", name) + fmt.Sprintf(format, args...), Remedy: remedy,
	})
	return &c.found[len(c.found)-1]
}

// or gives the finding that was said last ways that are edits of the declaration alone.
func (c *vmCheck) or(ways ...finding.Way) {
	f := &c.found[len(c.found)-1]
	f.Ways = append(f.Ways, ways...)
}

// setting and unsetting are edits of the VM of that name, at a path below it.
func setting(name, path, value string) finding.Edit {
	return finding.Edit{Op: finding.Set, Path: join(VMPath(name), path), Value: value}
}

func unsetting(name, path string) finding.Edit {
	return finding.Edit{Op: finding.Unset, Path: join(VMPath(name), path)}
}

func (c *vmCheck) one(d vm.Definition) {
	malformed := vm.Check(d)
	for _, p := range malformed {
		f := c.say(finding.Refused, CodeVMShape, d.Name, p.Path, p.Hint, "%s: %s", p.Path, p.What)
		if _, s, other := catalogue.Default().ForeignHypervisor(string(d.Accelerator)); other && p.Path == "accelerator" {
			f.Why, f.Remedy = s.Reason, s.Remedy
		}
	}
	if len(malformed) > 0 {
		return // what a host lacks for it would be guessed
	}
	spec, _ := vm.Effective(d.Spec, c.facts.Arch)
	c.size(d.Name, spec)
	for _, l := range spec.Lacks() {
		c.say(finding.Limited, CodeVMSystem, d.Name, l.Path, l.Hint, "%s wants what it has not: %s", spec.OS, l.What)
	}
	c.accelerator(d.Name, spec)
	c.machine(d.Name, spec)
	c.cpu(d.Name, spec)
	c.firmware(d.Name, spec)
	c.backing(d.Name, spec)
	c.pinning(d.Name, spec)
	c.withheld(d.Name, d.Spec)
}

func (c *vmCheck) size(name string, s vm.Spec) {
	if has := c.facts.CPUs; has > 0 && s.CPUs > has {
		c.say(finding.Refused, CodeVMCPUs, name, "cpus", fmt.Sprintf("set %s.cpus = %d or less", VMPath(name), has),
			"it asks for %d vCPUs, and the host has %d CPUs", s.CPUs, has).
			Why = "vCPUs that share a CPU with each other wait for locks that their own neighbours hold"
		c.or(finding.Way{setting(name, "cpus", strconv.Itoa(has))})
	}
	if has := c.facts.Memory; has > 0 && s.MemoryMax > has && s.Memory <= has {
		c.say(finding.Refused, CodeVMMemory, name, "memoryMax", fmt.Sprintf("set %s.memoryMax to %s or less", VMPath(name), has),
			"it may be given %s of memory, and the host has %s", s.MemoryMax, has)
	}
	if has := c.facts.Memory; has > 0 && s.Memory > has {
		c.say(finding.Refused, CodeVMMemory, name, "memory", fmt.Sprintf("set %s.memory below %s", VMPath(name), has),
			"it asks for %s of memory, and the host has %s", s.Memory, has)
		c.or(finding.Way{setting(name, "memory", fmt.Sprintf("%dMiB", has/model.MiB))})
	}
}

func (c *vmCheck) accelerator(name string, s vm.Spec) {
	if s.Accelerator != vm.KVM {
		return
	}
	refuse := func(other, why, format string, args ...any) {
		remedy := fmt.Sprintf("set %s.accelerator = \"auto\" or \"tcg\"", VMPath(name))
		c.say(finding.Refused, CodeVMKVM, name, "accelerator", remedy+other, format, args...).Why = why
		c.or(finding.Way{setting(name, "accelerator", string(vm.Auto))}, finding.Way{setting(name, "accelerator", string(vm.TCG))})
	}
	p := fit.Platform(c.facts)
	kvm, err := catalogue.Default().Ask(catalogue.OperatingSystems, catalogue.KVMAcceleration, string(p))
	switch v := c.facts.KVM; {
	case err == nil && kvm.Mark == catalogue.Nothing:
		refuse("; or "+kvm.Remedy, kvm.Reason, "it asks for KVM, which does not exist on %s", p)
	case c.facts.Arch != "" && s.Arch != c.facts.Arch:
		refuse("", "", "KVM on this host runs guests of %s, and its arch is %s", c.facts.Arch, s.Arch)
	case v != nil && !v.OK:
		refuse("; or "+fit.MendKVM(c.facts), v.Why, "it asks for KVM, which does not work here")
	}
}

// firmware asks whether there is UEFI firmware for the guest's architecture.
func (c *vmCheck) firmware(name string, s vm.Spec) {
	if s.Firmware != vm.UEFI || s.Arch == "" || len(c.facts.UEFI) == 0 {
		return // not wanted, or not asked
	}
	if u := c.facts.UEFIFor(s.Arch, s.SecureBoot); !u.OK() {
		c.say(finding.Waiting, CodeVMUEFI, name, "firmware", host.UEFIHint(s.Arch), "it cannot start before there is UEFI firmware for %s", s.Arch).Why = u.Why
	}
}

// machine asks the QEMU of the guest's architecture for the machine and its size.
func (c *vmCheck) machine(name string, s vm.Spec) {
	if c.facts.QEMU == nil || s.Arch == "" {
		return // not asked
	}
	q := c.facts.QEMUFor(s.Arch)
	if !q.OK() {
		c.say(finding.Waiting, CodeVMQEMU, name, "arch", host.InstallHint(s.Arch), "it cannot start before there is a usable QEMU for %s", s.Arch).
			Why = q.Why
		return
	}
	if len(q.Machines) == 0 {
		return // not asked
	}
	m, ok := q.MachineType(s.Machine)
	if !ok {
		c.say(finding.Refused, CodeVMMachine, name, "machine", fmt.Sprintf("leave %s.machine out", VMPath(name)), "QEMU %s for %s has no machine %q", q.Version, s.Arch, s.Machine)
		c.or(finding.Way{unsetting(name, "machine")})
		return
	}
	if m.CPUs > 0 && s.CPUs > m.CPUs {
		c.say(finding.Refused, CodeVMMachine, name, "cpus", fmt.Sprintf("set %s.cpus = %d or less", VMPath(name), m.CPUs), "machine %s takes at most %d vCPUs, and it asks for %d", m.Name, m.CPUs, s.CPUs)
		c.or(finding.Way{setting(name, "cpus", strconv.Itoa(m.CPUs))})
	}
}
