package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// The codes of what excludes each other in a VM's memory, and of what the host lacks for it.
const (
	CodeVMNUMAGrows  = "HV-VM-110" // nodes of the guest's, and memory that is plugged in
	CodeVMHugeGrows  = "HV-VM-111" // huge pages, and memory that comes or goes
	CodeVMLockGrows  = "HV-VM-112" // locked memory, and memory that comes or goes
	CodeVMHostNodes  = "HV-VM-113" // nodes that the host has not
	CodeVMHugePages  = "HV-VM-114" // pages of a size that the host's kernel has not, or too few that were set aside
	memoryCannotMove = "; memory that comes or goes while it runs excludes it"
)

// backing asks whether the guest's memory can be what the spec wants of it, and whether the host has that.
func (c *vmCheck) backing(name string, s vm.Spec) {
	b := vm.MemoryBacking{}
	if s.MemoryBacking != nil {
		b = *s.MemoryBacking
	}
	if len(s.NUMA) > 0 && s.MemoryMax > 0 {
		c.excludes(name, CodeVMNUMAGrows, "numa", "memoryMax", "the guest's NUMA nodes"+memoryCannotMove,
			"what is plugged in belongs to one node, and the guest's programs have been told another division")
	}
	moves := moving(s)
	if b.HugePages > 0 && moves != "" {
		c.excludes(name, CodeVMHugeGrows, "memoryBacking.hugePages", moves, "huge pages"+memoryCannotMove,
			"a balloon gives back pages of 4KiB, of which a huge page that is in use by one byte frees nothing; and what is set aside is there for the start, not for later")
	}
	if b.Locked && moves != "" {
		c.excludes(name, CodeVMLockGrows, "memoryBacking.locked", moves, "locked memory"+memoryCannotMove,
			"the kernel takes nothing back of memory that is locked (madvise(2): EINVAL for MADV_DONTNEED)")
	}
	c.hostNodes(name, s, b)
	c.hugePages(name, s, b)
}

// moving is the key by which memory comes or goes while the VM runs; empty where it does not.
func moving(s vm.Spec) string {
	switch {
	case s.MemoryMax > 0:
		return "memoryMax"
	case s.Balloon != nil && *s.Balloon:
		return "balloon"
	}
	return ""
}

// excludes refuses two keys together; either way out is to leave one of them out.
func (c *vmCheck) excludes(name, code, one, other, what, why string) {
	c.say(finding.Refused, code, name, one, fmt.Sprintf("leave %s.%s out, or %s", VMPath(name), one, other), "%s", what).Why = why
	c.or(finding.Way{unsetting(name, one)}, finding.Way{unsetting(name, other)})
}

func (c *vmCheck) hostNodes(name string, s vm.Spec, b vm.MemoryBacking) {
	if c.facts.Layout == nil || len(c.facts.Layout.NUMA) == 0 {
		return // not asked
	}
	var there []int
	for _, n := range c.facts.Layout.NUMA {
		there = append(there, n.ID)
	}
	ask := func(path, list string) {
		nodes, err := model.ParseCPUs(list)
		if err != nil {
			return // absent: what is malformed was told
		}
		missing := slices.DeleteFunc(nodes, func(n int) bool { return slices.Contains(there, n) })
		if len(missing) > 0 {
			c.say(finding.Refused, CodeVMHostNodes, name, path, fmt.Sprintf("set %s.%s to one of them, or leave it out", VMPath(name), path),
				"the host has no NUMA node %s; it has %s", model.CPUList(missing), model.CPUList(there))
			c.or(finding.Way{unsetting(name, path)})
		}
	}
	ask("memoryBacking.hostNodes", b.HostNodes)
	for i, n := range s.Nodes() {
		ask(join(join("numa", quoteKey(strconv.Itoa(i))), "hostNodes"), n.HostNodes)
	}
}

// hugePages asks for those that were set aside at all; how many of them are free is asked at the start.
func (c *vmCheck) hugePages(name string, s vm.Spec, b vm.MemoryBacking) {
	if b.HugePages == 0 || c.facts.Layout == nil || len(c.facts.Layout.HugePages) == 0 {
		return
	}
	const path = "memoryBacking.hugePages"
	var sizes []string
	for _, p := range c.facts.Layout.HugePages {
		sizes = append(sizes, p.Size.String())
		need := int(s.Memory / b.HugePages)
		if p.Size != b.HugePages {
			continue
		}
		if p.Total < need {
			c.say(finding.Waiting, CodeVMHugePages, name, path,
				fmt.Sprintf("as root: echo %d > /sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages", need, b.HugePages/model.KiB),
				"it cannot start before %d huge pages of %s are set aside; the host has %d", need, b.HugePages, p.Total)
			c.or(finding.Way{unsetting(name, path)})
		}
		return
	}
	c.say(finding.Refused, CodeVMHugePages, name, path, fmt.Sprintf("leave %s.%s out", VMPath(name), path),
		"the host's kernel has no huge pages of %s, but of %s", b.HugePages, strings.Join(sizes, ", "))
	c.or(finding.Way{unsetting(name, path)})
}
