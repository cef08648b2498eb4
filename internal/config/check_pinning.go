package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// The codes of findings about pins.
const (
	CodeVMNoCPU = "HV-VM-116" // a CPU that the host has not
	CodeVMPins  = "HV-VM-117" // CPUs that one VM is to have for itself, and another runs on
)

// hostCPUs are the CPUs of a host; nil where nobody asked.
func hostCPUs(f host.Facts) []int {
	var all []int
	if f.Layout != nil {
		for _, n := range f.Layout.NUMA {
			cpus, _ := model.ParseCPUs(n.CPUs) // a node of memory alone has none
			all = append(all, cpus...)
		}
	}
	for n := 0; len(all) < f.CPUs && f.Layout == nil; n++ {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

func (c *vmCheck) pinning(name string, s vm.Spec) {
	there := hostCPUs(c.facts)
	if len(there) == 0 {
		return
	}
	lists := s.Pinning.Lists()
	for _, path := range slices.Sorted(maps.Keys(lists)) {
		cpus, _ := model.ParseCPUs(lists[path]) // what is malformed was told
		missing := slices.DeleteFunc(cpus, func(n int) bool { return slices.Contains(there, n) })
		if len(missing) == 0 {
			continue
		}
		keys := strings.SplitN(path, ".", 2)
		for i, k := range keys {
			keys[i] = quoteKey(k)
		}
		at := "pinning." + strings.Join(keys, ".")
		c.say(finding.Refused, CodeVMNoCPU, name, at, fmt.Sprintf("set %s.%s to some of them", VMPath(name), at),
			"the host has no CPU %s; it has %s", model.CPUList(missing), model.CPUList(there))
		c.or(finding.Way{unsetting(name, at)})
	}
}

// pins finds CPUs that a VM is to have for itself and on which another is to run, too. Two that are never on at once may
// both name them; nobody knows that, so it is told and not refused.
func (c *vmCheck) pins(all []vm.Definition) {
	for i, d := range all {
		for _, other := range all[:i] {
			if d.Pinning == nil || other.Pinning == nil || !d.Pinning.Exclusive && !other.Pinning.Exclusive {
				continue
			}
			mine := d.Pinning.Used()
			both := slices.DeleteFunc(mine, func(n int) bool { return !slices.Contains(other.Pinning.Used(), n) })
			if len(both) == 0 {
				continue
			}
			f := c.say(finding.Limited, CodeVMPins, d.Name, "pinning", fmt.Sprintf("give %s and %s different CPUs", d.Name, other.Name),
				"CPU %s is named by it and by vm %q, and one of them is to have it for itself", model.CPUList(both), other.Name)
			f.Subject, f.Why = append(f.Subject, "vm/"+other.Name), "while both are on each waits for the other there"
		}
	}
}

// Pins holds one VM's pins against those of the others of its host.
func Pins(d vm.Definition, others []vm.Definition) finding.List {
	c := vmCheck{}
	for _, o := range others {
		c.pins([]vm.Definition{o, d})
	}
	return c.found
}
