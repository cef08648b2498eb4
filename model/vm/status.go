package vm

import (
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Object is a VM as it is stored: what is wished, and who keeps it so.
type Object struct {
	model.Metadata
	Spec Spec `json:"spec"`
	// PowerGeneration is the generation in which power was last wished. A guest that powered
	// itself off ends that wish: it is started again only by a newer one.
	PowerGeneration int64 `json:"powerGeneration"`
	// Letting are the volumes that an edit took from a VM whose process may still have them: their
	// claims stay until it has let go.
	Letting []string `json:"letting,omitempty"`
	// Renames are the new names of its volumes, oldest first, as far as they may not be written into its status yet.
	Renames []Rename `json:"renames,omitempty"`
}

// Rename says that a volume has another name since a generation: what was written down before under the old one
// means the new one.
type Rename struct {
	From       string `json:"from"`
	To         string `json:"to"`
	Generation int64  `json:"generation"`
}

// State is what was seen of a VM's power.
type State string

// The states.
const (
	StateOff       State = "off"       // no process
	StateStarting  State = "starting"  // a process, not under our control yet
	StatePrelaunch State = "prelaunch" // under our control, no guest instruction run yet
	StateRunning   State = "running"   // its vCPUs run
	StatePaused    State = "paused"    // its vCPUs are stopped
	StateStopping  State = "stopping"  // asked to power itself off, or being ended
	StateShutdown  State = "shutdown"  // the guest has powered off, QEMU waits to be ended
	StateCrashed   State = "crashed"   // the guest panicked, or QEMU died; not started again
	StateUnknown   State = "unknown"   // a process that we cannot ask
	StateSuspended State = "suspended" // no process; its memory and devices are in a file, from which it goes on
)

// States returns every state, in the order of a life.
func States() []State {
	return []State{StateOff, StateStarting, StatePrelaunch, StateRunning, StatePaused, StateStopping, StateShutdown, StateCrashed, StateUnknown, StateSuspended}
}

// Alive reports whether there is a process in state s.
func (s State) Alive() bool {
	return s != StateOff && s != StateCrashed && s != StateSuspended && s != ""
}

// Status is what was seen, by part; each part has one writer. What is unknown is absent.
type Status struct {
	Power *PowerStatus `json:"power,omitempty"` // written by reconcile
	Guest *GuestStatus `json:"guest,omitempty"` // what the guest says of itself, through its agent

	Schedule *ScheduleStatus `json:"schedule,omitempty"` // of its snapshots
}

// PowerStatus is what was seen of a VM's process.
type PowerStatus struct {
	State              State     `json:"state"`
	Reason             string    `json:"reason,omitempty"` // why it is in this state, where that is not its wish
	Seen               time.Time `json:"seen"`             // when this was found out
	Since              time.Time `json:"since"`            // when the state began
	ObservedGeneration int64     `json:"observedGeneration"`

	Process     *Process     `json:"process,omitempty"` // while there is one
	Accelerator Accelerator  `json:"accelerator,omitempty"`
	Pinned      *Pinned      `json:"pinned,omitempty"`    // from the first start on
	Ended       *Ended       `json:"ended,omitempty"`     // how the last run ended
	Restart     *Restart     `json:"restart,omitempty"`   // it is, or was, started again by itself
	StopAsked   *StopAsked   `json:"stopAsked,omitempty"` // the guest was asked to power itself off
	Resets      *Resets      `json:"resets,omitempty"`    // its machine was reset, and its process went on
	Saved       *Saved       `json:"saved,omitempty"`     // its memory and devices are in a file, or on their way to or from it
	Renamed     int64        `json:"renamed,omitempty"`   // the generation up to which new names of volumes are written in here
	NotSaved    *NotSaved    `json:"notSaved,omitempty"`  // it was to be suspended, and goes on instead
	Served      int64        `json:"served,omitempty"`    // the audit number of the newest reboot or reset that was done: it is not done again
	Problem     *Trouble     `json:"problem,omitempty"`
	Findings    finding.List `json:"findings,omitempty"` // what the host limits: accelerator, cgroup
	Pending     []string     `json:"pending,omitempty"`  // JSON paths edited since the start, effective at the next one

	PendingWhy map[string]string `json:"pendingWhy,omitempty"` // for each of them, why not now
}

// Process identifies one process for ever: a pid alone is used again.
type Process struct {
	PID       int    `json:"pid"`
	StartTime uint64 `json:"startTime"` // field 22 of /proc/PID/stat: clock ticks since boot
	BootID    string `json:"bootID"`    // /proc/sys/kernel/random/boot_id
	UID       uint32 `json:"uid"`
	QEMU      string `json:"qemu,omitempty"` // version, as QEMU says it

	// Wish is the power generation for which it was started, or let run last.
	Wish int64 `json:"wish,omitempty"`
	// Begun is when it was launched; nil where nobody wrote that down.
	Begun *time.Time `json:"begun,omitempty"`

	// Started is the spec that this process was started with, defaults filled in, with what has been
	// changed since while it ran.
	Started *Spec `json:"started,omitempty"`
	// Memory is what it was started with. More, up to memoryMax, was plugged in since.
	Memory model.Bytes `json:"memory,omitempty"`
	// Ports is how many slots its board has, free ones too; 0 for a process of a build that left none.
	Ports int `json:"ports,omitempty"`
	// Changes are the live changes that were begun and are not known to have ended: Started may be
	// wrong about just these.
	Changes []Change `json:"changes,omitempty"`
}

// Change is a live change of one device that has begun.
type Change struct {
	Path  string    `json:"path"`           // "disks.data"
	Why   string    `json:"why,omitempty"`  // what stood in its way the last time
	Again time.Time `json:"again,omitzero"` // not tried before then
}

// Change returns the change of one device that was begun, if there is one.
func (p *Process) Change(path string) (Change, bool) {
	for _, c := range p.Changes {
		if c.Path == path {
			return c, true
		}
	}
	return Change{}, false
}

// Pinned is what a guest has come to rely on and keeps over restarts and upgrades.
type Pinned struct {
	MachineType string         `json:"machineType"`       // versioned: pc-q35-7.2
	Targets     map[string]int `json:"targets,omitempty"` // CD-ROM drive → SCSI target, from 1
	Slots       map[string]int `json:"slots,omitempty"`   // device name ("disk/root") → PCIe root port number, from 1
}

// StopAsked says for which wish, and until when, a guest may power itself off.
type StopAsked struct {
	PowerGeneration int64     `json:"powerGeneration"`
	Deadline        time.Time `json:"deadline"`
	Again           time.Time `json:"again"`            // when its power button is pressed once more
	Host            bool      `json:"host,omitempty"`   // its host is to be shut down
	Reboot          bool      `json:"reboot,omitempty"` // once it has, it is started again
}

// Resets counts how often a VM's machine was reset while its process went on, as far as a daemon looked on:
// QEMU tells of it once and remembers nothing.
type Resets struct {
	Guest    int       `json:"guest"`    // by the guest: a reboot, or a triple fault
	Host     int       `json:"host"`     // by its reset button
	Watchdog int       `json:"watchdog"` // its watchdog expired, whatever that led to
	Last     time.Time `json:"last"`
	Reason   string    `json:"reason"` // of the last, in QEMU's word: "guest-reset", "host-qmp-system-reset", "watchdog"
}

// Restart is how a VM is started again by itself after its runs ended in a way that its spec restarts after.
type Restart struct {
	Count           int       `json:"count"` // in a row, without a run between that lasted
	After           End       `json:"after"` // how the last run ended
	Next            time.Time `json:"next"`  // not before this; a start by a person goes at once
	PowerGeneration int64     `json:"powerGeneration"`
}

// End says how a run of a VM ended.
type End string

// The ends.
const (
	EndStopped    End = "stopped"       // by our wish
	EndKilled     End = "killed"        // by our wish, without asking the guest
	EndGuest      End = "guest"         // the guest powered itself off
	EndPanic      End = "panic"         // the guest's kernel panicked
	EndReset      End = "guest-reset"   // the guest reset itself, and its spec does not let it go on
	EndWatchdog   End = "watchdog"      // its watchdog expired and paused it
	EndQEMU       End = "qemu"          // QEMU died or was killed by somebody else
	EndHostReboot End = "host-reboot"   // the host went down with it
	EndHostDown   End = "host-shutdown" // by hv host stop-vms, before the host went down
	EndReboot     End = "reboot"        // by our wish, to be started again at once
	EndSuspended  End = "suspended"     // by our wish, and it is saved
	EndUnresumed  End = "not-resumed"   // QEMU could not go on from what is saved; that is kept
)

// Crash reports whether e is an end that neither its owner nor its guest wished for.
func (e End) Crash() bool { return e == EndPanic || e == EndWatchdog || e == EndQEMU }

// Ended is the end of one run.
type Ended struct {
	How             End       `json:"how"`
	Detail          string    `json:"detail,omitempty"` // QEMU's last words, bounded to 2 KiB
	At              time.Time `json:"at"`
	PowerGeneration int64     `json:"powerGeneration"`  // the wish that this end used up
	BootID          string    `json:"bootID,omitempty"` // of the host's run in which it ended with the host
	Stays           int64     `json:"stays,omitempty"`  // the wish that stands for the host's next boot
	Run             uint64    `json:"run"`              // Process.StartTime of the process that ended
}

// Trouble is why the wish is not reached.
type Trouble struct {
	Code  string    `json:"code,omitempty"`
	What  string    `json:"what"`
	Hint  string    `json:"hint,omitempty"`
	Since time.Time `json:"since"`
	Tries int       `json:"tries"`
	Retry bool      `json:"retry"` // it is tried again without anybody doing anything
}
