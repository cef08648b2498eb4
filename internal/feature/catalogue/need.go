package catalogue

// Need is something that a feature wants of its host and that is no feature itself.
type Need string

// The needs that the specification names.
const (
	QEMU              Need = "qemu"
	BackupFolder      Need = "backupFolder"
	KeyStore          Need = "keyStore"
	NFTables          Need = "nftables"
	Nginx             Need = "nginx"
	TLSCertificate    Need = "tlsCertificate"
	Authentication    Need = "authentication"
	NetworkAccess     Need = "network"
	RemoteCredentials Need = "remoteCredentials"
	SecondPlace       Need = "secondPlace"
	Feeds             Need = "feeds"
	SecondHost        Need = "secondHost"
	EncryptedChannel  Need = "encryptedChannel"
	CPUVirtualization Need = "cpuVirtualization"
	IOMMU             Need = "iommu"
	VFIO              Need = "vfio"
	SRIOVCard         Need = "srIovCard"
	ContainerRuntime  Need = "containerRuntime"
)

// needText is how a need is called and what to do where it is not met.
type needText struct{ name, remedy string }

// virtualizationOn is for a host of which no more is known than that it lacks it.
const virtualizationOn = "enable VT-x or AMD-V (SVM) in the firmware; on a host that is itself a VM, nested virtualization in the hypervisor above"

var needs = map[Need]needText{
	QEMU:              {"QEMU", "install QEMU (Debian: apt install qemu-system qemu-utils)"},
	BackupFolder:      {"a backup folder", "make a folder for backups on this host, on another disk than the VMs"},
	KeyStore:          {"a key store", "let the host keep a sealed key file, or use systemd-creds"},
	NFTables:          {"nftables", "install nftables (Debian: apt install nftables)"},
	Nginx:             {"nginx", "install nginx (Debian: apt install nginx)"},
	TLSCertificate:    {"a TLS certificate", "give certificate and key files, or let the host make a local CA"},
	Authentication:    {"authentication", "create at least one user who can log in"},
	NetworkAccess:     {"network access", "give the host a route to the backup target"},
	RemoteCredentials: {"remote credentials", "store credentials for the backup target"},
	SecondPlace:       {"a second place", "name another host or target that holds the standby copy"},
	Feeds:             {"indicator feeds", "name at least one feed: a file, an HTTP address or a TAXII server"},
	SecondHost:        {"a second host", "join another host that runs Hyper-NixOS"},
	EncryptedChannel:  {"an encrypted channel between the hosts", "exchange the hosts' certificates"},
	CPUVirtualization: {"CPU virtualization (VT-x, AMD-V or ARM64 EL2)", virtualizationOn},
	IOMMU: {"an IOMMU (VT-d, AMD-Vi or SMMU)",
		"enable VT-d, AMD-Vi or the SMMU in the firmware; on Intel add intel_iommu=on to the kernel's command line; restart"},
	VFIO:             {"vfio-pci", "load the kernel module vfio-pci (modprobe vfio-pci)"},
	SRIOVCard:        {"a card with SR-IOV", "fit a card that offers virtual functions, and enable SR-IOV in the firmware"},
	ContainerRuntime: {"a container runtime", "install a container runtime (Debian: apt install runc)"},
}

// Name returns the need as a person reads it: "a TLS certificate".
func (n Need) Name() string {
	if t, ok := needs[n]; ok {
		return t.name
	}
	return string(n)
}

// Remedy returns what to do on a host that does not meet n.
func (n Need) Remedy() string { return needs[n].remedy }
