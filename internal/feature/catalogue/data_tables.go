package catalogue

// The tables of the specification, cell by cell. Rows that are a feature's on an operating system take their
// cells from the feature, where they are written.

const (
	tcgOnly = "KVM is a part of the Linux kernel"
	onLinux = "run hvd on a Linux host; elsewhere hv reaches it with HV_HOST=ssh://user@host"
	linuxPC = "use a Linux host on x86_64 where that matters"
)

var tables = []Table{
	{
		Name: OperatingSystems, Corner: "Feature", Source: "reading the matrix: decision 14",
		Columns: []string{string(LinuxX86), string(LinuxARM), string(BSD), string(MacOS)},
		Rows: []TableRow{
			{Name: "Core VM Management", Feature: VMManagement},
			{Name: KVMAcceleration, Cells: []Support{
				yes, yes,
				never(tcgOnly+"; on BSD VMs run on QEMU's software emulation (TCG)", "use a Linux host where speed matters"),
				never(tcgOnly+"; on macOS no VM is run at all", onLinux),
			}},
			{Name: "GPU Passthrough", Feature: GPUPassthrough},
			{Name: "Container Support", Feature: Containers},
		},
	},
	hypervisors, cpuFeatures, storageBackends,
}

// KVMAcceleration is the row of the operating systems that is no feature: VMs that the CPU itself runs.
const KVMAcceleration = "KVM Acceleration"

const (
	notOurs   = "Hyper-NixOS runs VMs on QEMU/KVM alone; "
	moveOver  = "import the VM (vmImport), and run it on QEMU/KVM"
	flattened = "snapshots of another hypervisor are read at import only: one state is chosen and flattened, and memory state never comes"
	oneState  = "choose the state to import, and take new snapshots here"
	importing = "disks are read and converted, one state of them is chosen, devices are replaced by virtio, and memory state never comes"
	shutFirst = "shut the guest down first, import, and look at the report of what was replaced"
	noStream  = "a running VM's memory and devices have a form of their own there, which QEMU does not read"
	coldMove  = "shut the VM down there and import it (vmImport)"
)

var hypervisors = Table{
	Name: Hypervisors, Corner: "Feature", Source: "reading the matrix: decision 13",
	Columns: []string{string(QEMUKVM), string(Xen), string(VMware), string(HyperV)},
	Rows: []TableRow{
		{Name: FullIntegration, Cells: []Support{
			yes,
			never(notOurs+"Xen's toolstack is not driven", moveOver),
			never(notOurs+"neither ESXi nor vCenter is driven", moveOver),
			never(notOurs+"Hyper-V is not driven", moveOver),
		}},
		{Name: "VM Import", Feature: VMImport, Cells: []Support{
			yes,
			partly("from Xen: "+importing+"; a paravirtual guest needs a kernel with virtio", shutFirst),
			partly("from VMware (VMDK, OVA): "+importing, shutFirst),
			partly("from Hyper-V (VHD, VHDX): "+importing, shutFirst),
		}},
		{Name: "Live Migration", Feature: LiveMigration, Cells: []Support{
			yes,
			never(noStream, coldMove),
			never(noStream, coldMove),
			never(noStream, coldMove),
		}},
		{Name: "Snapshots", Feature: Snapshots, Cells: []Support{
			yes,
			partly(flattened, oneState),
			partly(flattened, oneState),
			partly(flattened, oneState),
		}},
	},
}

var cpuFeatures = Table{
	Name: CPUFeatures, Corner: "Feature", Source: "reading the matrix: decision 12",
	Columns: []string{string(VTx), string(AMDV), string(VTd), string(AMDVi), string(ARM64)},
	Rows: []TableRow{
		{Name: string(BasicVirtualization), Feature: VMManagement, Cells: []Support{yes, yes, na, na, yes}},
		{Name: string(Nesting), Feature: NestedVirtualization, Cells: []Support{
			yes, yes, na, na,
			partly("ARM64 shows a guest its own EL2 only with FEAT_NV2 and a kernel that uses it", "use a CPU with FEAT_NV2, or an x86_64 host"),
		}},
		{Name: string(Passthrough), Feature: DevicePassthrough, Cells: []Support{
			yes, yes, yes, yes,
			partly("ARM64 confines a device only behind an SMMUv3, and few boards isolate their slots", "use a board with an SMMUv3 before its slots, or an x86_64 host"),
		}},
		{Name: string(VirtualFunctions), Feature: SRIOV, Cells: []Support{
			yes, yes, yes, yes,
			never("virtual functions are not supported on ARM64 hosts", "use an x86_64 host, or give the VM a whole card"),
		}},
	},
}

var storageBackends = Table{
	Name: StorageBackends, Corner: "Backend", Source: "reading the matrix: decision 8",
	Columns: []string{string(Local), string(NFS), string(ISCSI), string(S3), string(Ceph)},
	Rows: []TableRow{
		{Name: string(VMStorage), Feature: VMManagement, Cells: []Support{
			yes, yes, yes,
			never("S3 keeps whole objects: a VM's disk is written block by block, in place and at once",
				"use local, NFS, iSCSI or Ceph for disks, and S3 for backups"),
			yes,
		}},
		{Name: string(BackupTarget), Feature: RemoteBackup, Cells: []Support{yes, yes, yes, yes, yes}},
		{Name: string(Migration), Feature: LiveMigration, Cells: []Support{
			yes, yes, yes,
			never("no disk of a VM lies on S3, so none can be reached there by the host it moves to",
				"move a VM whose disks are local (they are copied), on NFS, iSCSI or Ceph"),
			yes,
		}},
		{Name: string(EncryptionAtRest), Feature: Encryption, Cells: []Support{
			yes,
			partly(beyondLUKS, wrapped),
			partly(beyondLUKS, wrapped),
			yes, yes,
		}},
	},
}

const (
	beyondLUKS = "what lies outside LUKS (NVRAM, TPM state, seed image, RAM snapshots) travels and rests in clear unless it is wrapped, and the server can neither dedupe nor compact"
	wrapped    = "wrap the way (NFS with Kerberos privacy, iSCSI over IPsec or WireGuard) and keep state on local storage, or use local or Ceph"
)
