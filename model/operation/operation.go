// Package operation holds the words for work under way: what was asked, by whom, how far it is and
// how it ended.
//
// What does not live here: who runs it (internal/reconcile) and who may ask (internal/action).
package operation

import (
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// State is where an operation stands.
type State string

// The states. The last four are ends.
const (
	Pending    State = "pending"
	Running    State = "running"
	Done       State = "done"
	Failed     State = "failed"
	Cancelled  State = "cancelled"
	Superseded State = "superseded" // a newer wish took its place
)

// Ended reports whether s is an end.
func (s State) Ended() bool { return s != Pending && s != Running && s != "" }

// Actor is who asked.
type Actor struct {
	UID  uint32 `json:"uid"`
	Name string `json:"name,omitempty"` // the login name, where it is known
	Via  string `json:"via"`            // "socket", "boot", "apply", "schedule"
}

// Target is what an operation is about: kind "vm", project "default", name "web".
type Target struct {
	Kind string `json:"kind"`
	model.Ref
}

func (t Target) String() string { return t.Kind + "/" + t.Ref.String() }

// Operation is one piece of work: what was asked, and what became of it.
type Operation struct {
	Wish
	Status
}

// Wish is what was asked. Its one writer is the action.
type Wish struct {
	ID      string    `json:"id"`     // 16 hex digits
	Action  string    `json:"action"` // the action table's name: "vm.start"
	Target  Target    `json:"target"`
	Actor   Actor     `json:"actor"`
	Created time.Time `json:"created"`

	// TargetUID is the UID of the object that is meant: another may come to have its name.
	TargetUID string `json:"targetUID,omitempty"`
	// Generation is the generation of the target's spec that this operation waits for.
	Generation int64 `json:"generation,omitempty"`
	// Params are the action's own, without secrets: {"force": "true"}.
	Params map[string]string `json:"params,omitempty"`
	// Before is the power wish that cancel puts back; empty where there is nothing to put back.
	Before string `json:"before,omitempty"`
	// CancelAsked is set by cancel; whoever runs the operation ends it.
	CancelAsked bool `json:"cancelAsked,omitempty"`
	// AuditSeq is the intent's number in the audit log, which the outcome names. It orders
	// operations: what was asked for later has a greater one.
	AuditSeq int64 `json:"auditSeq,omitempty"`
}

// Status is what became of it. Its one writer is who runs it.
type Status struct {
	State    State        `json:"state"`
	Steps    []Step       `json:"steps,omitempty"`
	Ended    *time.Time   `json:"ended,omitempty"`
	Error    *Problem     `json:"error,omitempty"`
	Findings finding.List `json:"findings,omitempty"`
}

// Step is one step of an operation's plan.
type Step struct {
	Name     string     `json:"name"` // what a person reads: "launch QEMU"
	State    State      `json:"state"`
	Started  *time.Time `json:"started,omitempty"`
	Ended    *time.Time `json:"ended,omitempty"`
	Progress *Progress  `json:"progress,omitempty"`
}

// Progress is how far a step is, where the total is known.
type Progress struct {
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	Unit  string `json:"unit"` // "bytes"
}

// Problem is why an operation failed, as an error is told.
type Problem struct {
	Kind string `json:"kind"` // fault kind, in words
	Code string `json:"code,omitempty"`
	What string `json:"what"`
	Hint string `json:"hint,omitempty"`
}
