package qmp

import (
	"context"
	"encoding/json"
	"strconv"
)

// Room is how much memory a guest is to have beside its board's, and how much of all it is to leave to the host.
type Room struct {
	Device  string `json:"device,omitempty"`  // of virtio-mem; empty: it has none
	More    int64  `json:"more,omitempty"`    // bytes that it is to plug in
	Balloon int64  `json:"balloon,omitempty"` // bytes that the guest keeps; 0: it has no balloon
}

// HotpluggableCPU is a place for a vCPU.
type HotpluggableCPU struct {
	Type  string          `json:"type"`
	Props json.RawMessage `json:"props"`              // numbers by what the board calls its levels; a vCPU in it has the same
	Path  string          `json:"qom-path,omitempty"` // of the vCPU in it; empty: it is free
}

type qomSetArgs struct {
	Path     string          `json:"path"`
	Property string          `json:"property"`
	Value    json.RawMessage `json:"value"`
}

type balloonArgs struct {
	Value int64 `json:"value"` // bytes
}

var (
	qomSet                = define[qomSetArgs, none]("qom-set")
	balloon               = define[balloonArgs, none]("balloon")
	queryHotpluggableCPUs = define[none, []HotpluggableCPU]("query-hotpluggable-cpus")
)

// QOMSet sets a number that is a property of an object.
func QOMSet(ctx context.Context, on Executor, path, property string, value int64) error {
	return qomSet.run(ctx, on, qomSetArgs{path, property, strconv.AppendInt(nil, value, 10)})
}

// Balloon asks the guest to keep so much memory. It gives what it can, as fast as it can.
func Balloon(ctx context.Context, on Executor, keep int64) error {
	return balloon.run(ctx, on, balloonArgs{keep})
}

// QueryHotpluggableCPUs lists the places for vCPUs, taken and free.
func QueryHotpluggableCPUs(ctx context.Context, on Executor) ([]HotpluggableCPU, error) {
	return queryHotpluggableCPUs.do(ctx, on, none{})
}
