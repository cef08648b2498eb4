// Package probe finds out what a host is and can do: from sysfs and procfs, read through an fs.FS so that any host
// can be a test fixture, and from the QEMUs on it, asked over QMP.
//
// What lives here: one prober a file, each of which fills its own facts. What does not: what follows from facts
// (internal/feature, internal/rule), whether KVM really boots anything (a verb of internal/helper: it takes a probe
// VM), and speaking to a VM's monitor (internal/qemu/monitor): the QEMU that is asked here is no VM, it has no machine.
//
// A fact that cannot be found out is left absent, never guessed.
package probe

import (
	"context"
	"io"
	"io/fs"
	"runtime"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// probers run in this order; each sets only its own facts. After them comes uefi, which is told where to look.
var probers = []func(root fs.FS, f *host.Facts){
	kernel, cpu, memory, cgroup, iommu, tools, kvm, modules, pci, uses, machine, layout, storageTools,
}

// Self returns what sysfs and procfs say of the host that we run on, and which programs stand in their places on it.
// root is its root folder, os.DirFS("/"). What needs QEMU or privileges is left absent, "not asked": QEMU, KVM.
// On other systems than Linux only OS and Arch are known. When ctx ends, what is not known by then is absent.
//
// firmware are the folders in which packages have installed UEFI firmware; /usr/share where none is named.
func Self(ctx context.Context, root fs.FS, firmware ...string) host.Facts {
	f := platform()
	if f.OS != "linux" {
		return f
	}
	for _, probe := range probers {
		if ctx.Err() != nil {
			break
		}
		probe(root, &f)
	}
	uefi(root, &f, firmware)
	return f
}

func platform() host.Facts {
	return host.Facts{Version: host.Version, OS: runtime.GOOS, Arch: qemuArch(runtime.GOARCH)}
}

// qemuArch is QEMU's word for an architecture of Go's; most are the same.
func qemuArch(goarch string) string {
	switch goarch {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	case "386":
		return "i386"
	case "loong64":
		return "loongarch64"
	case "ppc64le":
		return "ppc64"
	}
	return goarch
}

// maxFile bounds what is read of one file. /proc/cpuinfo of a host with 1024 CPUs is longer, but its first CPU
// says what we need.
const maxFile = 256 << 10

// read returns the start of a file, empty when it cannot be read: then its fact stays absent.
func read(root fs.FS, path string) string {
	file, err := root.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	data, _ := io.ReadAll(io.LimitReader(file, maxFile)) // what came before an error is still true
	return string(data)
}

// word returns the one line of a file, without the space around it.
func word(root fs.FS, path string) string { return strings.TrimSpace(read(root, path)) }
