package probe

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// programFolders are the places of programs that an administrator installs, in the order in which they are looked
// at; the last is NixOS'.
var programFolders = []string{"usr/sbin", "usr/bin", "sbin", "bin", "run/current-system/sw/bin"}

// runtimes are the container runtimes that are looked for, in this order.
var runtimes = []string{"runc", "crun", "podman"}

// storageTools says which programs are there for each kind of storage.
func storageTools(root fs.FS, f *host.Facts) {
	find := func(name string) *host.Tool { return findTool(root, name) }
	f.Storage = &host.StorageTools{
		QEMUImg: find("qemu-img"), QEMUStorageDaemon: find("qemu-storage-daemon"), BlockModules: blockModules(root),
		NFS: find("mount.nfs"), ISCSI: find("iscsiadm"), RBD: find("rbd"), CephConf: there(root, "etc/ceph/ceph.conf"),
		LVM: find("lvm"), DMSetup: find("dmsetup"), ZFS: find("zfs"), SystemdCreds: find("systemd-creds"),
	}
	for _, name := range runtimes {
		if f.ContainerRuntime = find(name); f.ContainerRuntime.OK() {
			return
		}
	}
	f.ContainerRuntime = &host.Tool{Why: "none of " + strings.Join(runtimes, ", ") + " is installed"}
}

// findTool looks for a program in the places of programs.
func findTool(root fs.FS, name string) *host.Tool {
	for _, folder := range programFolders {
		if t := tool(root, path.Join(folder, name)); t.OK() {
			return t
		}
	}
	return &host.Tool{Why: name + " is not installed"}
}

// blockModules lists QEMU's block drivers that are files of their own: block-rbd.so is rbd's. Those that are built
// into QEMU only QEMU can name.
func blockModules(root fs.FS) []string {
	var out []string
	for _, pattern := range []string{"usr/lib/qemu/block-*.so", "usr/lib/*/qemu/block-*.so", "usr/lib64/qemu-kvm/block-*.so", "usr/lib64/qemu/block-*.so"} {
		found, _ := fs.Glob(root, pattern) // fails for a bad pattern only
		for _, file := range found[:min(len(found), maxEntries)] {
			name := strings.TrimPrefix(strings.TrimSuffix(path.Base(file), ".so"), "block-")
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
