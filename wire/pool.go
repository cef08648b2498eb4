package wire

import (
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Pool is one pool.
type Pool struct {
	Kind     string               `json:"kind"` // pool
	Metadata model.Metadata       `json:"metadata"`
	Spec     storage.PoolSpec     `json:"spec"`              // with what stands for what it leaves out
	Where    string               `json:"where,omitempty"`   // its folder, or volume group and thin pool; absent: a folder of the daemon's own
	Open     bool                 `json:"open"`              // its volumes can be reached
	Problem  string               `json:"problem,omitempty"` // what keeps it from being open
	Can      storage.Capabilities `json:"can"`               //
	Usage    PoolUsage            `json:"usage"`             //
	Users    []PoolUser           `json:"users,omitempty"`   // those that take the most first; of one pool, not in lists
	Findings finding.List         `json:"findings,omitempty"`
}

// PoolUsage is how full a pool is. What is unknown is absent.
type PoolUsage struct {
	Size        model.Bytes `json:"size,omitempty"`      // of what is below it: others may use the same
	Used        model.Bytes `json:"used,omitempty"`      //
	Available   model.Bytes `json:"available,omitempty"` //
	UsedPercent int         `json:"usedPercent"`         // the fuller of its data and, where it has any, its metadata
	// MetadataPercent is how full the room is in which a thin pool keeps who has what; absent where there is none.
	MetadataPercent int         `json:"metadataPercent,omitempty"`
	Provisioned     model.Bytes `json:"provisioned"`      // what its volumes would take if all were full
	Volumes         int         `json:"volumes"`          //
	Shared          model.Bytes `json:"shared,omitempty"` // taken by layers that several volumes stand on; of one pool, not in lists
}

// PoolUser is one volume of a pool, with what it takes.
type PoolUser struct {
	Volume  string        `json:"volume"`
	Project string        `json:"project"`
	UsedBy  string        `json:"usedBy,omitempty"` // "vm/web"
	Usage   storage.Usage `json:"usage"`            // of what it has alone: what several stand on is the pool's shared
}

// CreatePool is the body of POST /v1/pools.
type CreatePool struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	storage.PoolSpec
}
