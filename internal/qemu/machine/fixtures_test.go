package machine

import (
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

const uuid = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"

var x86 = host.QEMU{Path: "/usr/bin/qemu-system-x86_64", Arch: "x86_64", Version: "7.2.22", Machines: []host.Machine{
	{Name: "pc-q35-7.2", Alias: "q35", CPUs: 288}, {Name: "pc-q35-7.1", CPUs: 288},
	{Name: "pc-i440fx-7.2", Alias: "pc", CPUs: 255}, {Name: "pc-i440fx-7.1", CPUs: 255},
}}

var arm = host.QEMU{Path: "/usr/bin/qemu-system-aarch64", Arch: "aarch64", Version: "7.2.22", Machines: []host.Machine{
	{Name: "virt-7.2", Alias: "virt", CPUs: 512},
}}

// input is a VM "web" on TCG with the defaults that were not given; each disk has a raw volume.
func input(s vm.Spec) Input {
	s.UUID = uuid
	arch, q := "x86_64", x86
	if s.Arch == "aarch64" {
		arch, q = s.Arch, arm
	}
	eff, _ := vm.Effective(s, arch)
	in := Input{Name: "web", Spec: eff, QEMU: q, Accel: vm.TCG, Volumes: map[string]Volume{}}
	for name := range eff.Disks {
		in.Volumes[name] = Volume{Format: storage.Raw}
	}
	return in
}

func no() *bool  { v := false; return &v }
func on1() *bool { v := true; return &v }

// machines are the specs whose command lines are kept in testdata and given to a real QEMU.
func machines() map[string]Input {
	bare := input(vm.Spec{Memory: 16 * model.MiB, Serial: no(), RNG: no()})

	home := input(vm.Spec{
		CPUs: 2, Memory: model.GiB,
		Boot:  &vm.Boot{Kernel: "cloud", Initrd: "tiny", Cmdline: `console=ttyS0 quiet opt="a,b=c" tsc_early_khz=2596122`},
		Disks: map[string]vm.Disk{"root": {Volume: "web-root", BootIndex: 1, Serial: "ROOT_1.a-b"}},
		NICs:  map[string]vm.NIC{"lan": {}},
	})
	home.BootBytes = 17 * model.MiB
	home.Spec.Watchdog = &vm.Watchdog{OnExpiry: vm.ExpiryReset}

	kvm := input(vm.Spec{Boot: &vm.Boot{Kernel: "cloud"}})
	kvm.Accel = vm.KVM

	other := input(vm.Spec{OS: vm.OtherOS, Disks: map[string]vm.Disk{"root": {Volume: "a"}, "fast": {Volume: "b", Bus: vm.BusNVMe}},
		NICs: map[string]vm.NIC{"lan": {}}, CDROMs: map[string]vm.CDROM{"install": {}}})
	other.Spec.Clock = vm.ClockLocal

	pc := input(vm.Spec{Machine: "pc", Disks: map[string]vm.Disk{
		"a-cd": {Volume: "installer", ReadOnly: true, BootIndex: 2}, "root": {Volume: "web-root", BootIndex: 1}, "data": {Volume: "web-data"},
	}, NICs: map[string]vm.NIC{"lan": {MAC: "52:54:00:12:34:56"}}})
	pc.Spec.Graphics = &vm.Graphics{Device: vm.DisplayVGA}
	pc.Spec.Watchdog = &vm.Watchdog{OnExpiry: vm.ExpiryPause}
	pc.Volumes["root"] = Volume{Format: storage.QCOW2}
	pc.Volumes["data"] = Volume{Format: storage.QCOW2, ReadOnly: true}

	virt := input(vm.Spec{Arch: "aarch64", Boot: &vm.Boot{Kernel: "arm", Cmdline: "console=ttyAMA0"},
		Disks: map[string]vm.Disk{"root": {Volume: "web-root"}}, NICs: map[string]vm.NIC{"lan": {}}})

	virt.Spec.Graphics = &vm.Graphics{Device: vm.DisplayVirtio}
	virt.Spec.Watchdog = &vm.Watchdog{OnExpiry: vm.ExpiryPowerOff}

	bios := input(vm.Spec{Memory: 64 * model.MiB})

	uefi := input(vm.Spec{Firmware: vm.UEFI, Disks: map[string]vm.Disk{"root": {Volume: "web-root"}}})
	uefi.Spec.Graphics = &vm.Graphics{Device: vm.DisplayVirtio}
	uefi.UEFIBytes = 4 * model.MiB

	layered := input(vm.Spec{Disks: map[string]vm.Disk{"root": {Volume: "web-root"}, "data": {Volume: "web-data"}}})
	layered.Volumes["root"] = Volume{Format: storage.QCOW2, Layers: []storage.Layer{
		{ID: "0f3a9c1e-5b7d-4c2a-9e11-000000000001", Format: storage.Raw}, {ID: "1f3a9c1e-5b7d-4c2a-9e11-000000000002", Format: storage.QCOW2},
		{ID: "2f3a9c1e-5b7d-4c2a-9e11-000000000003", Format: storage.QCOW2},
	}}

	secure := input(vm.Spec{SecureBoot: true, Memory: 256 * model.MiB})
	secure.UEFIBytes = 4 * model.MiB

	grows := input(vm.Spec{CPUs: 1, CPUsMax: 4, Memory: 256 * model.MiB, MemoryMax: model.GiB})

	threads := input(vm.Spec{Disks: map[string]vm.Disk{
		"root": {Volume: "web-root", IOThread: "fast"}, "data": {Volume: "web-data", IOThread: "fast"}, "log": {Volume: "web-log", IOThread: "slow"},
	}})

	nodes := input(vm.Spec{CPUs: 4, Memory: 64 * model.MiB, NUMA: map[string]vm.NUMANode{"0": {CPUs: "0,2", HostNodes: "0"}, "1": {CPUs: "1,3"}},
		MemoryBacking: &vm.MemoryBacking{Locked: true}})
	near := input(vm.Spec{MemoryBacking: &vm.MemoryBacking{HostNodes: "0", Policy: vm.Preferred}})

	media := input(vm.Spec{Disks: map[string]vm.Disk{"root": {Volume: "web-root"}}, CDROMs: map[string]vm.CDROM{"install": {Volume: "debian"}, "tools": {}}})
	media.Spec.Graphics = &vm.Graphics{Device: vm.DisplayVGA}
	media.Media = map[string]Volume{"install": {Format: storage.Raw}}

	// Of everything that is chosen by a word, the other words.
	buses := input(vm.Spec{SCSI: &vm.SCSI{IOThread: "fast"}, Disks: map[string]vm.Disk{
		"root": {Volume: "a", Bus: vm.BusSCSI, Serial: "R1"}, "data": {Volume: "b", Bus: vm.BusSCSI, ReadOnly: true}, "stick": {Volume: "c", Bus: vm.BusUSB},
	}, CDROMs: map[string]vm.CDROM{"install": {Bus: vm.BusUSB, Volume: "debian"}, "tools": {}}, NICs: map[string]vm.NIC{"lan": {}, "old": {Model: vm.NICRTL8139}, "esx": {Model: vm.NICVMXNET3}},
		Boot: &vm.Boot{Order: []string{"lan", "root", "install", "old", "esx", "stick"}, Menu: true}, Sound: vm.SoundICH9, Graphics: &vm.Graphics{Device: vm.DisplayQXL, Memory: 32 * model.MiB}})
	buses.Media = map[string]Volume{"install": {Format: storage.Raw}}
	buspc := buses
	buspc.Spec = buses.Spec.Clone()
	buspc.Spec.Machine, buspc.Spec.Sound, buspc.Spec.Graphics = "pc", vm.SoundAC97, &vm.Graphics{Device: vm.DisplayCirrus, Memory: 8 * model.MiB}
	busvirt := input(vm.Spec{Arch: "aarch64", Boot: &vm.Boot{Kernel: "arm"}, SCSI: &vm.SCSI{}, USBController: on1(), Sound: vm.SoundICH9, Graphics: &vm.Graphics{}, Disks: map[string]vm.Disk{
		"stick": {Volume: "c", Bus: vm.BusUSB}}, NICs: map[string]vm.NIC{"old": {Model: vm.NICRTL8139}}})
	dark := input(vm.Spec{OS: vm.Windows10, Firmware: vm.BIOS, Graphics: &vm.Graphics{Device: vm.DisplayNone}, Sound: vm.SoundNone, Disks: map[string]vm.Disk{"c": {Volume: "c"}}})
	full := vm.Spec{Disks: map[string]vm.Disk{}, NICs: map[string]vm.NIC{}, Boot: &vm.Boot{Kernel: "cloud"}}
	for i := range vm.MaxPCIDisks {
		full.Disks[fmt.Sprintf("d%02d", i)] = vm.Disk{Volume: fmt.Sprintf("v%02d", i)}
	}
	for i := range vm.MaxNICs {
		full.NICs[fmt.Sprintf("n%d", i)] = vm.NIC{}
	}
	return map[string]Input{"buses": buses, "buses-pc": buspc, "buses-virt": busvirt, "dark": dark, "other": other, "bare": bare, "bios": bios, "uefi": uefi, "secure": secure, "grows": grows, "threads": threads, "nodes": nodes, "near": near, "media": media, "layered": layered, "home": home, "kvm": kvm, "pc": pc, "virt": virt, "full": input(full)}
}
