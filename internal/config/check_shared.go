package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// holder is the first VM that was seen to want something, and where.
type holder struct {
	vm     string
	path   string // below the VM
	writes bool
}

// shared finds what two VMs cannot both have. Each clash is told once, at the later of the two.
func (c *vmCheck) shared(all []vm.Definition) {
	names, uuids, macs, volumes := map[string]holder{}, map[string]holder{}, map[string]holder{}, map[string]holder{}
	for _, d := range all {
		if _, twice := names[d.Name]; twice {
			c.say(finding.Refused, CodeVMName, d.Name, "name", "rename one of them", "there are two of this name")
			continue
		}
		names[d.Name] = holder{vm: d.Name}
		c.clash(uuids, d.UUID, holder{vm: d.Name, path: "uuid"}, CodeVMUUID, "UUID", "leave uuid out and one is made")
		for _, nic := range slices.Sorted(maps.Keys(d.NICs)) {
			c.clash(macs, d.NICs[nic].MAC, holder{vm: d.Name, path: "nics." + quoteKey(nic) + ".mac"}, CodeVMMAC, "MAC address", "leave mac out and one is made")
		}
		used := d.Volumes()
		for _, path := range slices.Sorted(maps.Keys(used)) {
			kind, name, _ := strings.Cut(path, ".")
			c.volume(volumes, used[path].Volume, holder{vm: d.Name, path: kind + "." + quoteKey(name) + ".volume", writes: !used[path].ReadOnly})
		}
	}
}

// clash refuses a second VM with the same value. Two of one VM are vm.Check's to find.
func (c *vmCheck) clash(known map[string]holder, value string, h holder, code, what, remedy string) {
	if value == "" {
		return
	}
	first, taken := known[value]
	if !taken {
		known[value] = h
		return
	}
	if first.vm != h.vm {
		c.clashes(code, h, first, remedy, "%s %s is already that of vm %q", what, value, first.vm)
		c.or(finding.Way{unsetting(h.vm, h.path)})
	}
}

// volume refuses a second VM on a volume, unless all of them only read.
func (c *vmCheck) volume(known map[string]holder, volume string, h holder) {
	first, taken := known[volume]
	switch {
	case volume == "": // malformed, and told as that
	case !taken:
		known[volume] = h
	case first.vm != h.vm && (first.writes || h.writes):
		c.clashes(CodeVMVolume, h, first, "give each VM a volume of its own, or set readOnly = true on both disks",
			"volume %q is already on vm %q", volume, first.vm).
			Why = "two guests with one file system between them destroy it, also when one only reads"
		c.or(onlyReading(first, h))
	}
}

// onlyReading is the edits after which neither writes. A medium in a drive is never written to.
func onlyReading(both ...holder) (w finding.Way) {
	for _, h := range both {
		if disk, ok := strings.CutSuffix(h.path, ".volume"); ok && h.writes {
			w = append(w, setting(h.vm, disk+".readOnly", "true"))
		}
	}
	return w
}

func (c *vmCheck) clashes(code string, h, first holder, remedy, format string, args ...any) *finding.Finding {
	f := c.say(finding.Refused, code, h.vm, h.path, remedy, format, args...)
	f.Subject = append(f.Subject, "vm/"+first.vm)
	return f
}

// total says where the VMs that are to be on want more memory together than there is.
func (c *vmCheck) total(all []vm.Definition) {
	if c.facts.Memory == 0 {
		return
	}
	var sum model.Bytes
	var subjects []string
	for _, d := range all {
		s, _ := vm.Effective(d.Spec, c.facts.Arch)
		if s.Power == vm.Off || s.Memory > c.facts.Memory || s.Memory < 0 {
			continue // not on, or refused for itself
		}
		sum += s.Memory
		subjects = append(subjects, "vm/"+d.Name)
	}
	if sum <= c.facts.Memory {
		return
	}
	c.found = append(c.found, finding.Finding{
		Code: CodeVMTotal, Severity: finding.Limited, Subject: subjects, Path: "hypervisor.vms",
		What:   fmt.Sprintf("%d VMs that are to be on want %s of memory together, and the host has %s", len(subjects), sum, c.facts.Memory),
		Why:    "guests rarely use all they may; when they do, the kernel ends one of them",
		Remedy: "give them less memory, or set power = \"off\" for some",
	})
}
