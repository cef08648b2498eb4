package config

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// A VM that insists on KVM comes out on each platform as the row KVM Acceleration says, with its reason; one that
// takes what there is comes out everywhere.
func TestKVMIsRefusedWhereItsPlatformHasNone(t *testing.T) {
	for p, f := range map[catalogue.Platform]host.Facts{
		catalogue.LinuxX86: {OS: "linux", Arch: "x86_64"}, catalogue.LinuxARM: {OS: "linux", Arch: "aarch64"},
		catalogue.BSD: {OS: "freebsd", Arch: "x86_64"}, catalogue.MacOS: {OS: "darwin", Arch: "aarch64"},
	} {
		cell, err := catalogue.Default().Ask(catalogue.OperatingSystems, catalogue.KVMAcceleration, string(p))
		if err != nil {
			t.Fatal(err)
		}
		for _, accel := range []vm.Accelerator{vm.KVM, vm.Auto, vm.TCG} {
			got := CheckVMs([]vm.Definition{{Name: "web", Spec: vm.Spec{Accelerator: accel}}}, nil, f, feature.Resolution{})
			refused := len(got) == 1 && got[0].Code == CodeVMKVM && got[0].Severity == finding.Refused &&
				got[0].Why == cell.Reason && strings.Contains(got[0].Remedy, cell.Remedy)
			if want := accel == vm.KVM && cell.Mark == catalogue.Nothing; refused != want || len(got) > 0 && !want {
				t.Errorf("%s on %s (%s): %+v", accel, p, cell.Mark.Symbol(), got)
			}
		}
	}
}

// Who asks for another hypervisor hears why it is not driven, and how the VM comes here.
func TestAnotherHypervisorIsRefusedWithTheWayToThisOne(t *testing.T) {
	for word, column := range map[string]catalogue.Hypervisor{
		"xen": catalogue.Xen, "vmware": catalogue.VMware, "esxi": catalogue.VMware, "hyper-v": catalogue.HyperV, "hyperv": catalogue.HyperV,
	} {
		cell, err := catalogue.Default().Ask(catalogue.Hypervisors, catalogue.FullIntegration, string(column))
		if err != nil {
			t.Fatal(err)
		}
		got := CheckVMs([]vm.Definition{{Name: "web", Spec: vm.Spec{Accelerator: vm.Accelerator(word)}}}, nil, host.Facts{}, feature.Resolution{})
		if len(got) != 1 || got[0].Code != CodeVMShape || got[0].Severity != finding.Refused || got[0].Why != cell.Reason || got[0].Remedy != cell.Remedy {
			t.Errorf("accelerator %q: %+v", word, got)
		}
	}
	got := CheckVMs([]vm.Definition{{Name: "web", Spec: vm.Spec{Accelerator: "steam"}}}, nil, host.Facts{}, feature.Resolution{})
	if len(got) != 1 || got[0].Why != "" {
		t.Errorf("a word that nobody knows: %+v", got)
	}
}
