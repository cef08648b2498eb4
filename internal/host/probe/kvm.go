package probe

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// Where the kernel shows that KVM is in it, and that KVM came up.
const (
	kvmModule = "sys/module/kvm"
	kvmNode   = "sys/class/misc/kvm"
)

// kvm says what the kernel makes of the CPU's virtualization, and who may use it. Whether a VM really runs is asked
// by hv-helper.
func kvm(root fs.FS, f *host.Facts) {
	if f.CPU != nil {
		f.CPU.Nested = nested(root, f.Arch)
		if f.Arch == "aarch64" {
			f.CPU.EL2 = el2(root)
		}
	}
	f.KVMDevice = kvmDevice(root)
}

// el2 says whether an ARM64 CPU was handed to the kernel in its hypervisor mode. No flag tells: on ARM64 KVM is part
// of the kernel, and it registers its device only where it found EL2.
// Source: the Linux kernel's Documentation/arch/arm64/booting.rst, arch/arm64/kvm/arm.c.
func el2(root fs.FS) *host.Verdict {
	switch {
	case there(root, kvmNode):
		return &host.Verdict{OK: true, Why: "KVM came up: the kernel was started at EL2"}
	case there(root, kvmModule):
		return &host.Verdict{Why: "KVM is in the kernel and did not come up: the kernel was started at EL1"}
	}
	return nil
}

// nested says whether guests are shown the CPU's virtualization. nil where KVM is not loaded: its parameter is a
// module's, and nobody knows it before.
// Source: the Linux kernel's Documentation/virt/kvm/x86/nested-vmx.rst, Documentation/admin-guide/kernel-parameters.txt.
func nested(root fs.FS, arch string) *host.Verdict {
	if arch == "aarch64" {
		if !there(root, kvmNode) {
			return nil
		}
		for _, w := range strings.Fields(word(root, "proc/cmdline")) {
			if w == "kvm-arm.mode=nested" {
				return &host.Verdict{OK: true, Why: "the kernel was started with kvm-arm.mode=nested; whether the CPU has FEAT_NV2, only a VM shows"}
			}
		}
		return &host.Verdict{Why: "the kernel was not started with kvm-arm.mode=nested"}
	}
	for _, module := range []string{"kvm_intel", "kvm_amd"} {
		switch value := word(root, "sys/module/"+module+"/parameters/nested"); value {
		case "Y", "1":
			return &host.Verdict{OK: true, Why: module + " has nested=" + value}
		case "N", "0":
			return &host.Verdict{Why: module + " has nested=" + value}
		}
	}
	return nil
}

// kvmDevice says who may open /dev/kvm, as its mode has it.
func kvmDevice(root fs.FS) *host.KVMDevice {
	info, err := fs.Stat(root, "dev/kvm")
	if err != nil || info.Mode()&fs.ModeCharDevice == 0 {
		return &host.KVMDevice{Usable: "nobody"}
	}
	uid, gid, ok := owner(info)
	if !ok {
		return &host.KVMDevice{Present: true, Mode: modeText(info.Mode()), Usable: "its owner"}
	}
	return KVMDevice(root, info.Mode(), uid, gid)
}

// KVMDevice says who may open a /dev/kvm of that mode and owner: where who asks has a /dev of its own, another looks at
// the device. root is for the names of groups.
func KVMDevice(root fs.FS, mode fs.FileMode, uid, gid int) *host.KVMDevice {
	d := host.KVMDevice{Present: true, Mode: modeText(mode), UID: uid, GID: gid, Group: groupName(read(root, "etc/group"), gid)}
	d.Usable = usable(mode.Perm(), d)
	return &d
}

func modeText(mode fs.FileMode) string { return fmt.Sprintf("%04o", mode.Perm()) }

// usable says in words by whom a device of that mode can be read and written.
func usable(mode fs.FileMode, d host.KVMDevice) string {
	const both = 0o6
	group := d.Group
	if group == "" {
		group = strconv.Itoa(d.GID)
	}
	switch {
	case mode&both == both:
		return "everybody"
	case mode>>3&both == both && d.GID != 0:
		return "members of the group " + group
	}
	return "root"
}

// groupName finds the name of a group in the text of /etc/group; empty where it has none there.
// Source: group(5).
func groupName(text string, gid int) string {
	for line := range strings.Lines(text) {
		f := strings.Split(line, ":")
		if len(f) >= 3 && f[2] == strconv.Itoa(gid) {
			return f[0]
		}
	}
	return ""
}

// there reports whether something stands at path.
func there(root fs.FS, path string) bool {
	_, err := fs.Stat(root, path)
	return err == nil
}
