package reconcile

import (
	"context"
	"os"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Hypervisor is the hand that holds VMs' processes. All calls name a VM by its UUID, and all may be
// made again: what is done already is no error.
type Hypervisor interface {
	// Observe finds out what is there now. An error means that nothing could be found out, and
	// then nothing is touched.
	Observe(ctx context.Context, uuid string) (vm.Seen, error)
	// Launch makes the process, its vCPUs stopped. The files are the caller's to close.
	Launch(ctx context.Context, order privilege.Launch, files []*os.File) (vm.Process, error)
	// Attach connects to its monitor and returns QEMU's version.
	Attach(ctx context.Context, uuid string) (version string, err error)
	Continue(ctx context.Context, uuid string) error
	// Savable says why its guest cannot be saved, before anything is done to that.
	Savable(ctx context.Context, uuid string) error
	// Save stops its vCPUs and has QEMU begin to write the guest to a file; Abandon has it give up. Load has one that was
	// launched for that begin to read it.
	Save(ctx context.Context, uuid string, file *os.File) error
	Abandon(ctx context.Context, uuid string) error
	Load(ctx context.Context, uuid string, file *os.File) error
	Pause(ctx context.Context, uuid string) error
	// Overlay has the guest write to new layers from one moment on, of all disks or of none. files are two a disk: the new
	// layer, and the one below it for reading; the secrets of the layers' keys follow. within is called in that moment, while the guest stands still; how long
	// that was is returned.
	Overlay(ctx context.Context, uuid string, disks []qmp.Overlay, files []*os.File, within func(context.Context) error) (time.Duration, error)
	// Heads are the layers that its disks are written to, by device: the beginning of their IDs without dashes, empty for
	// a disk of one layer.
	Heads(ctx context.Context, uuid string) (map[string]string, error)
	// Mirror has QEMU copy a disk to a layer, the file of which open opens, and returns when the two are alike; QEMU keeps
	// them so. HoldMirror has the guest's writes wait then, with the copy flushed; SettleMirror lets them go on, to the
	// copy where that takes its place. EndMirror gives up. Mirrored says to which layer the guest writes, by the
	// beginning of its ID without dashes, and whether QEMU is at the copy.
	Mirror(ctx context.Context, uuid string, disk qmp.Mirror, open func() (*os.File, error), tell func(percent float64)) error
	HoldMirror(ctx context.Context, uuid string, disk qmp.Mirror, takesPlace bool) error
	SettleMirror(ctx context.Context, uuid string, disk qmp.Mirror) error
	EndMirror(ctx context.Context, uuid string, disk qmp.Mirror) error
	Mirrored(ctx context.Context, uuid string, disk qmp.Mirror) (on string, goesOn bool, err error)
	// Merge has QEMU make one layer of two, and tells how far it is; nil when it is done. files are those of m.Written, open for
	// both. Settle has it hold them as before, open for reading, and ends what goes on.
	Merge(ctx context.Context, uuid string, m machine.Merge, files []*os.File) (*operation.Progress, error)
	Settle(ctx context.Context, uuid string, m machine.Merge, files []*os.File) error
	// Plug gives QEMU a device, on the files that it stands on, the lowest first, if it needs any.
	Plug(ctx context.Context, uuid string, device qmp.Hotplug, files ...*os.File) error
	// Unplug takes one away. It returns when the guest has let go of it; an error of kind Unavailable
	// says that it has not, in the time that it had.
	Unplug(ctx context.Context, uuid string, device qmp.Hotplug) error
	// ChangeMedium takes the medium out of a drive, and puts in the one that stands on the file, if there is one.
	// An error of kind Precondition says that the guest holds the old one.
	ChangeMedium(ctx context.Context, uuid string, drive qmp.Hotplug, file *os.File, force bool) error
	// DiskSize returns how large QEMU has a disk, by its device's id; ResizeDisk has it make the disk and its file larger.
	DiskSize(ctx context.Context, uuid, device string) (model.Bytes, error)
	ResizeDisk(ctx context.Context, uuid, device string, size model.Bytes) error
	SetLink(ctx context.Context, uuid, device string, up bool) error
	// Pin says on which of the host's CPUs its threads run; nil is any.
	Pin(ctx context.Context, uuid string, p *vm.Pinning) error
	// Throttle says what a disk may do in a second.
	Throttle(ctx context.Context, uuid string, l qmp.Limits) error
	// SetMemory says how much memory the guest is to have; it takes or gives it as fast as it can. SetCPUs returns when
	// the guest has them.
	SetMemory(ctx context.Context, uuid string, r qmp.Room) error
	SetCPUs(ctx context.Context, uuid string, cpus int) error
	PowerDown(ctx context.Context, uuid string) error
	Reset(ctx context.Context, uuid string) error
	// StopOnReboot says whether a reset ends the guest, as -action reboot=shutdown does.
	StopOnReboot(ctx context.Context, uuid string, stop bool) error
	// Quit and Kill return when the process is gone.
	Quit(ctx context.Context, uuid string) error
	Kill(ctx context.Context, uuid string) error
	Cleanup(ctx context.Context, uuid string) error
	Forget(ctx context.Context, uuid string) error
}

// Volumes is the hand that holds volumes' files.
type Volumes interface {
	Can(pool string) (storage.Capabilities, error)
	Exists(ctx context.Context, pool, file string) (bool, error)
	Create(ctx context.Context, v storage.Volume) error
	Delete(ctx context.Context, v storage.Volume) error
	// Size returns the virtual size of a volume's content, and Grow makes it larger; what is as large is left.
	Size(ctx context.Context, v storage.Volume) (model.Bytes, error)
	Grow(ctx context.Context, v storage.Volume) error
	// Fetch makes a volume's file of what get puts into it, at most so many bytes, and holds it against its source's sum;
	// note is a file of get's own.
	Fetch(ctx context.Context, v storage.Volume, get func(ctx context.Context, into, note *os.File, most model.Bytes) error) error
	// Copy makes a volume's content anew as another's, durably, and compares the two; Discard removes files.
	Copy(ctx context.Context, from, to storage.Volume, tell func(percent float64)) error
	Discard(ctx context.Context, layers []storage.Layer) error
	// AddSecret has one secret more open a layer, DropSecret one less: the last one never. A VM may have it open.
	AddSecret(ctx context.Context, l storage.Layer, have, more string) error
	DropSecret(ctx context.Context, l storage.Layer, gone, keep string) error
	// Merge makes one layer of two that nobody has open, durably: both read the same afterwards, and neither is gone.
	Merge(ctx context.Context, chain []storage.Layer, m storage.Merge, tell func(percent float64)) error
	NameBelow(ctx context.Context, l, below storage.Layer) error
	// Allocated is how much room a file takes, and Room how much there is in a pool.
	Allocated(ctx context.Context, v storage.Volume) (model.Bytes, error)
	Room(ctx context.Context, pool string) (storage.Room, error)
	// Open opens a volume's file anew: QEMU's image locks belong to an open file description, and
	// one that two QEMUs share locks nothing.
	Open(ctx context.Context, pool, file string, readOnly bool) (*os.File, error)
}

// Keys is the hand that keeps what encrypted volumes are opened with.
type Keys interface {
	// Know says what a key's spec is, and opens nothing.
	Know(key storage.Key)
	// Reach says what a key's spec is, and how the key is; made that it had a secret once. One that needs nobody is opened.
	Reach(ctx context.Context, key storage.Key, made bool) (storage.KeyStatus, error)
	// Make makes a key's first secret; what is there already is opened.
	Make(ctx context.Context, name string, spec storage.KeySpec, passphrase string) (made bool, err error)
	// File is what opens, now, what is encrypted with a key, in a sealed memfd.
	File(ctx context.Context, name string) (*os.File, error)
	// Begin makes a key's secret of that number and returns what it has: what opens everything, what is to, and what is to
	// open nothing any more. Switch and End follow, each when it is so.
	Begin(ctx context.Context, name string, number int) (current, next string, past []string, err error)
	Switch(name string) error
	End(name string) error
	// Leave removes a key.
	Leave(name string) error
}

// BootFiles is the hand that holds kernels and initrds.
type BootFiles interface {
	// Open returns the content in a sealed memfd.
	Open(ctx context.Context, sha256 string) (*os.File, error)
}

// Firmware is the hand that holds what VMs' UEFI firmware is and remembers.
type Firmware interface {
	// Code opens the firmware's code.
	Code(ctx context.Context, path string) (*os.File, error)
	// NVRAM opens a VM's variables anew, made of the template where there are none. Those of a firmware with Secure Boot
	// are others.
	NVRAM(ctx context.Context, uuid, template string, secure bool) (*os.File, error)
	// MakeTPM makes the folder of what a VM's TPM keeps, where there is none.
	MakeTPM(ctx context.Context, uuid string) error
	// ReadTPM opens what a VM's TPM keeps, whole at any moment; fault.NotFound says that it was never used. PutTPM has it keep
	// what is in a file, nothing where that is nil, while the VM has no process.
	ReadTPM(ctx context.Context, uuid string) (*os.File, error)
	PutTPM(ctx context.Context, uuid string, from *os.File) error
	Remove(ctx context.Context, uuid string) error
	// Read opens a VM's variables for reading; fault.NotFound says that it has none. Put makes them anew of a file.
	Read(ctx context.Context, uuid string, secure bool) (*os.File, error)
	Put(ctx context.Context, uuid string, secure bool, from *os.File) error
}

// Guests speaks to the agents in guests.
type Guests interface {
	// Freeze has a guest write out what it holds back and write nothing from then on; Thaw lets it go on, also where
	// it was not frozen. A guest that is frozen for too long is let go on by itself: Frozen tells.
	Freeze(ctx context.Context, uuid string) error
	Frozen(uuid string) bool
	Thaw(ctx context.Context, uuid string) error
}

// Seeds is the hand that makes the disks of what guests are told at their first boot.
type Seeds interface {
	// Make returns the disk, open for reading only.
	Make(ctx context.Context, name string, spec vm.Spec) (*os.File, error)
}

// SavedVMs is the hand that holds the files of suspended VMs.
type SavedVMs interface {
	// Create makes a file with room for so many bytes, open for writing only. fault.Exhausted says that there is less.
	Create(ctx context.Context, name string, need model.Bytes) (*os.File, error)
	// Spread has the disk begin with what was written so far.
	Spread(ctx context.Context, name string)
	// Keep makes a file durable and returns its size.
	Keep(ctx context.Context, name string) (model.Bytes, error)
	// Open opens a file for reading.
	Open(ctx context.Context, name string) (*os.File, error)
	// Remove removes every file of a VM.
	Remove(ctx context.Context, uuid string) error
	// UUIDs are those that there are files of.
	UUIDs(ctx context.Context) ([]string, error)
}

// Logs is the hand that holds VMs' logs.
type Logs interface {
	// Append opens a log ("serial", "qemu") of a new run write-only, for appending.
	Append(uuid, log string) (*os.File, error)
	// GoOn opens the serial log of a guest that goes on where it was.
	GoOn(uuid string) (*os.File, error)
	Remove(uuid string) error
}
