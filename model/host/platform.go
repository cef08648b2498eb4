package host

// Platform is the machine below the kernel: its firmware, and whether it is a machine at all.
type Platform struct {
	Distribution string `json:"distribution,omitempty"` // Debian GNU/Linux 12 (bookworm)
	Vendor       string `json:"vendor,omitempty"`       // of the machine, as its firmware says
	Product      string `json:"product,omitempty"`
	// Hypervisor names what this host is a VM of: kvm, vmware, hyperv, xen, …, or "unknown" where only the CPU says
	// that there is one. Empty: none was seen.
	Hypervisor string `json:"hypervisor,omitempty"`
	Container  string `json:"container,omitempty"` // docker, podman, lxc, systemd-nspawn, wsl; empty: none was seen

	Firmware   string   `json:"firmware,omitempty"`   // uefi, bios, devicetree
	SecureBoot *Verdict `json:"secureBoot,omitempty"` // absent: the firmware is no UEFI, or does not say
	TPM        *TPM     `json:"tpm,omitempty"`        // absent: there is none
	// CommandLine holds those words of the kernel's command line that decide something here, as they stand there. The
	// others are nobody's business: people put addresses and passwords there.
	CommandLine []string `json:"commandLine,omitempty"`
	// DefaultRoute: the host has a way to other networks. Absent: not known.
	DefaultRoute *bool `json:"defaultRoute,omitempty"`
}

// TPM is the host's trusted platform module.
type TPM struct {
	Version string `json:"version,omitempty"` // 1.2, 2.0
}

// KVMDevice is /dev/kvm: who may use it. Whether it runs anything is another matter (Facts.KVM).
type KVMDevice struct {
	Present bool   `json:"present"`
	Mode    string `json:"mode,omitempty"` // 0660
	UID     int    `json:"uid"`
	GID     int    `json:"gid"`
	Group   string `json:"group,omitempty"` // the name of GID; empty: it has none
	Usable  string `json:"usable"`          // by whom: "root", "members of the group kvm", "everybody", "nobody"
}

// ModuleState says how far a kernel module is from being used.
type ModuleState string

// The states of a module, nearest first.
const (
	ModuleLoaded    ModuleState = "loaded"    // or built into the kernel
	ModuleInstalled ModuleState = "installed" // modprobe finds it
	ModuleAbsent    ModuleState = "absent"    // this kernel has none
)

// Module is a kernel module that something here needs. One whose state is not known is not listed.
type Module struct {
	Name  string      `json:"name"` // with underscores, as the kernel writes it
	State ModuleState `json:"state"`
}

// Module returns the state of a kernel module; empty where it is not known.
func (f Facts) Module(name string) ModuleState {
	for _, m := range f.Modules {
		if m.Name == name {
			return m.State
		}
	}
	return ""
}
