// Package upkeep holds the words for looking after a host's store: what a check of it found, which snapshots
// there are, what putting one back loses.
//
// What does not live here: how it is found out and done (internal/store/local), and how it is told (cli).
package upkeep

import (
	"time"
)

// Condition is how a store is.
type Condition string

// The conditions.
const (
	Whole       Condition = "whole"
	Damaged     Condition = "damaged"
	Newer       Condition = "newer"       // a newer version of the program wrote it
	Missing     Condition = "missing"     // there is none
	Interrupted Condition = "interrupted" // putting a snapshot back was cut off
)

// Check is what was found out about a store.
type Check struct {
	Path      string    `json:"path"`
	Condition Condition `json:"condition"`
	Problems  []string  `json:"problems,omitempty"` // at most MaxProblems
	Hint      string    `json:"hint,omitempty"`     // what helps
	Schema    int64     `json:"schema,omitempty"`
	Known     int64     `json:"known"` // the newest schema that this program reads
	Revision  int64     `json:"revision,omitempty"`
	Keys      int64     `json:"keys,omitempty"`
	Bytes     int64     `json:"bytes"` // of the file and its write-ahead log
	InUse     string    `json:"inUse,omitempty"`
	Snapshots int       `json:"snapshots"`        // that are whole
	Newest    *Snapshot `json:"newest,omitempty"` // of those
	Spoilt    []string  `json:"spoilt,omitempty"` // snapshots that are damaged
}

// MaxProblems is how many problems a check tells.
const MaxProblems = 20

// Snapshot is one copy of the store.
type Snapshot struct {
	Name     string    `json:"name"`
	Time     time.Time `json:"time"`
	Reason   string    `json:"reason"`
	Schema   int64     `json:"schema"`
	Revision int64     `json:"revision"`
	Keys     int64     `json:"keys"`
	Bytes    int64     `json:"bytes"`
	Problem  string    `json:"problem,omitempty"` // it is damaged
}

// Restore is what putting a snapshot back means, or meant.
type Restore struct {
	Snapshot Snapshot `json:"snapshot"`
	// What is there now, as far as it can be read.
	Readable bool   `json:"readable"`
	Problem  string `json:"problem,omitempty"` // why it cannot be read, or not all of it
	Revision int64  `json:"revision,omitempty"`
	// Objects that are not the same in both, at most MaxChanges, and how many there are.
	Changes []Change `json:"changes,omitempty"`
	More    int      `json:"more,omitempty"`
	Aside   string   `json:"aside,omitempty"` // where what was there is kept; once it is done
	Done    bool     `json:"done"`
}

// MaxChanges is how many changes a Restore lists.
const MaxChanges = 100

// Change is one object that is not the same in the snapshot and in the store.
type Change struct {
	Kind    string `json:"kind"` // vm, volume, boot-file, config, operation
	Project string `json:"project,omitempty"`
	Name    string `json:"name"`
	What    Fate   `json:"what"`
}

// Fate is what becomes of an object.
type Fate string

// The fates.
const (
	Lost  Fate = "lost"        // it was made later: it is in the store and not in the snapshot
	Older Fate = "older"       // it becomes what it was
	Again Fate = "there again" // it was deleted later
)

// Forgotten is what forgetting the secrets that nothing opens means, or meant.
type Forgotten struct {
	Of []string `json:"of"` // the objects that held one, such as "vm web"
}
