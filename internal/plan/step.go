// Package plan turns a wish and what was seen into steps. It is pure: time and facts come in as
// arguments, and a plan is a value that can be printed, stored and run again.
//
// What lives here: one file a resource, the steps as data. What does not: doing them (the hands,
// called by package reconcile), and the QEMU command line itself (qemu/machine).
package plan

import (
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Kind names what a step does. Each may be run twice: a step whose effect is there already is done.
type Kind string

// The kinds of steps.
const (
	Launch    Kind = "launch"    // make QEMU's process, its vCPUs stopped
	Attach    Kind = "attach"    // connect to its monitor, ask for its UUID
	Continue  Kind = "continue"  // let its vCPUs run
	Pause     Kind = "pause"     // stop its vCPUs
	PowerDown Kind = "powerdown" // press its power button
	Reset     Kind = "reset"     // press its reset button
	Quit      Kind = "quit"      // end QEMU by its monitor
	Kill      Kind = "kill"      // end QEMU by a signal
	Cleanup   Kind = "cleanup"   // take away what a process that is gone has left
	Forget    Kind = "forget"    // give back a deleted VM's uids and logs

	Plug   Kind = "plug"   // give a device to a QEMU that runs
	Unplug Kind = "unplug" // take one away, when its guest has let go of it
	Link   Kind = "link"   // pull a network card's cable, or plug it in

	Throttle Kind = "throttle" // say what a disk may do in a second

	Memory Kind = "memory" // give it memory, or take memory from it
	Pin    Kind = "pin"    // say on which of the host's CPUs its threads run
	CPUs   Kind = "cpus"   // give it vCPUs, or take them from it

	Save    Kind = "save"    // stop its vCPUs and begin to write its memory and devices to a file
	Keep    Kind = "keep"    // make the file durable, and from then on it is what the VM goes on from
	Abandon Kind = "abandon" // give up to write it
	Load    Kind = "load"    // begin to read it into a QEMU that waits for that
	Discard Kind = "discard" // throw it away

	Medium Kind = "medium" // put another medium into a drive, or take it out

	Restore     Kind = "restore" // put its disks, and what else a snapshot holds, back to what they were
	MakeImage   Kind = "make image"
	DeleteImage Kind = "delete image"

	CreateVolume Kind = "create volume"
	DeleteVolume Kind = "delete volume"
	GrowVolume   Kind = "grow volume"   // make its file larger while nobody has it open
	CopyVolume   Kind = "copy volume"   // begin to copy its content; the copy goes on between the looks
	DiscardFiles Kind = "discard files" // of a copy that is given up, or that it consisted of before it was moved
	ResizeDisk   Kind = "resize disk"   // have the QEMU that has it open make it larger

	MirrorDisk Kind = "mirror disk" // have the QEMU that has it open begin to copy it; that goes on between the looks
	HoldDisk   Kind = "hold disk"   // have the guest's writes wait once the copy is alike and durable
	SwitchDisk Kind = "switch disk" // have the guest write to the copy from then on
	SplitDisk  Kind = "split disk"  // let the copy be what the original was at one moment, and part the two
	EndMirror  Kind = "end mirror"  // give up the copy
)

// Step is one step, for people by its Name and for hands by its data.
type Step struct {
	Kind   Kind            `json:"kind"`
	Name   string          `json:"name"`
	Start  *Start          `json:"start,omitempty"`  // of Launch
	Image  *storage.Image  `json:"image,omitempty"`  // of MakeImage and DeleteImage
	Volume *storage.Volume `json:"volume,omitempty"` // of CreateVolume, DeleteVolume, GrowVolume and ResizeDisk
	Disk   *VolumeDisk     `json:"disk,omitempty"`   // of ResizeDisk, and of what copies a disk
	Edit   *Edit           `json:"edit,omitempty"`   // of Plug, Unplug, Link, Throttle, Medium, Memory, CPUs and Pin
	Layers []storage.Layer `json:"layers,omitempty"` // of DiscardFiles
}

// Start is everything that a launch needs.
type Start struct {
	Order       privilege.Launch `json:"order"`
	Files       []File           `json:"files"` // in the order of Order.Files
	Accelerator vm.Accelerator   `json:"accelerator"`
	Pinned      vm.Pinned        `json:"pinned"`
	Spec        vm.Spec          `json:"spec"`            // what the process is started with, defaults filled in
	Memory      model.Bytes      `json:"memory"`          // what its board has
	Ports       int              `json:"ports"`           // how many slots its board has
	Saved       string           `json:"saved,omitempty"` // the file that it goes on from
}

// Source says where a file of a launch comes from.
type Source string

// The sources.
const (
	FromVolume   Source = "volume"
	FromBoot     Source = "boot-file" // a kernel or an initrd, as a sealed memfd
	FromFirmware Source = "firmware"  // the code of the host's UEFI firmware
	FromNVRAM    Source = "nvram"     // the VM's UEFI variables, made of a template at the first start
	FromKey      Source = "key"       // what opens encrypted layers, as a sealed memfd
	FromSeed     Source = "seed"      // what the guest is told at its first boot, made anew
	FromLog      Source = "log"       // a log of the VM, opened for appending
)

// File is one open file that a launch hands over.
type File struct {
	Name     string `json:"name"` // the token in the command line
	Source   Source `json:"source"`
	Volume   string `json:"volume,omitempty"` // the volume's file in its pool
	Pool     string `json:"pool,omitempty"`
	ReadOnly bool   `json:"readOnly,omitempty"`
	SHA256   string `json:"sha256,omitempty"` // of a boot file
	Key      string `json:"key,omitempty"`
	Log      string `json:"log,omitempty"`    // "serial" | "qemu"
	GoesOn   bool   `json:"goesOn,omitempty"` // of a log: it is written on, not begun anew
	Secure   bool   `json:"secure,omitempty"` // of variables: those of a firmware with Secure Boot
	Path     string `json:"path,omitempty"`   // of the firmware's code, or of the template of its variables
}

// Plan is what is to be done about one object now.
type Plan struct {
	Steps []Step
	// Ended is a run's end that was found out; it is recorded before any step.
	Ended *vm.Ended
	// StopAsked is what the status keeps: for which wish the guest was asked to power off.
	StopAsked *vm.StopAsked
	// Restart is what the status keeps: how often it was started again by itself, and when next.
	Restart *vm.Restart
	// Held says why it is not started yet though that is wished: its turn has not come, or its host goes down.
	Held string
	// Waiting says that nothing is done now though the wish is not reached: it is not time yet, see Until.
	Waiting bool
	// Reached says that the wish is true as soon as the steps are done.
	Reached bool
	// Until is when to look again though nothing happens; zero for never.
	Until time.Time
	// Overdue says that the guest was given its time and did not power itself off.
	Overdue bool
	// Unheard says that the guest was to power itself off so that it is started again, and did not: it runs on.
	Unheard bool
	// NotSaved is that the wish to be suspended is given up: the VM goes on.
	NotSaved *vm.NotSaved
	// Moving is how far a step is that goes on by itself; nil for none.
	Moving *Progress
	// Removed says that after the steps the object itself can go.
	Removed bool
	// Becomes is what the object of a volume is after the steps; nil where it stays.
	Becomes *storage.Volume
	// GaveUp is why a copy of a volume is given up; nil where that was asked for.
	GaveUp error
	// Trashed says of a volume that is removed that it goes on in the trash.
	Trashed  bool
	Findings finding.List
}
