package wire

import (
	"encoding/json"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Config is one generation of the declaration: the one that stands, or one before.
type Config struct {
	Generation  int64           `json:"generation"` // 0: none was applied yet
	Digest      string          `json:"digest,omitempty"`
	Applied     *time.Time      `json:"applied,omitempty"`
	By          operation.Actor `json:"by"`
	Source      string          `json:"source"`             // "applied", or the file that is the declaration
	Message     string          `json:"message,omitempty"`  // why, in the words of who applied it
	Restores    int64           `json:"restores,omitempty"` // the generation whose content it has, of a rollback
	Declaration json.RawMessage `json:"declaration,omitempty"`
	Findings    finding.List    `json:"findings,omitempty"`
}

// Generation is one generation in a list.
type Generation struct {
	Generation int64           `json:"generation"`
	Stands     bool            `json:"stands,omitempty"`
	Digest     string          `json:"digest"`
	Applied    time.Time       `json:"applied"`
	By         operation.Actor `json:"by"`
	Source     string          `json:"source"`
	Message    string          `json:"message,omitempty"`
	Restores   int64           `json:"restores,omitempty"`
	VMs        int             `json:"vms"`
	Incomplete bool            `json:"incomplete,omitempty"` // it was cut off before all of its VMs were wished for
}

// Generations are all that are kept.
type Generations struct {
	Items []Generation `json:"items"` // newest first
	Most  int          `json:"most"`  // as many are kept at most
}

// Rollback is the body of POST /v1/config/actions/rollback.
type Rollback struct {
	Generation int64 `json:"generation,omitempty" minimum:"0"` // whose content is to stand again; the one before the last when 0
}

// ConfigPlan is what an apply would do, thing by thing.
type ConfigPlan struct {
	Digest      string `json:"digest"`             // of the plan: an apply that names it is refused once another would follow
	Declaration string `json:"declaration"`        // the digest of what is declared
	Standing    int64  `json:"standing"`           // the generation that stands; 0 for none
	Generation  int64  `json:"generation"`         // the one that would stand then
	Restores    int64  `json:"restores,omitempty"` // of a rollback: the generation whose content it is
	Nothing     bool   `json:"nothing"`            // all is as it is declared: no generation is made
	Moved       bool   `json:"moved,omitempty"`    // the same declaration, elsewhere in its owner's files

	Pools     []PlannedPool        `json:"pools,omitempty"`
	Shares    []PlannedShare       `json:"shares,omitempty"`
	Keys      []PlannedKey         `json:"keys,omitempty"`
	Sources   []PlannedImageSource `json:"sources,omitempty"`
	VMs       []PlannedVM          `json:"vms"`
	Features  []PlannedFeature     `json:"features"`
	Untouched int                  `json:"untouched"` // VMs that are not the declaration's, and are left alone
}

// What becomes of a VM.
const (
	Created        = "created"
	Changed        = "changed"         // it does not run
	ChangedLive    = "changed live"    // it runs, and takes all of it at once
	PendingRestart = "pending restart" // it runs, and takes some of it at its next start only
	Stopped        = "stopped"         // it is declared no more; its disks are kept
	Kept           = "kept"            // the same of one that is off already
	Unchanged      = "unchanged"
)

// Removed is what becomes of a pool that is declared no more.
const Removed = "let go of"

// PlannedPool is what would become of one pool.
type PlannedPool struct {
	Name    string `json:"name"`
	Becomes string `json:"becomes"` // created, changed, let go of or unchanged
	Where   string `json:"where,omitempty"`
}

// PlannedVM is what would become of one VM.
type PlannedVM struct {
	Name    string          `json:"name"`
	Becomes string          `json:"becomes"`           // created, changed, changed live, pending restart, stopped, kept or unchanged
	Power   vm.Power        `json:"power,omitempty"`   // that it is switched to; absent where it is not switched
	Again   bool            `json:"again,omitempty"`   // it was declared before, taken out, and is declared again
	Changes []PlannedChange `json:"changes,omitempty"` //
	Volumes []string        `json:"volumes,omitempty"` // kept, of what is declared no more
	Makes   []string        `json:"makes,omitempty"`   // in words: volumes that are made with it, or grow
}

// PlannedChange is one change of a VM.
type PlannedChange struct {
	Path    string `json:"path"`              // "memory", "disks.data"
	Restart bool   `json:"restart,omitempty"` // it takes effect at the next start
	Why     string `json:"why,omitempty"`     // that is so
}

// PlannedFeature is a feature whose state would change.
type PlannedFeature struct {
	ID  string   `json:"id"`
	Was string   `json:"was"` // on | off | waiting | unavailable | refused
	Is  string   `json:"is"`  // then
	Why []string `json:"why,omitempty"`
	VMs []string `json:"vms,omitempty"` // that use it
}

// ConfigStatus is what runs, held against what is declared.
type ConfigStatus struct {
	Config             // without the declaration
	Complete bool      `json:"complete"`           // every VM of it was wished for
	Applying *Applying `json:"applying,omitempty"` // somebody is applying just now
	InStep   bool      `json:"inStep"`             // nothing differs
	VMs      int       `json:"vms"`                // that are declared
	Drift    []Drift   `json:"drift"`              // what differs
	Released []Left    `json:"released"`           // VMs that were declared once
	Manual   int       `json:"manual"`             // VMs made by hand
	Features []Awaited `json:"features"`           // that are declared and not on
}

// Applying is who has the turn to apply.
type Applying struct {
	By    operation.Actor `json:"by"`
	Since time.Time       `json:"since"`
}

// The kinds of drift.
const (
	DriftMissing = "missing" // it is declared, and is not there
	DriftForeign = "foreign" // one of its name is there, and is not the declaration's
	DriftLeft    = "left"    // it is declared no more, and was not let go yet
	DriftDiffers = "differs" // it is wished otherwise than it is declared
	DriftPending = "pending" // it runs with something older
	DriftPower   = "power"   // it is to be on and is not, or to be off and runs
)

// Drift is one thing that is not as it is declared.
type Drift struct {
	VM     string `json:"vm"`               // empty where it is of a key, or of an image source
	Key    string `json:"key,omitempty"`    // of a declared key
	Source string `json:"source,omitempty"` // of a declared image source
	Kind   string `json:"kind"`             // missing, foreign, left, differs, pending or power
	Path   string `json:"path,omitempty"`   // "memory"
	What   string `json:"what"`             // in a sentence
	Why    string `json:"why,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// Left is a VM that was declared once, with what it keeps.
type Left struct {
	Name    string   `json:"name"`
	State   vm.State `json:"state"`
	Volumes []string `json:"volumes,omitempty"`
}

// Awaited is a feature that is declared and not on.
type Awaited struct {
	ID    string   `json:"id"`
	State string   `json:"state"`
	Held  []string `json:"held,omitempty"` // what keeps it
}
