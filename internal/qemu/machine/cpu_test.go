package machine

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestAGuestSeesTheCPUThatWasAskedForAndRunsVMsOnlyWhereItMay(t *testing.T) {
	auto := vm.CPU{Model: vm.CPUAuto}
	for _, c := range []struct {
		accel  vm.Accelerator
		family string
		nested CPUFlag
		cpu    vm.CPU
		want   string
	}{
		{vm.KVM, familyQ35, "", auto, "host,vmx=off,svm=off"},
		{vm.KVM, familyQ35, FlagVMX, auto, "host,vmx=on,svm=off"},
		{vm.KVM, familyQ35, FlagSVM, vm.CPU{Model: "max"}, "max,vmx=off,svm=on"},
		{vm.KVM, familyVirt, "", auto, "host"},
		{vm.TCG, familyPC, "", auto, "max,vmx=off,svm=off,xlevel=0x80000008"},
		{vm.TCG, familyPC, FlagSVM, auto, "max,vmx=off,svm=on"},
		{vm.TCG, familyQ35, "", vm.CPU{Model: "Nehalem", Features: map[string]bool{"sse4.2": false, "aes": true}},
			"Nehalem,vmx=off,svm=off,aes=on,sse4.2=off,enforce=on"},
		{vm.KVM, familyQ35, "", vm.CPU{Model: "EPYC"}, "EPYC,vmx=off,svm=off,enforce=on"},
		{vm.KVM, familyQ35, "", vm.CPU{Model: "host", Features: map[string]bool{"avx512f": false}}, "host,vmx=off,svm=off,avx512f=off"},
		{vm.TCG, familyQ35, "", vm.CPU{Model: "max", Features: map[string]bool{"avx": true}},
			"max,vmx=off,svm=off,xlevel=0x80000008,avx=on,enforce=on"},
		{vm.TCG, familyVirt, "", auto, "cortex-a72"},
		{vm.TCG, familyVirt, FlagEL2, vm.CPU{Model: "max", Features: map[string]bool{"sve": false}}, "max,sve=off"},
	} {
		in := Input{Spec: vm.Spec{CPU: &c.cpu}, Accel: c.accel, Nested: c.nested}
		if got := cpu(in, c.family).args[1]; got != c.want {
			t.Errorf("%s on %s, %+v: %s, want %s", c.accel, c.family, c.cpu, got, c.want)
		}
	}
}

func TestACPUThatCouldNotBeShownIsRefusedBeforeTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Input)
		want   string
	}{
		"host without KVM": {func(in *Input) { in.Spec.CPU.Model = vm.CPUHost },
			"HV-MACH-007 cpu.model: CPU model host is the host's own and needs KVM, and this VM is emulated (TCG)"},
		"no such model": {func(in *Input) { in.Spec.CPU.Model = "Z80" }, "HV-MACH-007 cpu.model: QEMU 7.2.22 has no CPU model Z80"},
		"more than TCG can": {func(in *Input) { in.Spec.CPU = &vm.CPU{Model: "Haswell", Features: map[string]bool{"hle": false}} },
			"HV-MACH-007 cpu.model: emulation (TCG) cannot show a Haswell whole: it lacks pcid"},
		"no such flag": {func(in *Input) { in.Spec.CPU.Features = map[string]bool{"warp": true} },
			"HV-MACH-007 cpu.features.warp: QEMU 7.2.22 knows no CPU flag warp"},
	} {
		t.Run(name, func(t *testing.T) {
			in := machines()["home"]
			in.QEMU.CPUs = []host.CPUModel{{Name: "Haswell", Lacks: []string{"hle", "pcid", "vmx-ept"}}, {Name: "max"}}
			in.QEMU.CPUFlags = []string{"hle", "pcid"}
			c.change(&in)
			if got := refusalOf(t, in, fault.Invalid); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
