package fit

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// changed is a machine with something else about it.
func changed(t *testing.T, name string, change func(f *host.Facts)) host.Facts {
	t.Helper()
	f := machine(t, name)
	change(&f)
	return f
}

func setModule(f *host.Facts, name string, s host.ModuleState) {
	for i := range f.Modules {
		if f.Modules[i].Name == name {
			f.Modules[i].State = s
		}
	}
}

// The same no has many causes, and each its own cure.
func TestARemedyFitsTheCause(t *testing.T) {
	bare := func(f *host.Facts) {
		f.IOMMU = &host.IOMMU{Why: "there is no IOMMU group"}
		f.Platform.CommandLine = nil
	}
	for name, c := range map[string]struct {
		facts  host.Facts
		ask    func(host.Facts) Verdict
		answer Answer
		why    string
		remedy string
	}{
		"no flag on a machine: firmware": {
			changed(t, "intel-server", func(f *host.Facts) { f.CPU.VTx = false }), kvm, No, "shows no VT-x", "enable VT-x",
		},
		"no flag on an AMD machine": {
			changed(t, "amd-workstation", func(f *host.Facts) { f.CPU.AMDV = false }), kvm, No, "shows no AMD-V", "SVM Mode",
		},
		"no flag in a VM: its hypervisor": {machine(t, "cheap-vps"), kvm, No, "itself a VM", "nested virtualization on this VM's host"},
		"no flag in a VM of VMware": {
			changed(t, "cheap-vps", func(f *host.Facts) { f.Platform.Hypervisor = "vmware" }), kvm, No, "vmware", "Expose hardware assisted",
		},
		"a flag, and the module is not loaded": {
			changed(t, "intel-server", func(f *host.Facts) { setModule(f, "kvm_intel", host.ModuleInstalled) }), kvm, No, "kvm_intel is not loaded", "sudo modprobe kvm_intel; where that says",
		},
		"a flag, and no module": {
			changed(t, "amd-workstation", func(f *host.Facts) { setModule(f, "kvm_amd", host.ModuleAbsent) }), kvm, No, "this kernel has no kvm_amd", "boot a kernel",
		},
		"a container without the device": {machine(t, "container"), kvm, No, "container (docker)", "--device /dev/kvm"},
		"a machine without the device": {
			changed(t, "intel-server", func(f *host.Facts) { f.KVMDevice = &host.KVMDevice{Usable: "nobody"} }), kvm, No, "/dev/kvm is not", "modprobe -r kvm_intel",
		},
		"all of it, and the probe VM fails": {
			changed(t, "intel-server", func(f *host.Facts) { f.KVM = &host.Verdict{Why: "KVM_CREATE_VM: Operation not supported"} }), kvm, No, "not supported", "enable VT-x",
		},
		"nothing in the way, and nobody tried": {machine(t, "intel-server"), kvm, NotAsked, "the CPU has VT-x", "ask the daemon"},
		"ARM64 at EL1": {
			changed(t, "arm64-server", func(f *host.Facts) { f.CPU.EL2 = &host.Verdict{Why: "the kernel was started at EL1"} }), kvm, No, "EL1", "at EL2",
		},
		"another architecture": {changed(t, "hybrid", func(f *host.Facts) { f.Arch = "riscv64" }), kvm, No, "riscv64", "x86_64"},
		"BSD":                  {host.Facts{OS: "freebsd", Arch: x86}, kvm, No, "Linux kernel", "Linux host"},

		"root alone": {
			changed(t, "intel-server", func(f *host.Facts) {
				f.KVMDevice = &host.KVMDevice{Present: true, Mode: "0600", Usable: "root"}
			}), kvmUsers, Limited, "root alone", "udev",
		},

		"nested off on Intel": {
			changed(t, "intel-server", func(f *host.Facts) { f.CPU.Nested.OK = false }), nested, No, "nested=0", "options kvm_intel nested=1",
		},
		"nested off on ARM64":              {machine(t, "arm64-server"), nested, No, "kvm-arm.mode=nested", "FEAT_NV2"},
		"nested, and nobody knows":         {changed(t, "intel-server", func(f *host.Facts) { f.CPU.Nested = nil }), nested, NotAsked, "not known", "ask the daemon"},
		"nested, and the module is absent": {changed(t, "amd-workstation", func(f *host.Facts) { f.CPU.Nested = nil; setModule(f, "kvm_amd", host.ModuleInstalled) }), nested, No, "not loaded", "modprobe kvm_amd"},

		"VT-d off in the firmware": {
			changed(t, "intel-server", bare), iommu, No, "does not offer VT-d", "enable VT-d in the firmware, then add intel_iommu=on to the kernel's command line",
		},
		"VT-d off in the firmware, kernel told": {
			changed(t, "intel-server", func(f *host.Facts) { bare(f); f.Platform.CommandLine = []string{"intel_iommu=on"} }), iommu, No, "does not offer VT-d", "enable VT-d in the firmware and restart",
		},
		"VT-d, and the kernel was not told": {
			changed(t, "intel-server", func(f *host.Facts) { bare(f); f.IOMMU.Tables = []string{"DMAR"} }), iommu, No, "was not told", "add intel_iommu=on to the kernel's command line and restart",
		},
		"VT-d, and the kernel was told off": {
			changed(t, "intel-server", func(f *host.Facts) {
				bare(f)
				f.IOMMU.Tables, f.Platform.CommandLine = []string{"DMAR"}, []string{"intel_iommu=on", "intel_iommu=off"}
			}), iommu, No, "intel_iommu=off", "remove intel_iommu=off",
		},
		"VT-d, told, and it did not": {
			changed(t, "intel-server", func(f *host.Facts) {
				bare(f)
				f.IOMMU.Tables, f.Platform.CommandLine = []string{"DMAR"}, []string{"intel_iommu=on"}
			}), iommu, No, "and did not", "dmesg",
		},
		"AMD-Vi off in the firmware":   {changed(t, "amd-workstation", bare), iommu, No, "does not offer AMD-Vi", "enable IOMMU (AMD-Vi)"},
		"AMD-Vi without the kernel":    {changed(t, "amd-workstation", func(f *host.Facts) { bare(f); f.IOMMU.Tables = []string{"IVRS"} }), iommu, No, "IVRS", "CONFIG_AMD_IOMMU"},
		"no virtual IOMMU":             {machine(t, "cheap-vps"), iommu, No, "without a virtual IOMMU", "-device intel-iommu"},
		"no SMMU on a board":           {machine(t, "arm-board"), iommu, No, "no SMMU", "SMMUv3"},
		"an SMMU that is off":          {changed(t, "arm64-server", func(f *host.Facts) { bare(f); f.IOMMU.Tables = []string{"IORT"} }), iommu, No, "IORT", "CONFIG_ARM_SMMU_V3"},
		"an IOMMU with nothing behind": {changed(t, "intel-server", func(f *host.Facts) { bare(f); f.IOMMU.Units = []string{"dmar0"} }), iommu, No, "no device is behind", "PCI Express"},

		"vfio-pci not loaded": {machine(t, "amd-workstation"), vfio, No, "not loaded", "sudo modprobe vfio-pci"},
		"no vfio-pci":         {changed(t, "intel-server", func(f *host.Facts) { setModule(f, "vfio_pci", host.ModuleAbsent) }), vfio, No, "no vfio-pci", "CONFIG_VFIO_PCI"},
		"no card":             {machine(t, "amd-workstation"), sriovCard, No, "offers virtual functions", "SR-IOV in the firmware"},
		"a card":              {machine(t, "intel-server"), sriovCard, Yes, "offers 64 virtual functions, 2 are there", ""},

		"hybrid control groups": {machine(t, "hybrid"), cgroup, Limited, "version 1", "systemd.unified_cgroup_hierarchy=1"},
		"a controller turned off": {
			machine(t, "arm-board"), cgroup, Limited, "memory", "remove cgroup_disable=memory",
		},
		"nft without a kernel": {changed(t, "intel-server", func(f *host.Facts) { setModule(f, "nf_tables", host.ModuleAbsent) }), nftables, No, "no nf_tables", "CONFIG_NF_TABLES"},
		"no nginx":             {machine(t, "cheap-vps"), func(f host.Facts) Verdict { return need(catalogue.Nginx, f) }, No, "not installed", "apt-get install nginx"},
		"a setting":            {machine(t, "cheap-vps"), func(f host.Facts) Verdict { return need(catalogue.RemoteCredentials, f) }, NotAsked, "a setting", "credentials"},
		"swap on a disk":       {machine(t, "intel-server"), swap, Limited, "/dev/dm-1", "encrypt swap"},
		"two nodes":            {machine(t, "intel-server"), numa, Limited, "node 1: CPUs 32-63,96-127", "on one node"},
		"Ceph":                 {machine(t, "intel-server"), func(f host.Facts) Verdict { return backend(catalogue.Ceph, f) }, Yes, "rbd", ""},
		"no Ceph":              {machine(t, "amd-workstation"), func(f host.Facts) Verdict { return backend(catalogue.Ceph, f) }, No, "block-rbd.so", "qemu-block-extra"},
		"Ceph without a cluster": {
			changed(t, "intel-server", func(f *host.Facts) { f.Storage.CephConf = false }), func(f host.Facts) Verdict { return backend(catalogue.Ceph, f) }, Limited, "ceph.conf", "/etc/ceph",
		},
		"local":         {machine(t, "intel-server"), func(f host.Facts) Verdict { return backend(catalogue.Local, f) }, Yes, "folders, LVM thin pools", ""},
		"local, ZFS":    {machine(t, "amd-workstation"), func(f host.Facts) Verdict { return backend(catalogue.Local, f) }, Yes, "folders, ZFS", ""},
		"no open-iscsi": {machine(t, "amd-workstation"), func(f host.Facts) Verdict { return backend(catalogue.ISCSI, f) }, No, "iscsiadm", "open-iscsi"},
	} {
		t.Run(name, func(t *testing.T) {
			v := c.ask(c.facts)
			if v.Answer != c.answer || !strings.Contains(v.Why, c.why) || !strings.Contains(v.Remedy, c.remedy) || c.remedy == "" && v.Remedy != "" {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestADeviceIsGivenAwayWithItsGroup(t *testing.T) {
	loaded := changed(t, "amd-workstation", func(f *host.Facts) { setModule(f, "vfio_pci", host.ModuleLoaded) })
	for address, c := range map[string]struct {
		facts  host.Facts
		answer Answer
		with   string
		why    string
	}{
		"0000:3b:00.0":               {machine(t, "intel-server"), Yes, "", "alone in IOMMU group 8"},
		"0000:02:00.0":               {machine(t, "intel-server"), Limited, "", "boot_vga"},
		"0000:01:02.1":               {machine(t, "intel-server"), Yes, "", "a virtual function of 0000:01:00.0"},
		"0000:5f:00.0":               {machine(t, "intel-server"), Yes, "", "alone"},
		"0000:5e:00.0":               {machine(t, "intel-server"), No, "", "in use by the host: /, /boot, swap"},
		"0000:01:00.0 of the server": {machine(t, "intel-server"), No, "", "the default route"},
		// The sound of the card is its own, and no stranger.
		"0000:01:00.0": {loaded, Limited, "0000:01:00.1", "boot_vga"},
		// Behind the chipset the ports keep nobody apart.
		"0000:04:00.0": {loaded, Limited, "0000:04:00.1 0000:05:00.0 0000:06:00.0", "(no ACS)"},
		"0000:07:00.0": {loaded, Yes, "", "alone in IOMMU group 16"},
		"0009:01:00.0": {machine(t, "arm64-server"), Yes, "", "alone in IOMMU group 3"},
		"0000:00:03.0": {machine(t, "cheap-vps"), No, "", "no vfio-pci"},
	} {
		found := false
		for _, d := range devices(c.facts) {
			if d.Address != strings.Fields(address)[0] {
				continue
			}
			found = true
			if d.Answer != c.answer || strings.Join(d.With, " ") != c.with || !strings.Contains(d.Why, c.why) {
				t.Errorf("%s: %+v", address, d)
			}
		}
		if !found {
			t.Errorf("%s is no candidate", address)
		}
	}
	gpu := feature(catalogue.Default(), must(t, catalogue.GPUPassthrough), loaded)
	if gpu.Answer != Limited || !strings.Contains(gpu.Why, "0000:01:00.0") || !strings.Contains(gpu.Remedy, "another GPU as the first") {
		t.Errorf("%+v", gpu.Verdict)
	}
}

func must(t *testing.T, id catalogue.ID) catalogue.Feature {
	t.Helper()
	f, ok := catalogue.Default().Get(id)
	if !ok {
		t.Fatal(id)
	}
	return f
}

func TestAWholeIsAsGoodAsItsWorstPart(t *testing.T) {
	y, l, n, u := yes("y"), limited("l", "fix l"), no("n", "fix n"), notAsked("u", "ask")
	for _, c := range []struct {
		parts []Verdict
		want  Verdict
	}{
		{[]Verdict{y, y}, Verdict{Yes, "y", ""}},
		{[]Verdict{y, l}, Verdict{Limited, "l", "fix l"}},
		{[]Verdict{l, u, y}, Verdict{NotAsked, "l; u", "fix l; then ask"}},
		{[]Verdict{y, l, n, u, no("m", "fix m"), n}, Verdict{No, "n; m", "fix n; then fix m"}},
		{nil, Verdict{Answer: Yes}},
	} {
		if got := all(c.parts...); got != c.want {
			t.Errorf("%v: %+v", c.parts, got)
		}
	}
}

// A device that the host needs itself is told as that before anything that an IOMMU would change, and so is one that would
// take such a device along.
func TestWhatTheHostNeedsItselfIsSaidFirst(t *testing.T) {
	disk := changed(t, "cheap-vps", func(f *host.Facts) {
		for i := range f.PCI {
			f.PCI[i].UsedFor = nil
			if f.PCI[i].Address == "0000:00:03.0" {
				f.PCI[i].UsedFor = []string{"/", "the default route"}
			}
		}
	})
	for _, d := range devices(disk) {
		if first := strings.HasPrefix(d.Why, "in use by the host: /, the default route; "); d.Answer != No || first != (d.Address == "0000:00:03.0") {
			t.Errorf("%s: %+v", d.Address, d.Verdict)
		}
		if d.Address == "0000:00:03.0" && !strings.HasPrefix(d.Remedy, "move what the host has there") {
			t.Errorf("the remedy is %q", d.Remedy)
		}
	}
	along := changed(t, "amd-workstation", func(f *host.Facts) {
		for i := range f.PCI {
			if f.PCI[i].Address == "0000:05:00.0" {
				f.PCI[i].UsedFor = []string{"/srv"}
			}
		}
	})
	for _, d := range devices(along) {
		if d.Address == "0000:04:00.0" && !strings.HasPrefix(d.Why, "0000:05:00.0, which goes with it, is in use by the host: /srv") {
			t.Errorf("%+v", d.Verdict)
		}
	}
}
