package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// cpuHost is a host that emulates, and knows two models.
func cpuHost() host.Facts {
	f := aHost()
	f.KVM = &host.Verdict{Why: "no /dev/kvm"}
	f.CPU = &host.CPU{AMDV: true}
	q := *f.QEMU
	q.CPUs, q.CPUFlags = []host.CPUModel{{Name: "Haswell", Lacks: []string{"hle"}}, {Name: "Nehalem"}}, []string{"aes", "hle"}
	f.QEMU = &q
	return f
}

func TestACPUIsHeldAgainstWhatTheHostCanShow(t *testing.T) {
	kvm := cpuHost()
	kvm.KVM = &host.Verdict{OK: true}
	for name, c := range map[string]struct {
		cpu   vm.CPU
		facts host.Facts
		want  string
	}{
		"auto":                   {vm.CPU{}, cpuHost(), ""},
		"host, emulated":         {vm.CPU{Model: "host"}, cpuHost(), "HV-VM-041 hypervisor.vms.web.cpu.model"},
		"host with KVM":          {vm.CPU{Model: "host"}, kvm, ""},
		"host, KVM not asked":    {vm.CPU{Model: "host"}, host.Facts{OS: "linux", Arch: "x86_64"}, ""},
		"a model that TCG can":   {vm.CPU{Model: "Nehalem"}, cpuHost(), ""},
		"a model that it cannot": {vm.CPU{Model: "Haswell"}, cpuHost(), "HV-VM-041 hypervisor.vms.web.cpu.model"},
		"the same with KVM":      {vm.CPU{Model: "Haswell"}, kvm, ""},
		"no such model":          {vm.CPU{Model: "Z80"}, kvm, "HV-VM-041 hypervisor.vms.web.cpu.model"},
		"no such flag":           {vm.CPU{Features: map[string]bool{"warp": true}}, kvm, "HV-VM-041 hypervisor.vms.web.cpu.features.warp"},
	} {
		got := CheckVMs([]vm.Definition{{Name: "web", Spec: vm.Spec{CPU: &c.cpu}}}, nil, c.facts, feature.Resolution{})
		if diff := cmp.Diff(c.want, codes(got)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAGuestMayRunVMsOnlyWhereTheHostOffersIt(t *testing.T) {
	f := cpuHost()
	web := []vm.Definition{{Name: "web", Spec: vm.Spec{NestedVirtualization: true}}}
	off := feature.Resolve(feature.Declaration{}, FeatureFacts(f))
	got := CheckVMs(web, nil, f, off)
	if diff := cmp.Diff("HV-VM-042 hypervisor.vms.web.nestedVirtualization", codes(got)); diff != "" {
		t.Fatal(diff)
	}
	if got[0].Severity != finding.Refused || got[0].Remedy == "" || got[0].Why == "" {
		t.Errorf("it does not say why, or no way out: %+v", got[0])
	}
	on := feature.Resolve(feature.Declaration{ExtraFeatures: []string{"nestedVirtualization"}}, FeatureFacts(f))
	if !on.On("nestedVirtualization") {
		t.Fatalf("the feature is not on: %+v", on.Findings)
	}
	if got := CheckVMs(web, nil, f, on); len(got) > 0 {
		t.Error(got)
	}
}
