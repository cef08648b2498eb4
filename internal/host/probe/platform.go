package probe

import (
	"io/fs"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// machine says what is below the kernel: firmware, and whether this is a machine, a VM or a container.
func machine(root fs.FS, f *host.Facts) {
	p := &host.Platform{
		Distribution: osRelease(read(root, "etc/os-release")),
		Vendor:       word(root, "sys/class/dmi/id/sys_vendor"), Product: word(root, "sys/class/dmi/id/product_name"),
		Container: container(root, f.Kernel), TPM: tpm(root), CommandLine: deciding(word(root, "proc/cmdline")),
		DefaultRoute: defaultRoute(root),
	}
	if p.Product == "" {
		p.Product = strings.TrimRight(word(root, "sys/firmware/devicetree/base/model"), "\x00")
	}
	p.Firmware, p.SecureBoot = firmware(root)
	p.Hypervisor = hypervisor(root, p, f.CPU)
	f.Platform = p
}

// osRelease reads the name of the system.
// Source: os-release(5).
func osRelease(text string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(value, `"'`)
		}
	}
	return ""
}

// hypervisors are the machines that a hypervisor shows to its VMs, by words in what their firmware says.
// Source: systemd's src/basic/virt.c names the same vendors; the words are those of the vendors' DMI tables.
var hypervisors = []struct{ word, name string }{
	{"KVM", "kvm"}, {"OpenStack", "kvm"}, {"KubeVirt", "kvm"}, {"Amazon EC2", "kvm"}, {"Google Compute Engine", "kvm"}, {"DigitalOcean", "kvm"},
	{"Hetzner vServer", "kvm"}, {"QEMU", "qemu"}, {"VMware", "vmware"}, {"VMW", "vmware"}, {"VirtualBox", "virtualbox"}, {"innotek", "virtualbox"},
	{"Xen", "xen"}, {"Bochs", "bochs"}, {"Parallels", "parallels"}, {"BHYVE", "bhyve"}, {"Virtual Machine", "hyperv"},
	{"Apple Virtualization", "apple"},
}

// hypervisor names what this host is a VM of; empty where nothing speaks for one. Metal instances of a cloud have its
// words in their tables too: on x86, where the CPU tells, the CPU is believed.
func hypervisor(root fs.FS, p *host.Platform, cpu *host.CPU) string {
	if kind := word(root, "sys/hypervisor/type"); kind != "" && !strings.Contains(word(root, "sys/hypervisor/properties/features"), "dom0") {
		return kind
	}
	shown := cpu != nil && cpu.Hypervisor
	if x86 := cpu != nil && (cpu.Vendor == "GenuineIntel" || cpu.Vendor == "AuthenticAMD" || cpu.Vendor == "HygonGenuine"); x86 && !shown {
		return ""
	}
	for _, h := range hypervisors {
		if strings.Contains(p.Vendor, h.word) || strings.Contains(p.Product, h.word) {
			return h.name
		}
	}
	if compatible := word(root, "sys/firmware/devicetree/base/hypervisor/compatible"); compatible != "" {
		name, _, _ := strings.Cut(strings.TrimPrefix(compatible, "linux,"), "\x00")
		return name
	}
	if shown {
		return "unknown"
	}
	return ""
}

// container names the kind of container that this is; empty where nothing speaks for one.
// Source: the Container Interface of systemd; docker and podman leave a file in the root folder.
func container(root fs.FS, kernel string) string {
	if name := word(root, "run/systemd/container"); name != "" {
		return name
	}
	switch {
	case there(root, "run/.containerenv"):
		return "podman"
	case there(root, ".dockerenv"):
		return "docker"
	case strings.Contains(strings.ToLower(kernel), "microsoft"):
		return "wsl"
	}
	return ""
}

// secureBoot is the variable of UEFI that says whether only signed code was booted: 4 bytes of attributes, then one.
const secureBoot = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

// firmware says what started the kernel.
// Source: UEFI specification, 3.3; the Linux kernel's Documentation/filesystems/efivarfs.rst.
func firmware(root fs.FS) (kind string, secure *host.Verdict) {
	switch {
	case there(root, "sys/firmware/efi"):
		switch v := read(root, secureBoot); {
		case len(v) == 5 && v[4] == 1:
			secure = &host.Verdict{OK: true, Why: "the firmware booted signed code only"}
		case len(v) == 5:
			secure = &host.Verdict{Why: "Secure Boot is off in the firmware"}
		}
		return "uefi", secure
	case there(root, "sys/firmware/devicetree/base"):
		return "devicetree", nil
	case there(root, "sys/class/dmi/id"):
		return "bios", nil
	}
	return "", nil
}

// tpm finds the first TPM; nil where there is none.
func tpm(root fs.FS) *host.TPM {
	if !there(root, "sys/class/tpm/tpm0") {
		return nil
	}
	switch word(root, "sys/class/tpm/tpm0/tpm_version_major") {
	case "2":
		return &host.TPM{Version: "2.0"}
	case "1":
		return &host.TPM{Version: "1.2"}
	}
	return &host.TPM{}
}

// parameters are the kernel's parameters that decide something here, up to their "=" or ".".
var parameters = []string{
	"intel_iommu", "amd_iommu", "iommu", "arm-smmu", "arm-smmu-v3", "kvm", "kvm-arm", "kvm-intel", "kvm-amd", "kvm_intel", "kvm_amd",
	"vfio-pci", "vfio_pci", "vfio", "vfio_iommu_type1", "pci", "pcie_acs_override", "systemd", "cgroup_no_v1", "cgroup_enable", "cgroup_disable",
	"hugepages", "hugepagesz", "default_hugepagesz", "transparent_hugepage", "lsm", "module_blacklist", "modprobe",
}

// deciding returns those words of the kernel's command line that decide something here.
func deciding(line string) []string {
	var out []string
	for _, w := range strings.Fields(line) {
		name := w[:len(w)-len(strings.TrimLeft(w, "abcdefghijklmnopqrstuvwxyz0123456789_-"))]
		for _, p := range parameters {
			if name == p && len(out) < 64 && (p != "systemd" || strings.HasPrefix(w, "systemd.unified_cgroup_hierarchy")) {
				out = append(out, w)
			}
		}
	}
	return out
}

// defaultRoute says whether packets to other networks have a way; nil where the kernel does not tell. Who sees no
// network device but lo is in a network namespace of his own, as hvd is, and knows nothing of the host's.
// Source: the Linux kernel's net/ipv4/fib_trie.c and net/ipv6/route.c.
func defaultRoute(root fs.FS) *bool {
	four, six := read(root, "proc/self/net/route"), read(root, "proc/self/net/ipv6_route")
	if four == "" && six == "" || onlyLoopback(read(root, "proc/self/net/dev")) {
		return nil
	}
	has := len(routeDevices(four, six)) > 0
	return &has
}

// onlyLoopback reports whether the list of network devices has lo and no other. The first two lines are its heading.
func onlyLoopback(text string) bool {
	devices := 0
	for line := range strings.Lines(text) {
		name, _, ok := strings.Cut(line, ":")
		if !ok || strings.Contains(name, "|") {
			continue
		}
		if devices++; strings.TrimSpace(name) != "lo" {
			return false
		}
	}
	return devices > 0
}

// rejects are flags of a route that leads nowhere.
const rejects = 0x0200

// routeDevices are the network devices by which default routes lead. Of IPv4 destination and mask are zero, in the
// second and eighth field; of IPv6 it is a prefix of no length, by a device that is not lo.
func routeDevices(four, six string) []string {
	var out []string
	for line := range strings.Lines(four) {
		if f := strings.Fields(line); len(f) >= 8 && f[1] == "00000000" && f[7] == "00000000" && leads(f[3]) {
			out = append(out, f[0])
		}
	}
	for line := range strings.Lines(six) {
		if f := strings.Fields(line); len(f) >= 10 && f[1] == "00" && f[9] != "lo" && strings.Trim(f[0], "0") == "" && leads(f[8]) {
			out = append(out, f[9])
		}
	}
	return out
}

// leads reports whether a route with these flags is up and leads somewhere.
func leads(flags string) bool {
	n, err := strconv.ParseUint(flags, 16, 32)
	return err == nil && n&1 != 0 && n&rejects == 0
}
