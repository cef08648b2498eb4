package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestPinsAreHeldAgainstTheHostsCPUsAndEachOther(t *testing.T) {
	gap := twoNodes()
	gap.Layout.NUMA[1].CPUs = "4-5"
	spec := func(p vm.Pinning) vm.Spec { return vm.Spec{Pinning: &p} }
	for name, c := range map[string]struct {
		specs []vm.Spec
		facts host.Facts
		want  string
	}{
		"none":                     {[]vm.Spec{{}}, aHost(), ""},
		"CPUs that are there":      {[]vm.Spec{spec(vm.Pinning{CPUs: "0-3"})}, aHost(), ""},
		"one that is not":          {[]vm.Spec{spec(vm.Pinning{Emulator: "3-4"})}, aHost(), "HV-VM-116 hypervisor.vms.a.pinning.emulator"},
		"by the nodes' own lists":  {[]vm.Spec{spec(vm.Pinning{CPUs: "0,4", VCPUs: map[string]string{"0": "2"}})}, gap, "HV-VM-116 hypervisor.vms.a.pinning.vcpus.0"},
		"a host that nobody asked": {[]vm.Spec{spec(vm.Pinning{CPUs: "99"})}, host.Facts{}, ""},
		"two that share":           {[]vm.Spec{spec(vm.Pinning{CPUs: "0-1"}), spec(vm.Pinning{CPUs: "1-2"})}, aHost(), ""},
		"one for itself":           {[]vm.Spec{spec(vm.Pinning{CPUs: "0-1", Exclusive: true}), spec(vm.Pinning{CPUs: "2-3"})}, aHost(), ""},
		"and another there":        {[]vm.Spec{spec(vm.Pinning{CPUs: "0-1", Exclusive: true}), spec(vm.Pinning{CPUs: "1-3"})}, aHost(), "HV-VM-117 hypervisor.vms.b.pinning"},
	} {
		var all []vm.Definition
		for i, s := range c.specs {
			all = append(all, vm.Definition{Name: string(rune('a' + i)), Spec: s})
		}
		got := CheckVMs(all, nil, c.facts, feature.Resolution{})
		if diff := cmp.Diff(c.want, codes(got)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	found := Pins(vm.Definition{Name: "b", Spec: spec(vm.Pinning{CPUs: "1-3"})}, []vm.Definition{{Name: "a", Spec: spec(vm.Pinning{CPUs: "0-1", Exclusive: true})}})
	if len(found) != 1 || !strings.Contains(found[0].What, `CPU 1 is named by it and by vm "a"`) {
		t.Errorf("%v", found)
	}
}
