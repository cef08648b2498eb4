// Package wire holds what only the wire has: problems, pages, events, the summaries that lists are
// made of, the bodies of requests. Everything else travels as the words of model.
//
// What does not live here: how it is served (internal/api/rest) and called (client).
package wire

import (
	"encoding/json"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Problem is an error as it travels (RFC 9457).
type Problem struct {
	Type      string       `json:"type"`  // "about:blank", or the page that explains Code
	Title     string       `json:"title"` // the kind, in words
	Status    int          `json:"status"`
	Detail    string       `json:"detail"`
	Code      string       `json:"code,omitempty"`
	Findings  finding.List `json:"findings,omitempty"`
	Remedy    string       `json:"remedy,omitempty"` // the next step
	Operation string       `json:"operation,omitempty"`
	RequestID string       `json:"requestId,omitempty"`
}

// Page is one page of a list.
type Page struct {
	Items    []json.RawMessage `json:"items"`
	Next     string            `json:"next,omitempty"` // cursor of the next page
	Revision int64             `json:"revision"`       // the list was true at; follow changes from here
	Total    int               `json:"total"`          // items that match, on all pages
}

// Event is one change, with CloudEvents 1.0 names. Events are ordered by Revision.
type Event struct {
	SpecVersion string          `json:"specversion"` // 1.0
	ID          string          `json:"id"`          // "<revision>.<n>"
	Source      string          `json:"source"`      // the host
	Type        string          `json:"type"`        // vm.state.changed, operation.changed, …
	Time        time.Time       `json:"time"`
	Subject     string          `json:"subject"` // vm/default/web
	Revision    int64           `json:"revision"`
	Data        json.RawMessage `json:"data,omitempty"`
}

// VMSummary is one VM in a list: at most 300 bytes for names of common length.
type VMSummary struct {
	Name    string            `json:"name"`
	Project string            `json:"project"`
	UID     string            `json:"uid"`
	State   vm.State          `json:"state"`
	Wish    vm.Power          `json:"wish"`
	CPUs    int               `json:"cpus"`
	Memory  model.Bytes       `json:"memory"`
	Accel   vm.Accelerator    `json:"accelerator,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Since   *time.Time        `json:"since,omitempty"`
	Origin  model.Origin      `json:"origin"`
	Trouble string            `json:"trouble,omitempty"` // what keeps it from its wish
	Created time.Time         `json:"created"`
	Pending []string          `json:"pending,omitempty"` // JSON paths of what takes effect at the next start only

	Addresses []string `json:"addresses,omitempty"` // as its guest says, the first of them
}

// Rename is the body of a rename.
type Rename struct {
	Name string `json:"name"` // the new one
}

// VM is one VM in full.
type VM struct {
	Kind      string         `json:"kind"` // "vm"
	Metadata  model.Metadata `json:"metadata"`
	Spec      vm.Spec        `json:"spec"`      // as it was written
	Effective vm.Spec        `json:"effective"` // with the defaults filled in
	Defaults  []string       `json:"defaults"`  // JSON paths that were filled in
	Status    vm.Status      `json:"status"`
	Findings  finding.List   `json:"findings,omitempty"` // what follows from spec and facts
}

// Volume is one volume.
type Volume struct {
	Kind     string              `json:"kind"` // "volume"
	Metadata model.Metadata      `json:"metadata"`
	Spec     storage.VolumeSpec  `json:"spec"`
	SHA256   string              `json:"sha256,omitempty"`
	Usage    storage.VolumeUsage `json:"usage"`
	Ready    bool                `json:"ready"`
	Problem  string              `json:"problem,omitempty"`
	// Check is what the last check found; absent where there was none.
	Check *storage.VolumeCheck `json:"check,omitempty"`
}

// CreateImage is the body of POST …/vms/{name}/actions/image.
type CreateImage struct {
	Name     string            `json:"name"` // of the image
	Labels   map[string]string `json:"labels,omitempty"`
	Disk     string            `json:"disk,omitempty"`     // by its name in the VM; the one that it boots from when absent
	Snapshot string            `json:"snapshot,omitempty"` // as it was in that one; as it is, with its VM off, when absent
}

// CloneVM is the body of a clone of a VM.
type CloneVM struct {
	Name     string            `json:"name"`               // of the new VM
	Labels   map[string]string `json:"labels,omitempty"`   // beside those that it has
	Snapshot string            `json:"snapshot,omitempty"` // as it was in that one; as it is, which nobody may be writing to, when absent
	// Volumes are full copies that are there, by disk; linked clones are made where none are said.
	Volumes map[string]string `json:"volumes,omitempty"`
}

// CloneVolume is the body of a clone.
type CloneVolume struct {
	Name   string `json:"name"`            // of the new volume; with a count, what the names NAME-1, NAME-2 … begin with
	Count  int    `json:"count,omitempty"` // how many; 1 when absent
	Linked bool   `json:"linked"`          // they share what they begin with, and take room for what is written to them; else all of it is copied
	// Snapshot is that of the VM which uses the volume: the clone begins as the volume was then. It is a linked one.
	Snapshot string `json:"snapshot,omitempty"`
	Pool     string `json:"pool,omitempty"` // of a full clone; that of its source when absent
	// Encryption is the key of a full clone, or none; that of its source when absent.
	Encryption string            `json:"encryption,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// TrashedVolume is one volume in the trash. Its metadata.uid names it: another volume may have its name.
type TrashedVolume struct {
	Kind     string             `json:"kind"` // "trashed-volume"
	Metadata model.Metadata     `json:"metadata"`
	Spec     storage.VolumeSpec `json:"spec"`
	At       time.Time          `json:"trashed"`
	Until    time.Time          `json:"until"` // then it is gone
	Takes    model.Bytes        `json:"takes,omitempty"`
	Going    bool               `json:"going,omitempty"` // it is being deleted: too late
}

// CreateSnapshot is the body that asks for a snapshot.
type CreateSnapshot struct {
	Name        string     `json:"name,omitempty"` // the time when absent
	Description string     `json:"description,omitempty"`
	Memory      bool       `json:"memory,omitempty"`  // its memory too; the guest stands still while it is saved
	Quiesce     vm.Quiesce `json:"quiesce,omitempty"` // auto | yes | no; auto when absent
}

// Snapshot is one snapshot of a VM.
type Snapshot struct {
	Name        string                  `json:"name"`
	UID         string                  `json:"uid"`
	Parent      string                  `json:"parent,omitempty"`  // the snapshot that the VM stood on
	Current     bool                    `json:"current,omitempty"` // the VM stands on it now
	State       string                  `json:"state"`             // ready | taking | deleting
	Description string                  `json:"description,omitempty"`
	Scheduled   bool                    `json:"scheduled,omitempty"` // the VM's schedule has taken it, by whose rules it goes
	Protected   bool                    `json:"protected,omitempty"` // it is not deleted before somebody says otherwise
	Created     time.Time               `json:"created"`
	Taken       *time.Time              `json:"taken,omitempty"` // the moment that it is of
	VMState     vm.State                `json:"vmState,omitempty"`
	Memory      model.Bytes             `json:"memory,omitempty"` // of the file with its memory; absent where that is not in it
	NVRAM       bool                    `json:"nvram,omitempty"`
	Quiesced    bool                    `json:"quiesced,omitempty"`
	Note        string                  `json:"note,omitempty"`  // why the guest was not quiesced
	Pause       string                  `json:"pause,omitempty"` // how long the guest stood still: 12ms
	Disks       map[string]SnapshotDisk `json:"disks"`
}

// SnapshotDisk is one disk of a snapshot.
type SnapshotDisk struct {
	Volume    string      `json:"volume"`
	Size      model.Bytes `json:"size,omitempty"`
	Exclusive model.Bytes `json:"exclusive,omitempty"` // the room that its own layer takes
	Layers    int         `json:"layers,omitempty"`
}

// Snapshots are those of one VM, the oldest first.
type Snapshots struct {
	Items   []Snapshot `json:"items"`
	Current string     `json:"current,omitempty"` // the one that the VM stands on
	// Schedule is what became of the VM's schedule; absent for a VM that has none.
	Schedule *vm.ScheduleStatus `json:"schedule,omitempty"`
}

// EditSnapshot is the body that changes what is said of a snapshot; what is absent stays.
type EditSnapshot struct {
	Description *string `json:"description,omitempty"`
	Protected   *bool   `json:"protected,omitempty"`
}

// PruneSnapshots is the body that has snapshots go which no rule keeps.
type PruneSnapshots struct {
	Keep   *vm.Keep `json:"keep,omitempty"`   // what stays; as the VM's schedule says when absent
	ByHand bool     `json:"byHand,omitempty"` // those that were taken by hand count too, and may go
}

// BootFile is one kernel or initrd.
type BootFile struct {
	Kind     string           `json:"kind"` // "boot-file"
	Metadata model.Metadata   `json:"metadata"`
	Content  storage.BootKind `json:"content"`
	SHA256   string           `json:"sha256"`
	Size     model.Bytes      `json:"size"`
	UsedBy   []string         `json:"usedBy,omitempty"` // "vm/web"
}

// Feature is one feature of the catalogue, as it stands on this host.
type Feature struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Category string   `json:"category"`
	Risk     string   `json:"risk"`
	Set      string   `json:"set,omitempty"`
	State    string   `json:"state"` // on | off | waiting | unavailable | refused
	Why      []string `json:"why,omitempty"`
	What     string   `json:"what"`
}

// Features is what the host's declaration resolves to.
type Features struct {
	Items    []Feature    `json:"items"`
	Findings finding.List `json:"findings,omitempty"`
	Risk     string       `json:"risk"`    // the highest level of what is on
	RiskWhy  []string     `json:"riskWhy"` // what contributes to it, and what mitigates it
	Revision int64        `json:"revision"`
}

// Host is this host.
type Host struct {
	Kind     string       `json:"kind"` // "host"
	Version  string       `json:"version"`
	Facts    host.Facts   `json:"facts"`
	Started  time.Time    `json:"started"` // hvd
	VMs      int          `json:"vms"`
	Running  int          `json:"running"`
	Phase    string       `json:"phase,omitempty"` // setup | hardened
	Keeping  *Keeping     `json:"keeping,omitempty"`
	Findings finding.List `json:"findings,omitempty"`
}

// Keeping is how what must stay is kept: the store, its snapshots, the room for them.
type Keeping struct {
	Store    model.Bytes `json:"store"`              // that the store takes
	Most     model.Bytes `json:"most"`               // that it may take
	History  model.Bytes `json:"history"`            // of that, values that were overwritten, about
	Free     model.Bytes `json:"free"`               // on the disk of the state folder
	Snapshot *time.Time  `json:"snapshot,omitempty"` // when the newest snapshot was taken
}

// PlanStep is one step of a plan as it is shown.
type PlanStep struct {
	Name   string   `json:"name"`
	Detail []string `json:"detail,omitempty"` // a command line, one argument each
}

// Preview is the answer to a dry run: what would be done, and what speaks against it.
type Preview struct {
	Plan     []PlanStep   `json:"plan"`
	Findings finding.List `json:"findings"`
	Refused  bool         `json:"refused"`
	Changes  []Change     `json:"changes,omitempty"` // of a declaration
	Config   *ConfigPlan  `json:"config,omitempty"`  // of a declaration: what becomes of each thing
}

// Change is one difference between what stands and what is asked for.
type Change struct {
	Path string `json:"path"`
	Kind string `json:"kind"` // added | removed | changed
	Old  any    `json:"old,omitempty"`
	New  any    `json:"new,omitempty"`
}

// CreateVolume is the body of POST …/volumes.
type CreateVolume struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	storage.VolumeSpec
	// URL is where an image is to be fetched from that the volume begins as: a raw or a qcow2 one, as format says. Its
	// size is what the image has. SHA256 is what that of the image must be.
	URL    string `json:"url,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// ResizeVolume is the body of POST …/volumes/{name}/actions/resize.
type ResizeVolume struct {
	Size model.Bytes `json:"size"` // as large as it is to be; never smaller than it is
}

// MoveVolume is the body of POST …/volumes/{name}/actions/move.
type MoveVolume struct {
	Pool  string      `json:"pool"`
	Limit model.Bytes `json:"limit,omitempty"` // bytes a second that the copy may take; as many as there are when absent
}

// VerbOptions is the body of POST …/vms/{name}/actions/{verb}.
type VerbOptions struct {
	Force   bool `json:"force,omitempty"`   // stop: without asking the guest; delete: also when it runs
	Timeout int  `json:"timeout,omitempty"` // stop, reboot: seconds the guest gets; its stopTimeout when 0
	Volumes bool `json:"volumes,omitempty"` // delete: its volumes too
	// DiscardSuspend boots a suspended VM cold (start): what was in its memory is lost.
	DiscardSuspend bool `json:"discardSuspend,omitempty"`
}

// StopVMs is the body of POST /v1/host/actions/stop-vms.
type StopVMs struct {
	Timeout int `json:"timeout,omitempty"` // seconds that all of it may take; then guests are not waited for. 0: each has its stopTimeout
}

// MediumOptions is the body of POST …/vms/{name}/actions/cdrom.
type MediumOptions struct {
	Drive  string `json:"drive"`            // by its device name
	Volume string `json:"volume,omitempty"` // what is put in; empty: what is in it is taken out
	Force  bool   `json:"force,omitempty"`  // also where the guest uses what is in it
}

// Phase is the phase of a host, and what differs from what was sealed.
type Phase struct {
	host.Phase
	Generation int64        `json:"generation"` // of the declaration that stands
	Digest     string       `json:"digest"`     // of what it says
	Findings   finding.List `json:"findings,omitempty"`
}

// Harden is the body of POST /v1/phase/actions/harden.
type Harden struct {
	// KeyHash is the hash of a recovery key that the caller has made, and keeps: $argon2id$v=19$m=19456,t=2,p=1$….
	KeyHash string `json:"keyHash"`
}

// Unlock is the body of POST /v1/phase/actions/unlock.
type Unlock struct {
	Key string `json:"key"` // the recovery key; it is compared, and neither kept nor recorded
}

// String keeps the key out of logs and errors.
func (u Unlock) String() string { return "unlock (with a key)" }

// GoString does, too.
func (u Unlock) GoString() string { return u.String() }

// AuditRecord is one line of the audit log.
type AuditRecord struct {
	Seq       int64           `json:"seq"`
	Time      time.Time       `json:"time"`
	Actor     operation.Actor `json:"actor"`
	Action    string          `json:"action"`
	Target    string          `json:"target"`
	Phase     string          `json:"phase"` // intent | outcome
	Intent    int64           `json:"intent,omitempty"`
	Operation string          `json:"operation,omitempty"`
	Result    string          `json:"result,omitempty"` // done | failed | refused | cancelled | superseded
	Detail    string          `json:"detail,omitempty"`
}

// Version is the answer of GET /v1/version.
type Version struct {
	Version string `json:"version"`
	API     string `json:"api"` // v1
}
