// Package host holds the words for what a host is and can do: facts, as a prober saw them.
//
// What does not live here: how they are found out (internal/host/probe) and what follows from them
// (internal/feature, internal/rule). A fact that was not asked is absent, never false.
package host

import (
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Version is the version of the facts file that `--host FILE` reads.
const Version = 1

// Facts is what is known of one host.
type Facts struct {
	Version int    `json:"version"`
	Name    string `json:"name,omitempty"`
	OS      string `json:"os"`   // GOOS: linux, freebsd, darwin
	Arch    string `json:"arch"` // QEMU's word: x86_64, aarch64
	BootID  string `json:"bootID,omitempty"`
	Kernel  string `json:"kernel,omitempty"` // release, such as 6.1.0-56-amd64

	CPUs   int         `json:"cpus,omitempty"`   // logical, online
	Memory model.Bytes `json:"memory,omitempty"` // RAM that the kernel manages
	CPU    *CPU        `json:"cpu,omitempty"`

	KVM    *Verdict `json:"kvm,omitempty"`       // absent: not asked
	QEMU   *QEMU    `json:"qemu,omitempty"`      // of the host's own architecture; absent: not asked
	Others []QEMU   `json:"otherQEMU,omitempty"` // of other architectures; those that were found
	UEFI   []UEFI   `json:"uefi,omitempty"`      // one an architecture; absent: not asked
	Passt  *Tool    `json:"passt,omitempty"`     // absent: not asked
	Nginx  *Tool    `json:"nginx,omitempty"`     // absent: not asked
	NFT    *Tool    `json:"nft,omitempty"`       // absent: not asked
	Cgroup *Cgroup  `json:"cgroup,omitempty"`    // absent: not asked
	IOMMU  *IOMMU   `json:"iommu,omitempty"`     // absent: not asked
	// Landlock holds a VM's process a second time, beside its namespaces; absent: not asked.
	Landlock *Verdict `json:"landlock,omitempty"`

	Platform  *Platform     `json:"platform,omitempty"`  // absent: not asked
	KVMDevice *KVMDevice    `json:"kvmDevice,omitempty"` // absent: not asked
	Modules   []Module      `json:"modules,omitzero"`    // those of the kernel's that matter here; absent: not asked
	PCI       []PCIDevice   `json:"pci,omitzero"`        // by address; absent: not asked
	Storage   *StorageTools `json:"storage,omitempty"`   // absent: not asked
	Layout    *Layout       `json:"layout,omitempty"`    // of the memory; absent: not asked

	ContainerRuntime *Tool `json:"containerRuntime,omitempty"` // absent: not asked
}

// CPU is what the host's processor says of itself.
type CPU struct {
	Vendor string `json:"vendor,omitempty"`
	Model  string `json:"model,omitempty"`
	VTx    bool   `json:"vtx"`  // Intel VT-x (flag vmx)
	AMDV   bool   `json:"amdv"` // AMD-V (flag svm)

	// EL2 is ARM64's hypervisor mode, as Linux shows it: KVM is built in, and either came up or not. Absent: no
	// ARM64 CPU, or a kernel without KVM, which does not say.
	EL2    *Verdict `json:"el2,omitempty"`
	Nested *Verdict `json:"nested,omitempty"` // VMs may run VMs; absent: KVM is not loaded, so nobody knows
	SVE    bool     `json:"sve,omitempty"`    // ARM64's scalable vectors: a flag for guests, nothing to do with running VMs
	// Hypervisor: the CPU is one that a hypervisor shows (x86 only); this host is a VM.
	Hypervisor bool `json:"hypervisor,omitempty"`
}

// Verdict is a yes or no with its reason.
type Verdict struct {
	OK  bool   `json:"ok"`
	Why string `json:"why"`
}

// Tool is a program on the host.
type Tool struct {
	Path    string `json:"path,omitempty"`
	Version string `json:"version,omitempty"`
	Why     string `json:"why,omitempty"` // it is not usable
}

// OK reports whether the tool is there and usable.
func (t *Tool) OK() bool { return t != nil && t.Path != "" && t.Why == "" }

// QEMU is what the host's QEMU said over QMP, keyed by the file it was.
type QEMU struct {
	Path     string    `json:"path,omitempty"` // absent: there is none
	Arch     string    `json:"arch,omitempty"` // that it emulates: x86_64, aarch64
	Version  string    `json:"version"`        // 7.2.22
	Package  string    `json:"package,omitempty"`
	Key      string    `json:"key,omitempty"` // device, inode, size, mtime of the file that was asked
	Why      string    `json:"why,omitempty"` // it is not usable
	Machines []Machine `json:"machines,omitempty"`

	CPUs     []CPUModel `json:"cpuModels,omitempty"` // absent: not asked
	CPUFlags []string   `json:"cpuFlags,omitempty"`  // every flag it knows, sorted; absent: not asked

	AIO []string `json:"aio,omitempty"` // how it can hand requests of disks to the kernel; absent: not asked

	BlockDrivers []string `json:"blockDrivers,omitempty"` // disk formats and protocols it was built with, sorted; absent: not asked
}

// CPUModel is a CPU that a QEMU can show to a guest.
type CPUModel struct {
	Name  string   `json:"name"`
	Lacks []string `json:"lacks,omitempty"` // flags of it that cannot be emulated; what KVM lacks is another matter
}

// UEFI is the firmware for guests of one architecture, as its package describes it.
type UEFI struct {
	Arch string      `json:"arch"`
	Code string      `json:"code,omitempty"` // path of the flash image; absent: there is none
	Vars string      `json:"vars,omitempty"` // path of the template of its variables
	Size model.Bytes `json:"size,omitempty"` // of both
	Why  string      `json:"why,omitempty"`  // it is not usable
	// Secure: it starts what carries a signature that it trusts, the vendors' of its package, and needs a q35 with SMM.
	Secure bool `json:"secure,omitempty"`
}

// OK reports whether this firmware is there and usable.
func (u UEFI) OK() bool { return u.Code != "" && u.Why == "" }

// Machine is one machine type.
type Machine struct {
	Name  string `json:"name"`            // pc-q35-7.2
	Alias string `json:"alias,omitempty"` // q35
	CPUs  int    `json:"cpus,omitempty"`  // most vCPUs it takes
}

// CPU returns the CPU model of that name.
func (q *QEMU) CPU(name string) (CPUModel, bool) {
	for _, m := range q.CPUs {
		if m.Name == name {
			return m, true
		}
	}
	return CPUModel{}, false
}

// Cgroup is the host's control groups.
type Cgroup struct {
	Mode        string   `json:"mode"` // v2, hybrid, v1, none
	Controllers []string `json:"controllers,omitempty"`
	Enforced    bool     `json:"enforced"` // a VM's limits hold
	Why         string   `json:"why,omitempty"`
}

// OK reports whether this QEMU is there and usable.
func (q *QEMU) OK() bool { return q != nil && q.Path != "" && q.Why == "" }

// QEMUFor returns what is known of the QEMU that emulates arch; the zero QEMU, with its reason, where there is none.
func (f Facts) QEMUFor(arch string) QEMU {
	if f.QEMU != nil && (f.QEMU.Arch == arch || f.QEMU.Arch == "" && f.Arch == arch) {
		return *f.QEMU
	}
	for _, q := range f.Others {
		if q.Arch == arch {
			return q
		}
	}
	return QEMU{Arch: arch, Why: "there is no QEMU for " + arch}
}

// UEFIFor returns what is known of the UEFI firmware for arch, without Secure Boot or with it.
func (f Facts) UEFIFor(arch string, secure bool) UEFI {
	for _, u := range f.UEFI {
		if u.Arch == arch && u.Secure == secure {
			return u
		}
	}
	what := "UEFI firmware"
	if secure {
		what += " with Secure Boot"
	}
	return UEFI{Arch: arch, Secure: secure, Why: "it is not known whether there is " + what + " for " + arch}
}

// UEFIHint says how UEFI firmware for arch comes onto a host.
func UEFIHint(arch string) string {
	if arch == "aarch64" {
		return "apt-get install qemu-efi-aarch64"
	}
	return "apt-get install ovmf"
}

// InstallHint says how QEMU for arch comes onto a host.
func InstallHint(arch string) string {
	if arch == "aarch64" {
		return "apt-get install qemu-system-arm"
	}
	return "apt-get install qemu-system-x86"
}

// MachineType returns the versioned machine type that the family name stands for on this QEMU, and
// whether there is one: q35 → pc-q35-7.2.
func (q *QEMU) MachineType(family string) (Machine, bool) {
	if q == nil {
		return Machine{}, false
	}
	for _, m := range q.Machines {
		if m.Alias == family || m.Name == family {
			return m, true
		}
	}
	return Machine{}, false
}
