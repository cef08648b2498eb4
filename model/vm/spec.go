// Package vm holds the words for a virtual machine: what is wished (Definition, Spec), what was
// seen (Status), which verb is legal in which state, and the defaults as a visible layer.
//
// What does not live here: how a spec becomes a QEMU command line (internal/qemu/machine), and what
// a host can do (model/host).
package vm

import (
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// Power is the level wish for a VM's power.
type Power string

// The power wishes.
const (
	On     Power = "on"
	Off    Power = "off"
	Paused Power = "paused" // started, its vCPUs stopped
	// Suspended is off, with what ran kept in a file; a VM that does not run has nothing to be kept.
	Suspended Power = "suspended"
)

// Accelerator says what executes the guest's instructions.
type Accelerator string

// The accelerators. Auto takes KVM where a probe VM proved it, TCG else, and says which and why.
const (
	Auto Accelerator = "auto"
	KVM  Accelerator = "kvm"
	TCG  Accelerator = "tcg"
)

// Firmware says what runs first in the guest.
type Firmware string

// The firmwares. With Kernel the Linux kernel of Boot is loaded directly; with UEFI it is by the firmware, where there
// is a Boot.
const (
	BIOS   Firmware = "bios"
	UEFI   Firmware = "uefi" // keeps its variables over restarts
	Kernel Firmware = "kernel"
)

// Afterwards says what becomes of a VM when its guest has ended by itself, as libvirt's on_poweroff, on_reboot and
// on_crash do.
type Afterwards string

// What may become of it. libvirt calls the first destroy.
const (
	AfterStop     Afterwards = "stop"     // off until somebody starts it
	AfterRestart  Afterwards = "restart"  // started again, later each time
	AfterPreserve Afterwards = "preserve" // kept as it is, with its memory, to be looked at; after a crash only
)

// Definition is a VM as its owner writes it: in a file, in a declaration, in a POST. Its JSON tags
// are the v1 schema. In a declaration the name is the key and must not be repeated differently.
type Definition struct {
	Name   string            `json:"name,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	Spec
}

// Spec is what is wished of one VM. A field that is absent takes its default when the spec is
// used, not when it is stored; see Effective.
type Spec struct {
	Description string      `json:"description,omitempty"`
	OS          OS          `json:"os,omitempty"`        // what runs in the guest: defaults follow from it
	UUID        string      `json:"uuid,omitempty"`      // of the guest's SMBIOS; made when absent, never changed after
	Power       Power       `json:"power,omitempty"`     // on | off | paused
	CPUs        int         `json:"cpus,omitempty"`      // vCPUs
	CPUsMax     int         `json:"cpusMax,omitempty"`   // vCPUs that it may be given while it runs
	CPU         *CPU        `json:"cpu,omitempty"`       // model, flags, topology
	Memory      model.Bytes `json:"memory,omitempty"`    // a multiple of 1 MiB
	MemoryMax   model.Bytes `json:"memoryMax,omitempty"` // memory that it may be given while it runs
	Balloon     *bool       `json:"balloon,omitempty"`   // takes memory back while it runs; there with memoryMax when absent
	// MemoryBacking is what of the host the memory is: huge pages, locked, of which NUMA nodes. NUMA are the nodes that the
	// guest sees, by number from 0; one when absent.
	MemoryBacking *MemoryBacking      `json:"memoryBacking,omitempty"`
	NUMA          map[string]NUMANode `json:"numa,omitempty"`
	Pinning       *Pinning            `json:"pinning,omitempty"`     // on which of the host's CPUs it runs; any when absent
	Arch          string              `json:"arch,omitempty"`        // x86_64 | aarch64; the host's when absent
	Machine       string              `json:"machine,omitempty"`     // q35 | pc | virt: the family; its version is pinned at first start
	Accelerator   Accelerator         `json:"accelerator,omitempty"` // auto | kvm | tcg
	Firmware      Firmware            `json:"firmware,omitempty"`    // bios | uefi | kernel
	SecureBoot    bool                `json:"secureBoot,omitempty"`  // only what is signed starts; firmware uefi on a q35
	Boot          *Boot               `json:"boot,omitempty"`        // a kernel, with firmware "kernel" or "uefi"; or the order in which the firmware tries devices

	Disks map[string]Disk `json:"disks,omitempty"` // by device name, such as "root"
	NICs  map[string]NIC  `json:"nics,omitempty"`  // by device name, such as "lan"

	CDROMs map[string]CDROM `json:"cdroms,omitempty"` // by device name, such as "install"

	SCSI          *SCSI `json:"scsi,omitempty"`          // the controller of bus scsi; there when something is on it, when absent
	USBController *bool `json:"usbController,omitempty"` // one for what is plugged in while it runs; there when something is on bus usb, when absent
	Sound         Sound `json:"sound,omitempty"`         // ich9 | ac97 | none; none when absent

	Graphics *Graphics `json:"graphics,omitempty"` // a screen; none when absent
	Watchdog *Watchdog `json:"watchdog,omitempty"` // none when absent

	TPM *TPM `json:"tpm,omitempty"` // none when absent

	Clock  string `json:"clock,omitempty"`  // what its clock shows at the start: utc, or localtime
	HyperV *bool  `json:"hyperv,omitempty"` // Hyper-V's enlightenments, with KVM on x86_64; off when absent

	Shares map[string]Share `json:"shares,omitempty"` // folders of the host's, by the tag that the guest mounts
	Vsock  *Vsock           `json:"vsock,omitempty"`  // a way to the host without a network; none when absent

	// GenerationID is shown to the guest (x86): a copy that has another knows that it is one. Made from the UUID when absent.
	GenerationID string `json:"generationID,omitempty"`

	CloudInit *CloudInit `json:"cloudInit,omitempty"` // what the guest makes of itself at its first boot; nothing when absent

	NestedVirtualization bool `json:"nestedVirtualization,omitempty"` // the guest may run VMs; the feature of that name must be on

	Serial    *bool    `json:"serial,omitempty"`    // a serial console; on when absent
	Agent     *bool    `json:"agent,omitempty"`     // a port for qemu-guest-agent; on when absent
	RNG       *bool    `json:"rng,omitempty"`       // a virtio random number generator; on when absent
	Autostart bool     `json:"autostart,omitempty"` // start again after a host reboot, if it was on
	Startup   *Startup `json:"startup,omitempty"`   // its place among those that start again, and in reverse among those that stop with the host

	Snapshots *Snapshots `json:"snapshots,omitempty"` // taken by themselves; none when absent

	StopTimeout int        `json:"stopTimeout,omitempty"` // seconds a guest gets to power itself off
	OnPowerOff  Afterwards `json:"onPowerOff,omitempty"`  // stop | restart, when the guest powers itself off
	OnReboot    Afterwards `json:"onReboot,omitempty"`    // restart | stop, when the guest resets itself; restart keeps the process
	OnCrash     Afterwards `json:"onCrash,omitempty"`     // stop | restart | preserve, when it panics, or QEMU dies
}

// Startup is a VM's place among those that start with their host.
type Startup struct {
	Order int      `json:"order,omitempty"` // lower first; those without one come last
	Delay int      `json:"delay,omitempty"` // seconds that those after it wait once it runs
	After []string `json:"after,omitempty"` // VMs of the same project that run before it starts
	// OnHostStop is what becomes of it when its host goes down: its guest is asked to power off, or it is suspended.
	OnHostStop HostStop `json:"onHostStop,omitempty"`
}

// HostStop says what becomes of a VM when its host goes down.
type HostStop string

// What may become of it. A VM that cannot be suspended is stopped.
const (
	HostStopStop    HostStop = "stop" // as an absent one
	HostStopSuspend HostStop = "suspend"
)

// Boot names the files of a direct kernel boot, by their names in the store of boot files; or what the firmware tries, and how it
// lets itself be asked.
type Boot struct {
	Kernel  string `json:"kernel,omitempty"`
	Initrd  string `json:"initrd,omitempty"`
	Cmdline string `json:"cmdline,omitempty"` // bounded by MaxCmdline

	// Order are the devices that are tried, the first one first: "root", or "disks.root" where a drive or a network card has that name
	// too. It stands for their bootIndex. As those say when absent.
	Order       []string `json:"order,omitempty"`
	Menu        bool     `json:"menu,omitempty"`        // the firmware offers its menu at the start: Escape
	MenuTimeout int      `json:"menuTimeout,omitempty"` // seconds that it waits for the key; DefaultMenuTimeout when absent
}

// Disk attaches one volume, by its name in a pool, never by a path.
type Disk struct {
	Volume    string `json:"volume,omitempty"`
	ReadOnly  bool   `json:"readOnly,omitempty"`
	BootIndex int    `json:"bootIndex,omitempty"` // 1 is tried first; 0 is not booted from, unless no disk says more
	Serial    string `json:"serial,omitempty"`    // shown to the guest; up to 20 of A-Z a-z 0-9 _ . -

	IOThread string     `json:"iothread,omitempty"` // a thread that serves it, and other disks that name it; QEMU's main one when absent
	Bus      string     `json:"bus,omitempty"`      // virtio | scsi | sata | nvme | usb; virtio when absent
	Limits   DiskLimits `json:"limits,omitzero"`    // what it may do in a second; what it can when absent

	// A definition may have the volume made with its disk: of an image, or empty. What is stored names the volume; see Settled.
	Image string      `json:"image,omitempty"`
	Size  model.Bytes `json:"size,omitempty"` // as the image when absent
	Pool  string      `json:"pool,omitempty"` // where it is made; default when absent
	// Encryption is the key that it is made with, or none; the default key where there is one when absent.
	Encryption string `json:"encryption,omitempty"`

	DiskIO
}

// NIC is one network card.
type NIC struct {
	Network string `json:"network,omitempty"` // "user": NAT by passt, nothing to set up
	MAC     string `json:"mac,omitempty"`     // made from the VM's UUID and the device name when absent
	Model   string `json:"model,omitempty"`   // virtio | e1000e | rtl8139 | vmxnet3; virtio when absent
	Link    string `json:"link,omitempty"`    // up | down: its cable is in, or pulled; up when absent
	// BootIndex is its turn in one order with disks and drives; 0 is not booted from.
	BootIndex int `json:"bootIndex,omitempty"`
}

// LinkDown pulls the cable of a NIC.
const LinkDown = "down"

// UserNetwork is the network of a NIC that names none.
const UserNetwork = "user"

// Limits of a spec, whatever the host.
const (
	MinMemory     = 2 * model.MiB
	MaxMemory     = 16 * model.TiB
	MaxCPUs       = 1024
	MaxDisks      = 112            // so many on bus scsi: each is two comparisons of the transaction that makes the VM, which takes 256
	MaxPCIDisks   = 24             // on the other buses
	MaxDisk       = 64 * model.TiB // as a volume may have
	MaxNICs       = 8
	MaxCmdline    = 2047 // x86 COMMAND_LINE_SIZE less its NUL
	MaxStopSecond = 86400
	MaxOrder      = 9999
	MaxDelay      = 3600
	MaxAfter      = 32
)

// Defaults, each used where the spec is silent.
const (
	DefaultCPUs        = 1
	DefaultMemory      = 512 * model.MiB
	DefaultStopTimeout = 60
)

// Clone returns a deep copy.
func (s Spec) Clone() Spec {
	s.Disks, s.NICs = maps.Clone(s.Disks), maps.Clone(s.NICs)
	if s.Startup = clone(s.Startup); s.Startup != nil {
		s.Startup.After = slices.Clone(s.Startup.After)
	}
	s.Snapshots = s.Snapshots.clone()
	s.Boot, s.Serial, s.RNG, s.Agent = s.Boot.clone(), clone(s.Serial), clone(s.RNG), clone(s.Agent)
	s.SCSI, s.USBController = clone(s.SCSI), clone(s.USBController)
	s.CDROMs = maps.Clone(s.CDROMs)
	s.CPU, s.Watchdog, s.Graphics = s.CPU.clone(), clone(s.Watchdog), clone(s.Graphics)
	s.TPM, s.Balloon = clone(s.TPM), clone(s.Balloon)
	s.MemoryBacking, s.NUMA = clone(s.MemoryBacking), maps.Clone(s.NUMA)
	s.Pinning = s.Pinning.clone()
	s.HyperV = clone(s.HyperV)
	s.Shares, s.Vsock = maps.Clone(s.Shares), clone(s.Vsock)
	s.CloudInit = s.CloudInit.clone()
	return s
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
