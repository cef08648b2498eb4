package vm

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
)

func TestNodesOfAGuestShareWhatTheSpecLeavesOpen(t *testing.T) {
	s := Spec{CPUs: 5, Memory: 1030 * model.MiB, NUMA: map[string]NUMANode{"0": {}, "1": {HostNodes: "1"}}}
	full, filled := Effective(s, "x86_64")
	a, b := full.NUMA["0"], full.NUMA["1"]
	if a.CPUs != "0-1" || b.CPUs != "2-4" || a.Memory != 514*model.MiB || b.Memory != 516*model.MiB || b.HostNodes != "1" {
		t.Errorf("%+v %+v", a, b)
	}
	if !strings.Contains(strings.Join(filled, " "), "numa.0.cpus numa.0.memory") || s.NUMA["0"].CPUs != "" {
		t.Errorf("filled %v, and the spec is %+v", filled, s.NUMA)
	}
}

func TestWhatBacksMemoryIsWellFormed(t *testing.T) {
	two := func(a, b NUMANode) Spec {
		return Spec{CPUs: 4, Memory: model.GiB, NUMA: map[string]NUMANode{"0": a, "1": b}}
	}
	half := model.GiB / 2
	for name, c := range map[string]struct {
		spec Spec
		want string // path: words of the only problem; empty for none
	}{
		"huge pages":           {spec: Spec{MemoryBacking: &MemoryBacking{HugePages: HugePage2M, Locked: true}}},
		"of another size":      {Spec{MemoryBacking: &MemoryBacking{HugePages: 64 * model.KiB}}, "memoryBacking.hugePages: no huge pages of 64KiB"},
		"that do not fit":      {Spec{MemoryBacking: &MemoryBacking{HugePages: HugePage1G}}, "memoryBacking.hugePages: no multiple of 1GiB"},
		"nodes of the host":    {spec: Spec{MemoryBacking: &MemoryBacking{HostNodes: "0-1", Policy: Interleave}}},
		"no nodes":             {Spec{MemoryBacking: &MemoryBacking{Policy: Bind}}, "memoryBacking.policy: of which"},
		"no policy":            {Spec{MemoryBacking: &MemoryBacking{HostNodes: "0", Policy: "near"}}, "memoryBacking.policy: none of bind"},
		"no list":              {Spec{MemoryBacking: &MemoryBacking{HostNodes: "x"}}, "memoryBacking.hostNodes: no number"},
		"two nodes":            {spec: two(NUMANode{}, NUMANode{})},
		"as they are given":    {spec: two(NUMANode{CPUs: "0,2", Memory: half}, NUMANode{CPUs: "1,3", Memory: half})},
		"a vCPU in none":       {two(NUMANode{CPUs: "0"}, NUMANode{CPUs: "1-2"}), "numa: there are 0-3"},
		"a vCPU in both":       {two(NUMANode{CPUs: "0-2"}, NUMANode{CPUs: "2-3"}), "numa: each in one node"},
		"a node without any":   {two(NUMANode{CPUs: "0-3"}, NUMANode{}), "numa.1.cpus: no vCPU"},
		"memory that is short": {two(NUMANode{Memory: half}, NUMANode{Memory: half / 2}), "numa: 768MiB together"},
		"a node without":       {two(NUMANode{Memory: half}, NUMANode{}), "numa.1.memory: no multiple"},
		"a gap":                {Spec{NUMA: map[string]NUMANode{"0": {}, "2": {}}}, "numa: without a gap"},
	} {
		got := Check(Definition{Name: "web", Spec: c.spec})
		path, words, _ := strings.Cut(c.want, ": ")
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%s: %v", name, got)
		case c.want != "" && (len(got) != 1 || got[0].Path != path || !strings.Contains(got[0].What, words)):
			t.Errorf("%s: %v, want %q", name, got, c.want)
		}
	}
}
