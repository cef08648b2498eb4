package host

// StorageTools are the programs and files without which a storage backend cannot be used from this host.
type StorageTools struct {
	QEMUImg *Tool `json:"qemuImg,omitempty"`
	// QEMUStorageDaemon serves network disks to VMs from outside their jail.
	QEMUStorageDaemon *Tool `json:"qemuStorageDaemon,omitempty"`
	// BlockModules are QEMU's drivers that come in packages of their own, such as rbd, iscsi and nfs.
	BlockModules []string `json:"blockModules,omitempty"`
	NFS          *Tool    `json:"nfs,omitempty"`     // mount.nfs
	ISCSI        *Tool    `json:"iscsi,omitempty"`   // iscsiadm
	RBD          *Tool    `json:"rbd,omitempty"`     // Ceph's rbd
	CephConf     bool     `json:"cephConf"`          // there is an /etc/ceph/ceph.conf: the host knows a cluster
	LVM          *Tool    `json:"lvm,omitempty"`     // lvm
	DMSetup      *Tool    `json:"dmsetup,omitempty"` // dmsetup
	ZFS          *Tool    `json:"zfs,omitempty"`     // zfs
	SystemdCreds *Tool    `json:"systemdCreds,omitempty"`
}
