package fit

import (
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// backendsInBuild are the storage backends that this build can use; the piece of work that builds one adds it.
var backendsInBuild = []catalogue.Backend{catalogue.Local}

// backend says whether a host has what a storage backend needs of it.
func backend(b catalogue.Backend, f host.Facts) Verdict {
	s := f.Storage
	switch {
	case f.OS != "linux" && f.OS != "":
		return no("storage for VMs is used on Linux hosts", "use a Linux host")
	case s == nil:
		return notAsked("it is not known which storage tools this host has", "")
	}
	switch b {
	case catalogue.NFS:
		return tool(s.NFS, "mount.nfs", "sudo apt-get install nfs-common")
	case catalogue.ISCSI:
		return tool(s.ISCSI, "iscsiadm", "sudo apt-get install open-iscsi")
	case catalogue.S3:
		return network(f)
	case catalogue.Ceph:
		return ceph(f)
	case catalogue.Local:
	}
	return local(s, f)
}

// local storage is a folder, which needs nothing; volume groups and ZFS are told where they are there.
func local(s *host.StorageTools, f host.Facts) Verdict {
	have := []string{"folders"}
	if s.LVM.OK() && s.DMSetup.OK() && f.Module("dm_thin_pool") != host.ModuleAbsent {
		have = append(have, "LVM thin pools")
	}
	if s.ZFS.OK() && f.Module("zfs") == host.ModuleLoaded {
		have = append(have, "ZFS")
	}
	return yes("%s", strings.Join(have, ", "))
}

// ceph takes QEMU's rbd driver, in many distributions a package of its own, and the address of a cluster.
func ceph(f host.Facts) Verdict {
	s := f.Storage
	const install = "sudo apt-get install qemu-block-extra ceph-common"
	switch {
	case f.QEMU != nil && f.QEMU.BlockDrivers != nil && !slices.Contains(f.QEMU.BlockDrivers, "rbd"):
		return no("this QEMU was built without rbd", "install a QEMU with rbd")
	case !slices.Contains(s.BlockModules, "rbd"):
		return no("QEMU's driver for Ceph (block-rbd.so) is not installed", install)
	case !s.CephConf:
		return limited("QEMU has rbd, and there is no /etc/ceph/ceph.conf", "copy ceph.conf and a keyring of the cluster to /etc/ceph, or name its monitors where the pool is declared")
	}
	return yes("QEMU has rbd, and /etc/ceph/ceph.conf names a cluster")
}
