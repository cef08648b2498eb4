package vm

import (
	"time"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// SavePhase says how far a VM is on the way into its file, or out of it.
type SavePhase string

// The phases. Each is durable before what it names begins. Only in phase saved is the file worth anything.
const (
	Saving     SavePhase = "saving"     // QEMU may be writing it, its vCPUs stopped
	IsSaved    SavePhase = "saved"      // it is whole and on the disk, and its guest has not run since
	Resuming   SavePhase = "resuming"   // its guest may have run on: nobody may ever go on from the file again
	Discarding SavePhase = "discarding" // it is being thrown away
)

// Saved is the memory and the devices of a VM in a file.
type Saved struct {
	Phase SavePhase   `json:"phase"`
	File  string      `json:"file"`            // its name in hvd's folder of saved VMs
	Bytes model.Bytes `json:"bytes,omitempty"` // its size, once it is whole
	At    time.Time   `json:"at"`              // when this was begun, and once it is whole, when it was
	// Generation is that of the spec which the process had reached.
	Generation  int64       `json:"generation"`
	Power       Power       `json:"power"`          // what it did before: on or paused
	Host        bool        `json:"host,omitempty"` // it was saved because its host was to go down
	Accelerator Accelerator `json:"accelerator"`
	MachineType string      `json:"machineType"`
	// Pinned is where its devices sit, in a snapshot: those of the VM may have come and gone since. nil: where the VM has them.
	Pinned *Pinned `json:"pinned,omitempty"`
	// Process is the one that was saved: what it was started with, and changed since, is what can go on.
	Process Process `json:"process"`
}

// Whole reports whether a VM can go on from what is saved.
func (s *Saved) Whole() bool { return s != nil && s.Phase == IsSaved }

// Of reports whether what is saved is of this process, so that another one is one that goes on from it.
func (s *Saved) Of(p *Process) bool {
	return p != nil && s.Process.PID == p.PID && s.Process.StartTime == p.StartTime && s.Process.BootID == p.BootID
}

// NotSaved says that a wish to be suspended was given up.
type NotSaved struct {
	PowerGeneration int64  `json:"powerGeneration"` // of that wish
	Power           Power  `json:"power"`           // what the VM does instead: what it did before
	Why             string `json:"why"`
}

// Moving is how far QEMU is with writing or reading a guest's memory.
type Moving struct {
	State MoveState
	Done  int64 // bytes of memory that are dealt with; 0 where that is not known
	Total int64
	Why   string // it failed
}

// MoveState is what has become of it.
type MoveState string

// The states of a move.
const (
	MoveUnderWay  MoveState = "under way"
	MoveDone      MoveState = "done"
	MoveFailed    MoveState = "failed"
	MoveCancelled MoveState = "cancelled"
)
