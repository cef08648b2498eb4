package wire

import (
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Share is one folder of the host's that VMs may mount.
type Share struct {
	Kind     string            `json:"kind"` // share
	Metadata model.Metadata    `json:"metadata"`
	Spec     storage.ShareSpec `json:"spec"`
	UsedBy   []string          `json:"usedBy,omitempty"` // "default/web": the VMs whose specs name it
}

// CreateShare is the body of POST /v1/shares.
type CreateShare struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	storage.ShareSpec
}

// PlannedShare is what would become of one share.
type PlannedShare struct {
	Name    string `json:"name"`
	Becomes string `json:"becomes"` // created, changed, let go of or unchanged
	Path    string `json:"path,omitempty"`
}
