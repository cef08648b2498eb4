package fit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// iommu says whether devices are confined to the memory of the VM that has them, and where not, at which of the
// steps it fails: chip set, firmware, the kernel's command line, the kernel.
func iommu(f host.Facts) Verdict {
	u := f.IOMMU
	switch {
	case f.OS == "linux" && u == nil, f.OS == "":
		return notAsked("it is not known whether this host has an IOMMU", "")
	case f.OS != "linux":
		return no("assigning a device needs VFIO, which is an interface of the Linux kernel", "use a Linux host on x86_64")
	case u.OK:
		return yes("%s", strings.TrimPrefix(string(u.Kind)+": ", ": ")+u.Why)
	}
	for _, off := range []string{"intel_iommu", "amd_iommu", "iommu"} {
		if v, _ := param(f, off); v == "off" {
			return no(fmt.Sprintf("the kernel was told %s=off", off), fmt.Sprintf("remove %s=off from the kernel's command line and restart", off))
		}
	}
	if len(u.Units) > 0 {
		return no(fmt.Sprintf("an IOMMU works (%s), and no device is behind it", strings.Join(u.Units, ", ")),
			"give this host a device that is behind its IOMMU; in a VM, plug it into a PCI Express port")
	}
	if h := isVM(f); h != "" && len(u.Tables) == 0 {
		return no(fmt.Sprintf("this host is itself %s without a virtual IOMMU", vmOf(h)),
			"give this VM a virtual IOMMU on its host (QEMU: -machine q35,kernel-irqchip=split -device intel-iommu,intremap=on; VMware: \"Expose IOMMU to the guest OS\")")
	}
	if f.Arch == arm {
		return armIOMMU(u)
	}
	return pcIOMMU(f, u)
}

func armIOMMU(u *host.IOMMU) Verdict {
	if slices.Contains(u.Tables, "IORT") {
		return no("the firmware describes the board's paths (IORT), and no SMMU works",
			"enable the SMMU in the firmware, if it has such a setting; boot a kernel with CONFIG_ARM_SMMU_V3")
	}
	return no("this board has no SMMU that its firmware tells of", "use a board with an SMMUv3 before its slots, or an x86_64 host")
}

// pcIOMMU tells VT-d and AMD-Vi apart by the firmware's table, else by who made the CPU.
func pcIOMMU(f host.Facts, u *host.IOMMU) Verdict {
	const addIntel = "add intel_iommu=on to the kernel's command line"
	_, told := param(f, "intel_iommu")
	switch intel := f.CPU != nil && f.CPU.Vendor == "GenuineIntel"; {
	case slices.Contains(u.Tables, "DMAR") && !told:
		return no("the firmware offers VT-d (table DMAR), and the kernel was not told to use it", addIntel+" and restart")
	case slices.Contains(u.Tables, "DMAR"):
		return no("the firmware offers VT-d (table DMAR) and the kernel was told to use it, and did not",
			"look for the reason: sudo dmesg | grep -i dmar; boot a kernel with CONFIG_INTEL_IOMMU")
	case slices.Contains(u.Tables, "IVRS"):
		return no("the firmware offers AMD-Vi (table IVRS), and the kernel does not use it",
			"look for the reason: sudo dmesg | grep -i amd-vi; boot a kernel with CONFIG_AMD_IOMMU")
	case intel && told:
		return no("the firmware does not offer VT-d: it is off, or this machine has none", "enable VT-d in the firmware and restart")
	case intel:
		return no("the firmware does not offer VT-d: it is off, or this machine has none", "enable VT-d in the firmware, then "+addIntel+" and restart")
	case f.CPU != nil && (f.CPU.Vendor == "AuthenticAMD" || f.CPU.Vendor == "HygonGenuine"):
		return no("the firmware does not offer AMD-Vi: it is off, or this machine has none", "enable IOMMU (AMD-Vi) in the firmware and restart")
	}
	return no(u.Why, "enable VT-d (Intel) or IOMMU (AMD) in the firmware; on Intel then "+addIntel+"; restart")
}

// vfio says whether the kernel can hand a device to a VM.
func vfio(f host.Facts) Verdict {
	switch {
	case f.OS == "":
		return notAsked("it is not known whether this host has VFIO", "")
	case f.OS != "linux":
		return no("assigning a device needs VFIO, which is an interface of the Linux kernel", "use a Linux host on x86_64")
	}
	switch f.Module("vfio_pci") {
	case host.ModuleLoaded:
		return yes("vfio-pci is loaded")
	case host.ModuleInstalled:
		return no("the kernel module vfio-pci is not loaded", "sudo modprobe vfio-pci; for every boot: echo vfio-pci | sudo tee /etc/modules-load.d/vfio-pci.conf")
	case host.ModuleAbsent:
		return no("this kernel has no vfio-pci", "boot a kernel with CONFIG_VFIO_PCI, such as the distribution's own")
	}
	return notAsked("it is not known whether this kernel has vfio-pci", "sudo modprobe vfio-pci")
}

// sriovCard says whether a card offers virtual functions.
func sriovCard(f host.Facts) Verdict {
	if f.PCI == nil {
		if f.OS != "linux" && f.OS != "" {
			return no("devices can be assigned on Linux only", "use a Linux host on x86_64")
		}
		return notAsked("it is not known which PCI devices this host has", "")
	}
	var have []string
	for _, d := range f.PCI {
		if d.SRIOV != nil {
			have = append(have, fmt.Sprintf("%s offers %d virtual functions, %d are there", name(d), d.SRIOV.Most, d.SRIOV.Now))
		}
	}
	if len(have) == 0 {
		return no("no card of this host offers virtual functions", "fit a card with SR-IOV, and enable SR-IOV in the firmware")
	}
	return yes("%s", strings.Join(have, "; "))
}
