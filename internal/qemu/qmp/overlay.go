package qmp

import (
	"context"
	"slices"
)

// Overlay is a layer to which the guest is to write from some moment on.
type Overlay struct {
	Device string // "disk-root"
	Slot   int    // where it sits
	Layer  string // the new layer's ID
	Key    string // that it is encrypted with; empty for none
	IO     DiskIO // how the disk is read and written
}

// DiskIO is what model/vm calls so, for nodes that are made while a disk is in use.
type DiskIO struct{ Cache, AIO, Discard, DetectZeroes string }

// OverlayKeys are the keys of new layers, each once. Their secrets come as files, after those of the layers.
func OverlayKeys(all []Overlay) []string {
	var keys []string
	for _, o := range all {
		if o.Key != "" && !slices.Contains(keys, o.Key) {
			keys = append(keys, o.Key)
		}
	}
	return keys
}

// Pair is a node, and the one that is put on it.
type Pair struct {
	Node    string `json:"node"`
	Overlay string `json:"overlay"`
}

type pairAction struct {
	Type string `json:"type"`
	Data Pair   `json:"data"`
}

type pairActions struct {
	Actions []pairAction `json:"actions"`
}

var transaction = define[Object, none]("transaction")

// SnapshotAll puts an overlay on each node: on all of them at one moment, or on none. An overlay must have been added
// with nothing below it.
func SnapshotAll(ctx context.Context, on Executor, pairs []Pair) error {
	var all pairActions
	for _, p := range pairs {
		all.Actions = append(all.Actions, pairAction{"blockdev-snapshot", p})
	}
	return transaction.run(ctx, on, all)
}
