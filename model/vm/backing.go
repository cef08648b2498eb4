package vm

import (
	"slices"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// MemoryBacking is what of the host a guest's memory is.
type MemoryBacking struct {
	HugePages model.Bytes `json:"hugePages,omitempty"` // 2MiB or 1GiB: pages that were set aside; the kernel's own choice when absent
	Locked    bool        `json:"locked,omitempty"`    // all of it is there from the start and never swapped
	HostNodes string      `json:"hostNodes,omitempty"` // the host's NUMA nodes that it comes from: "0-1"; any when absent
	Policy    Policy      `json:"policy,omitempty"`    // how it comes from these nodes; bind when absent
}

// Policy says how memory comes from NUMA nodes, as mbind(2) does.
type Policy string

// The policies.
const (
	Bind       Policy = "bind"       // from nowhere else
	Preferred  Policy = "preferred"  // from elsewhere where that node has no more
	Interleave Policy = "interleave" // from each in turn
)

// The sizes of huge pages.
const (
	HugePage2M = 2 * model.MiB
	HugePage1G = model.GiB
)

// NUMANode is one of the nodes that the guest sees.
type NUMANode struct {
	CPUs      string      `json:"cpus,omitempty"`      // its vCPUs: "0-3"; an equal part in order when no node has any
	Memory    model.Bytes `json:"memory,omitempty"`    // an equal part when no node has any
	HostNodes string      `json:"hostNodes,omitempty"` // the host's nodes that its memory comes from; those of memoryBacking when absent
}

// MaxNUMANodes is how many nodes a guest may have.
const MaxNUMANodes = 8

// Nodes are the guest's nodes in order, as far as they are numbered from 0 without a gap.
func (s Spec) Nodes() []NUMANode {
	var out []NUMANode
	for i := range len(s.NUMA) {
		n, ok := s.NUMA[strconv.Itoa(i)]
		if !ok {
			return nil
		}
		out = append(out, n)
	}
	return out
}

// numa divides vCPUs and memory among the guest's nodes, where the spec leaves that open.
func numa(s *Spec, set func(path string, missing bool, fill func())) {
	n := len(s.NUMA)
	cpus, memory := max(s.CPUs, s.CPUsMax), s.Memory
	if n == 0 || s.Nodes() == nil {
		return
	}
	block := HugePage2M
	if s.MemoryBacking != nil && s.MemoryBacking.HugePages > 0 {
		block = s.MemoryBacking.HugePages
	}
	noCPUs, noMemory := cpus >= n, memory/model.Bytes(n)/block > 0
	for _, node := range s.NUMA {
		noCPUs, noMemory = noCPUs && node.CPUs == "", noMemory && node.Memory == 0
	}
	share := memory / model.Bytes(n) / block * block
	for i := range n {
		name := strconv.Itoa(i)
		node := s.NUMA[name]
		set("numa."+name+".cpus", noCPUs, func() { node.CPUs = model.CPUList(span(i*cpus/n, (i+1)*cpus/n)) })
		set("numa."+name+".memory", noMemory, func() {
			if node.Memory = share; i == n-1 {
				node.Memory = memory - share*model.Bytes(n-1)
			}
		})
		s.NUMA[name] = node
	}
}

func span(from, to int) []int {
	var out []int
	for ; from < to; from++ {
		out = append(out, from)
	}
	return out
}

func (c *check) backing(s Spec) {
	full, _ := Effective(s, "x86_64")
	b := s.MemoryBacking
	if b != nil {
		if b.HugePages != 0 && b.HugePages != HugePage2M && b.HugePages != HugePage1G {
			c.say("memoryBacking.hugePages", "use 2MiB or 1GiB", "there are no huge pages of %s", b.HugePages)
		} else if b.HugePages > 0 && full.Memory%b.HugePages != 0 {
			c.say("memoryBacking.hugePages", "make memory a multiple of it", "memory %s is no multiple of %s", full.Memory, b.HugePages)
		}
		c.list("memoryBacking.hostNodes", b.HostNodes)
		c.oneOf("memoryBacking.policy", string(b.Policy), string(Bind), string(Preferred), string(Interleave))
		nodes := b.HostNodes
		for _, n := range s.NUMA {
			nodes += n.HostNodes
		}
		if b.Policy != "" && nodes == "" {
			c.say("memoryBacking.policy", "name the nodes: memoryBacking.hostNodes = \"0\"", "%s of which nodes", b.Policy)
		}
	}
	c.numa(s, full)
}

// list checks a list of numbers and returns them; none of an absent one.
func (c *check) list(path, text string) []int {
	if text == "" {
		return nil
	}
	out, err := model.ParseCPUs(text)
	if err != nil {
		c.say(path, `numbers and ranges: "0-3,8"`, "%s", err)
	}
	return out
}

func (c *check) numa(s, full Spec) {
	if len(s.NUMA) == 0 {
		return
	}
	if len(s.NUMA) > MaxNUMANodes || full.Nodes() == nil {
		c.say("numa", "", "the nodes are to be 0, 1, … without a gap, %d at most: %v", MaxNUMANodes, sortedKeys(s.NUMA))
		return
	}
	before, all, sum := len(c.found), []int{}, model.Bytes(0)
	for i, n := range full.Nodes() {
		path := "numa." + strconv.Itoa(i)
		cpus := c.list(path+".cpus", n.CPUs)
		if len(cpus) == 0 && len(c.found) == before {
			c.say(path+".cpus", "give each node vCPUs, or none of them", "it has no vCPU")
		}
		c.list(path+".hostNodes", n.HostNodes)
		if n.Memory <= 0 || n.Memory%model.MiB != 0 {
			c.say(path+".memory", "give each node memory, or none of them", "%s is no multiple of 1MiB from 1MiB on", n.Memory)
		}
		if b := s.MemoryBacking; b != nil && b.HugePages > 0 && n.Memory%b.HugePages != 0 {
			c.say(path+".memory", "", "%s is no multiple of %s", n.Memory, b.HugePages)
		}
		all, sum = append(all, cpus...), sum+n.Memory
	}
	if len(c.found) > before {
		return
	}
	slices.Sort(all)
	if want := span(0, max(full.CPUs, full.CPUsMax)); !slices.Equal(all, want) {
		c.say("numa", "leave cpus out of all nodes and they are divided", "its nodes have the vCPUs %v, and there are %s, each in one node", all, model.CPUList(want))
	}
	if sum != full.Memory {
		c.say("numa", "leave memory out of all nodes and it is divided", "its nodes have %s together, and memory is %s", sum, full.Memory)
	}
}
