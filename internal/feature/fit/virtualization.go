package fit

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// virtualization says whether the CPU can run VMs, as the kernel shows it.
func virtualization(f host.Facts) Verdict {
	switch {
	case f.OS == "" || f.OS == "linux" && f.CPU == nil:
		return notAsked("it is not known what CPU this host has", "")
	case f.OS != "linux":
		return no("KVM is a part of the Linux kernel", "use a Linux host where speed matters")
	case f.Arch == arm:
		return el2(f)
	case f.Arch != x86:
		return no("VMs are not run by the CPU on "+f.Arch, "use an x86_64 or ARM64 host")
	case f.CPU.VTx:
		return yes("the CPU has VT-x")
	case f.CPU.AMDV:
		return yes("the CPU has AMD-V")
	}
	name, setting := "VT-x or AMD-V", "VT-x (Intel) or SVM Mode (AMD)"
	switch f.CPU.Vendor {
	case "GenuineIntel":
		name, setting = "VT-x", "VT-x (Intel Virtualization Technology)"
	case "AuthenticAMD", "HygonGenuine":
		name, setting = "AMD-V", "SVM Mode (AMD-V)"
	}
	if h := isVM(f); h != "" {
		return no(fmt.Sprintf("this host is itself %s, and its hypervisor shows it no %s", vmOf(h), name), nest(h))
	}
	// A kernel hides the flag where the firmware has it off: from outside the two look alike.
	return no(fmt.Sprintf("the CPU shows no %s: the firmware has it off, or this CPU has none", name),
		fmt.Sprintf("enable %s in the firmware and restart", setting))
}

// el2 is ARM64's part of virtualization.
func el2(f host.Facts) Verdict {
	switch v := f.CPU.EL2; {
	case v != nil && v.OK:
		return yes("%s", v.Why)
	case v != nil && isVM(f) != "":
		return no(v.Why+": this host is itself a VM", "turn on nested virtualization for it on its host (FEAT_NV2), or use the machine itself")
	case v != nil:
		return no(v.Why, "let the firmware or boot loader start the kernel at EL2")
	case f.Module("kvm") == host.ModuleAbsent:
		return no("this kernel was built without KVM", "boot a kernel with CONFIG_KVM=y")
	}
	return notAsked("the kernel does not say at which level it was started", askDaemon)
}

// isVM names the hypervisor that shows this host its CPU; empty for a machine, as far as is known.
func isVM(f host.Facts) string {
	if f.Platform != nil && f.Platform.Hypervisor != "" {
		return f.Platform.Hypervisor
	}
	if f.CPU != nil && f.CPU.Hypervisor {
		return "unknown"
	}
	return ""
}

// vmOf is how a VM of a hypervisor is told.
func vmOf(hypervisor string) string {
	if hypervisor == "unknown" {
		return "a VM"
	}
	return "a VM of " + hypervisor
}

// nest says how a hypervisor is told to show its VM the CPU's virtualization.
func nest(hypervisor string) string {
	how := map[string]string{
		"kvm":        "load kvm_intel or kvm_amd with nested=1 there, and give this VM the CPU model host",
		"qemu":       "load kvm_intel or kvm_amd with nested=1 there, and run this VM with -accel kvm -cpu host",
		"vmware":     "\"Expose hardware assisted virtualization to the guest OS\" in this VM's CPU settings",
		"hyperv":     "Set-VMProcessor -VMName NAME -ExposeVirtualizationExtensions $true, with this VM off",
		"virtualbox": "VBoxManage modifyvm NAME --nested-hw-virt on, with this VM off",
		"xen":        "nestedhvm=1 in this VM's configuration",
	}[hypervisor]
	if how == "" {
		return "turn on nested virtualization for this VM in its hypervisor, or rent one that has it"
	}
	return "turn on nested virtualization on this VM's host: " + how + "; where it is rented, ask for one that has it"
}

// kvmModule names the part of KVM that is this CPU's own.
func kvmModule(f host.Facts) string {
	switch {
	case f.Arch != x86 || f.CPU == nil:
		return "kvm"
	case f.CPU.AMDV:
		return "kvm_amd"
	}
	return "kvm_intel"
}

// kvm says whether VMs run on the CPU. hv-helper tries it, as root; without that, what is in the way can still be
// seen, and that it will do cannot.
func kvm(f host.Facts) Verdict {
	v := virtualization(f)
	if v.Answer != Yes {
		return v
	}
	if f.KVM != nil && f.KVM.OK {
		return yes("%s", f.KVM.Why)
	}
	if in := inTheWay(f); in.Answer == No {
		return in
	}
	if f.KVM != nil {
		return no(f.KVM.Why, cmp.Or(firmwareOff(f), "look into the kernel's messages: sudo dmesg | grep -i kvm"))
	}
	return notAsked(v.Why+", and nothing is seen to be in the way; whether a VM really runs, only root can try", askDaemon)
}

// MendKVM is what to do on a host on which KVM does not work. Whoever tells of that says it in these words.
func MendKVM(f host.Facts) string {
	return cmp.Or(kvm(f).Remedy, "see what keeps it from working: hv host check")
}

// inTheWay finds what stands between a CPU that can and a VM that runs.
func inTheWay(f host.Facts) Verdict {
	module, d := kvmModule(f), f.KVMDevice
	state := f.Module(module)
	switch {
	case state == host.ModuleAbsent:
		return no("this kernel has no "+module, "boot a kernel with KVM, such as the distribution's own")
	case state == host.ModuleInstalled:
		return no(fmt.Sprintf("the kernel module %s is not loaded", module),
			fmt.Sprintf("sudo modprobe %s; where that says \"Operation not supported\", %s", module, unlock(f)))
	case d == nil || d.Present:
		return Verdict{Answer: Yes}
	case f.Platform != nil && f.Platform.Container != "":
		return no(fmt.Sprintf("this is a container (%s), and it was not given /dev/kvm", f.Platform.Container),
			"give it to the container (docker, podman: --device /dev/kvm), or run hvd on the host")
	}
	return no("KVM is there, and /dev/kvm is not", fmt.Sprintf("sudo modprobe -r %s && sudo modprobe %s; %s", module, module,
		cmp.Or(firmwareOff(f), "then let udev make the device: sudo udevadm trigger /sys/class/misc/kvm")))
}

// unlock is what to do where KVM finds that it may not.
func unlock(f host.Facts) string {
	if h := isVM(f); h != "" {
		return nest(h)
	}
	return cmp.Or(firmwareOff(f), "enable virtualization in the firmware")
}

// firmwareOff is what to do where the CPU has the flag and KVM finds it locked: kernels before 5.6 (Intel) and 6.7
// (AMD) show the flag though the firmware has it off.
func firmwareOff(f host.Facts) string {
	switch {
	case f.CPU == nil || isVM(f) != "":
		return ""
	case f.CPU.VTx:
		return "enable VT-x (Intel Virtualization Technology) in the firmware and restart"
	case f.CPU.AMDV:
		return "enable SVM Mode (AMD-V) in the firmware and restart"
	}
	return ""
}

// nested says whether VMs may run VMs.
func nested(f host.Facts) Verdict {
	v := virtualization(f)
	if v.Answer != Yes {
		return v
	}
	module := kvmModule(f)
	switch n := f.CPU.Nested; {
	case n == nil:
		if in := inTheWay(f); in.Answer == No {
			return in
		}
		return notAsked("it is not known whether "+module+" shows guests the CPU's virtualization", askDaemon)
	case n.OK && f.Arch == arm:
		return limited(n.Why, "use a CPU with FEAT_NV2, or an x86_64 host")
	case n.OK:
		return yes("%s", n.Why)
	case f.Arch == arm:
		return no(n.Why, "add kvm-arm.mode=nested to the kernel's command line (Linux 6.16 and newer, on a CPU with FEAT_NV2)")
	}
	return no(module+" was loaded with nested=0", fmt.Sprintf(
		"echo 'options %s nested=1' | sudo tee /etc/modprobe.d/hyper-nixos-nested.conf; with no VM running: sudo modprobe -r %s && sudo modprobe %s",
		module, module, module))
}

// param returns the value of a parameter on the kernel's command line.
func param(f host.Facts, name string) (value string, given bool) {
	if f.Platform == nil {
		return "", false
	}
	for _, w := range f.Platform.CommandLine {
		if k, v, _ := strings.Cut(w, "="); k == name {
			value, given = v, true // the last one counts
		}
	}
	return value, given
}
