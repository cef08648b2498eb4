package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// twoNodes is a host with memory in two places, and a few huge pages of one size.
func twoNodes() host.Facts {
	f := aHost()
	f.Layout = &host.Layout{
		NUMA:      []host.NUMANode{{ID: 0, CPUs: "0-1"}, {ID: 1, CPUs: "2-3"}},
		HugePages: []host.HugePages{{Size: vm.HugePage2M, Total: 300, Free: 300}},
	}
	return f
}

func TestMemoryIsHeldAgainstWhatExcludesItAndWhatTheHostHas(t *testing.T) {
	yes, no := true, false
	huge := func(size model.Bytes) *vm.MemoryBacking { return &vm.MemoryBacking{HugePages: size} }
	nodes := map[string]vm.NUMANode{"0": {HostNodes: "0"}, "1": {HostNodes: "1"}}
	for name, c := range map[string]struct {
		spec vm.Spec
		want string
	}{
		"nothing":                        {},
		"huge pages that are there":      {vm.Spec{MemoryBacking: huge(vm.HugePage2M)}, ""},
		"and no balloon by name":         {vm.Spec{MemoryBacking: huge(vm.HugePage2M), Balloon: &no}, ""},
		"more than were set aside":       {vm.Spec{Memory: model.GiB, MemoryBacking: huge(vm.HugePage2M)}, "HV-VM-114 hypervisor.vms.web.memoryBacking.hugePages"},
		"of a size that is not":          {vm.Spec{Memory: model.GiB, MemoryBacking: huge(vm.HugePage1G)}, "HV-VM-114 hypervisor.vms.web.memoryBacking.hugePages"},
		"with a balloon":                 {vm.Spec{Balloon: &yes, MemoryBacking: huge(vm.HugePage2M)}, "HV-VM-111 hypervisor.vms.web.memoryBacking.hugePages"},
		"with memory that is plugged in": {vm.Spec{MemoryMax: model.GiB, MemoryBacking: huge(vm.HugePage2M)}, "HV-VM-111 hypervisor.vms.web.memoryBacking.hugePages"},
		"locked":                         {vm.Spec{MemoryBacking: &vm.MemoryBacking{Locked: true}}, ""},
		"locked, with a balloon":         {vm.Spec{Balloon: &yes, MemoryBacking: &vm.MemoryBacking{Locked: true}}, "HV-VM-112 hypervisor.vms.web.memoryBacking.locked"},
		"nodes":                          {vm.Spec{CPUs: 2, NUMA: nodes, MemoryBacking: &vm.MemoryBacking{Policy: vm.Preferred}}, ""},
		"nodes, and memory plugged in":   {vm.Spec{CPUs: 2, NUMA: nodes, MemoryMax: model.GiB}, "HV-VM-110 hypervisor.vms.web.numa"},
		"nodes that the host has not":    {vm.Spec{MemoryBacking: &vm.MemoryBacking{HostNodes: "1-2"}}, "HV-VM-113 hypervisor.vms.web.memoryBacking.hostNodes"},
	} {
		got := CheckVMs([]vm.Definition{{Name: "web", Spec: c.spec}}, nil, twoNodes(), feature.Resolution{})
		if diff := cmp.Diff(c.want, codes(got)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for _, f := range got {
			if f.Remedy == "" {
				t.Errorf("%s: no way out: %+v", name, f)
			}
		}
	}
}
