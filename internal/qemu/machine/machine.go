// Package machine turns a VM's spec and the host's facts into a QEMU command line, as data: the arguments, the
// files and sockets that the launcher must open for it, and what the guest from now on relies on.
//
// What lives here: one small file a device, and the few rules of where a device sits. What does not: opening
// anything (hvd opens disks and boot files, internal/helper makes sockets), starting anything (internal/helper),
// speaking QMP (internal/qemu/qmp), and choosing the accelerator (that needs a probe VM; it comes in resolved).
//
// QEMU is given file descriptors and never a path of the host's. The token {fd:NAME} in an argument becomes the
// number that file or socket NAME has in QEMU; see privilege.Launch. Devices, block nodes and network back ends
// are written as JSON, where nothing needs escaping; what has no JSON form is escaped as QemuOpts wants it.
// Source: qemu-system(1), docs/system/invocation.rst, qapi/{block-core,net,char}.json of QEMU 7.2 and 10.0.
package machine

import (
	"cmp"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Input is all that a machine is built from.
type Input struct {
	Name   string         // the VM's
	Spec   vm.Spec        // effective: every default filled in, a UUID given
	Pinned *vm.Pinned     // from the first start on; nil before it
	QEMU   host.QEMU      // the one that will run it: of the spec's architecture
	Accel  vm.Accelerator // resolved: kvm or tcg, never auto
	// Ports is how many slots the board has; 0: as many as it needs, and some to spare. A guest that goes on from what
	// was saved finds its board as it was.
	Ports int
	// Base is the memory that the board has; what Spec.Memory has beyond it is plugged in. 0: all of it.
	Base model.Bytes
	// Incoming: the guest is read from a file before it runs, not started.
	Incoming bool
	// Earlier: what was saved is of a build whose machines had no generation ID.
	Earlier bool
	Nested  CPUFlag // what a guest that may run VMs is shown; empty: it may not

	Volumes   map[string]Volume // by name of the disk device
	Media     map[string]Volume // by name of the drive; none of an empty one
	UEFIBytes model.Bytes       // size of the firmware's flash images, which QEMU holds in memory
	BootBytes model.Bytes       // size of kernel and initrd together; QEMU keeps a copy of them
}

// Volume is what must be known of the volume behind a disk.
type Volume struct {
	Format   storage.Format // raw when empty, as in storage.VolumeSpec
	ReadOnly bool           // nobody may write to it, whatever the disk wishes
	// Layers are what it consists of, base first, where that is more than one file; Format is the head's.
	Layers []storage.Layer
	// Block says that it is a block device, and no file.
	Block bool
}

// Machine is a QEMU that can be started.
type Machine struct {
	Args    []string // after the program's name
	Files   []File   // to be opened, in this order
	Sockets []string // listening unix sockets to be made: "qmp", "serial0", "net-lan"
	Uplinks []Uplink
	Pinned  vm.Pinned // to be kept for the next start
	Ports   int       // how many slots the board has
	Limits  Limits
	KVM     bool // it needs /dev/kvm
	TPM     bool // it needs a swtpm, to which it is connected by the name privilege.TPMSocket
}

// FileKind says where a file comes from.
type FileKind string

// The kinds of files.
const (
	DiskFile     FileKind = "disk"       // a volume, opened anew for this start
	KernelFile   FileKind = "kernel"     // a sealed memfd: -kernel takes no fdset, and would read on while the file changes
	InitrdFile   FileKind = "initrd"     // a sealed memfd
	MediumFile   FileKind = "medium"     // a volume in a CD-ROM drive
	FirmwareFile FileKind = "firmware"   // the code of the UEFI firmware, the host's
	NVRAMFile    FileKind = "nvram"      // its variables, the VM's own
	KeyFile      FileKind = "key"        // a sealed memfd with what opens encrypted layers
	SeedFile     FileKind = "seed"       // what the guest is told at its first boot, the VM's own
	SerialLog    FileKind = "serial-log" // what the guest has written to its console
	Stderr       FileKind = "stderr"     // QEMU's own words
)

// Access is the access mode that a file must have been opened with. QEMU takes no fd of another one.
type Access string

// The access modes.
const (
	ReadWrite Access = "rw"        // O_RDWR
	ReadOnly  Access = "ro"        // O_RDONLY
	Append    Access = "wo-append" // O_WRONLY | O_APPEND
)

// File is one open file that QEMU gets.
type File struct {
	Name   string // of its token: "disk-root"
	Kind   FileKind
	Object string // the volume, boot file or key that it is; empty for logs
	Device string // the disk or drive that it is for; empty for others
	Layer  int    // which of the layers of a disk, from 0
	Access Access
}

// Uplink is a network card whose packets are carried by passt on a connection to a socket of QEMU's.
type Uplink struct {
	Device string // "lan"
	Socket string // "net-lan"
	MAC    string
	Netdev string // QEMU's id of the back end, as its NETDEV_STREAM_* events name it
}

// Limits are what the whole QEMU may use.
type Limits struct {
	MemoryBytes int64
	CPUs        int // in whole CPUs
	Pids        int // processes and threads
}

// Build returns the machine for in, and always the same one for the same in. It fails with everything that is
// wrong at once: a finding.Refusal of kind fault.Invalid when the spec must change, fault.Precondition when the
// host must. A spec that is not effective, or an accelerator that is not resolved, is our own mistake (fault.Internal).
func Build(in Input) (Machine, error) {
	if err := complete(in); err != nil {
		return Machine{}, err
	}
	b, slots, targets, found := lay(in)
	if len(found) > 0 {
		return Machine{}, refusal(in.Name, found)
	}
	parts := []part{identity(in.Name, in.Spec), b.part(), accelerator(in.Accel), cpu(in, b.family), memory(in), topology(in.Spec), backing(in),
		stderr(), monitor(), b.rootPorts(slots)}
	if on(in.Spec.Serial) {
		parts = append(parts, serial())
	}
	if in.Spec.Firmware == vm.UEFI {
		parts = append(parts, uefi())
	}
	if in.Spec.BootsKernel() {
		parts = append(parts, kernel(*in.Spec.Boot))
	} else {
		parts = append(parts, booting(in.Spec.Boot))
	}
	parts = append(parts, ioThreads(in.Spec), secrets(in.Spec.Disks, in.Volumes))
	ports := sataPorts(in.Spec)
	if slot := slots[scsiSlot]; slot > 0 {
		parts = append(parts, scsi(in.Spec.SCSI, b.place(slot)))
	}
	if slot := slots[sticksSlot]; slot > 0 {
		parts = append(parts, sticksController(b.place(slot)))
	}
	for _, name := range disksInOrder(in.Spec.Disks) {
		slot := slots[diskSlot(name)]
		parts = append(parts, disk(name, in.Spec.Disks[name], in.Volumes[name], slot, b.place(slot), ports))
	}
	for _, name := range sortedKeys(in.Spec.CDROMs) {
		parts = append(parts, cdrom(name, in.Spec.CDROMs[name], in.Media[name], targets[name], slots[cdromSlot(name)], ports))
	}
	for _, name := range sortedKeys(in.Spec.NICs) {
		parts = append(parts, nic(name, in.Spec.NICs[name], in.Spec.Firmware, b.place(slots[nicSlot(name)])))
	}
	if on(in.Spec.RNG) {
		parts = append(parts, rng(b.place(slots[rngSlot])))
	}
	if on(in.Spec.Agent) {
		parts = append(parts, agent(b.place(slots[agentSlot])))
	}
	if in.Spec.CloudInit != nil {
		parts = append(parts, seed(b.place(slots[seedSlot])))
	}
	if in.Spec.Screen() {
		parts = append(parts, graphics(*in.Spec.Graphics, in.Spec.Sounds(), b, b.place(slots[usbSlot])))
	}
	if in.Spec.Sounds() {
		parts = append(parts, sound(in.Spec.Sound, b.soundAt(slots)))
	}
	if w := in.Spec.Watchdog; w != nil {
		parts = append(parts, watchdog(*w, b.watchdogAt(slots)))
	}
	if in.Spec.MemoryMax > 0 {
		parts = append(parts, more(in, b.place(slots[memorySlot])))
	}
	if on(in.Spec.Balloon) {
		parts = append(parts, balloon(b.place(slots[balloonSlot])))
	}
	for _, tag := range sortedKeys(in.Spec.Shares) {
		parts = append(parts, share(tag, b.place(slots[shareSlot(tag)])))
	}
	if v := in.Spec.Vsock; v != nil {
		parts = append(parts, vsock(*v, b.place(slots[vsockSlot])))
	}
	if t := in.Spec.TPM; t != nil {
		parts = append(parts, tpm(*t, b.family))
	}
	if b.family != familyVirt && !in.Earlier {
		parts = append(parts, generation(in.Spec.GenerationID))
	}
	parts = append(parts, panicNotifier(b.family))
	if in.Incoming {
		parts = append(parts, part{args: []string{"-incoming", "defer"}})
	}

	m := assemble(parts)
	m.Pinned = vm.Pinned{MachineType: b.machineType, Slots: slots, Targets: targets}
	m.Ports = b.ports(slots)
	m.Limits = limits(in)
	m.TPM = in.Spec.TPM != nil
	m.KVM = in.Accel == vm.KVM
	return m, nil
}

func on(b *bool) bool { return b != nil && *b }

// part is what one device adds to a machine.
type part struct {
	args    []string
	files   []File
	sockets []string
	uplinks []Uplink
}

func assemble(parts []part) Machine {
	var m Machine
	for _, p := range parts {
		m.Args = append(m.Args, p.args...)
		m.Files = append(m.Files, p.files...)
		m.Sockets = append(m.Sockets, p.sockets...)
		m.Uplinks = append(m.Uplinks, p.uplinks...)
	}
	return m
}

// identity is what the machine is called, and how it behaves as a process: it waits for `cont` from the first
// instruction on, and for us when the guest powers off or panics while nobody listens.
func identity(name string, s vm.Spec) part {
	return part{args: []string{
		"-name", options("", "guest", name, "debug-threads", "on"),
		"-uuid", s.UUID,
		"-nodefaults", "-no-user-config",
		"-display", "none",
		"-S",
		"-action", actions(s),
		"-rtc", options("", "base", cmp.Or(s.Clock, vm.ClockUTC)),
	}}
}

// actions say what QEMU does when the guest ends: it waits for us. A guest that resets itself goes on, unless its
// spec has it stop.
func actions(s vm.Spec) string {
	if s.OnReboot == vm.AfterStop {
		return "reboot=shutdown,shutdown=pause,panic=pause"
	}
	return "shutdown=pause,panic=pause"
}
