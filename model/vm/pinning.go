package vm

import (
	"maps"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// Pinning says on which of the host's CPUs a VM's threads run, as lists such as "0-3,8". It changes while the VM runs.
type Pinning struct {
	CPUs      string            `json:"cpus,omitempty"`      // all of them that no other key names; any when absent
	VCPUs     map[string]string `json:"vcpus,omitempty"`     // a vCPU, by number from 0
	Emulator  string            `json:"emulator,omitempty"`  // QEMU's own threads beside vCPUs and iothreads
	IOThreads map[string]string `json:"iothreads,omitempty"` // an iothread, by its name
	Exclusive bool              `json:"exclusive,omitempty"` // no other VM that says where it runs may run on these CPUs
}

func (p *Pinning) clone() *Pinning {
	if p == nil {
		return nil
	}
	v := *p
	v.VCPUs, v.IOThreads = maps.Clone(p.VCPUs), maps.Clone(p.IOThreads)
	return &v
}

// Lists are all lists of a pinning, by their JSON paths below it.
func (p *Pinning) Lists() map[string]string {
	if p == nil {
		return nil
	}
	all := map[string]string{"cpus": p.CPUs, "emulator": p.Emulator}
	for n, list := range p.VCPUs {
		all["vcpus."+n] = list
	}
	for name, list := range p.IOThreads {
		all["iothreads."+name] = list
	}
	maps.DeleteFunc(all, func(_, list string) bool { return list == "" })
	return all
}

// Used are the CPUs that any of it names, in order.
func (p *Pinning) Used() []int {
	seen := map[int]bool{}
	for _, list := range p.Lists() {
		cpus, _ := model.ParseCPUs(list) // what is malformed was told
		for _, n := range cpus {
			seen[n] = true
		}
	}
	var out []int
	for n := range model.MaxCPUNumber + 1 {
		if seen[n] {
			out = append(out, n)
		}
	}
	return out
}

// Unpinned returns a spec whose threads run anywhere: what a QEMU starts with, until they are told where.
func (s Spec) Unpinned() Spec {
	s.Pinning = nil
	return s
}

func (c *check) pinning(s Spec) {
	p := s.Pinning
	if p == nil {
		return
	}
	lists := p.Lists()
	for _, path := range sortedKeys(lists) {
		c.list("pinning."+path, lists[path])
	}
	full, _ := Effective(s, "x86_64")
	vcpus := max(full.CPUs, full.CPUsMax)
	for _, n := range sortedKeys(p.VCPUs) {
		if i, err := strconv.Atoi(n); err != nil || i < 0 || i >= vcpus || strconv.Itoa(i) != n {
			c.say("pinning.vcpus."+n, "they are numbered from 0", "%.20q is none of its %d vCPUs", n, vcpus)
		}
	}
	there := map[string]bool{}
	for _, name := range s.IOThreads() {
		there[name] = true
	}
	for _, name := range sortedKeys(p.IOThreads) {
		if !there[name] {
			c.say("pinning.iothreads."+name, "disks name them: disks.root.iothread", "no disk has the iothread %.40q", name)
		}
	}
	if p.Exclusive && len(lists) == 0 {
		c.say("pinning.exclusive", `name them: pinning.cpus = "2-3"`, "no CPU is named that could be its own")
	}
}
