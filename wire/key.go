package wire

import (
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Key is one key that volumes are encrypted with. Its secret is nowhere in the API.
type Key struct {
	Kind     string           `json:"kind"` // key
	Metadata model.Metadata   `json:"metadata"`
	Spec     storage.KeySpec  `json:"spec"`              // with what stands for what it leaves out
	Sealed   string           `json:"sealed"`            // what seals it, in words
	State    storage.KeyState `json:"state"`             // unmade, locked, unlocked, rotating or lost
	Secret   int              `json:"secret,omitempty"`  // which one of its secrets opens everything; every rotation makes the next
	Problem  string           `json:"problem,omitempty"` // what keeps it from being used, or rotated
	Hint     string           `json:"hint,omitempty"`    // what to do about that
	Volumes  []string         `json:"volumes,omitempty"` // that are encrypted with it: "web-root"
}

// CreateKey is the body of POST /v1/keys.
type CreateKey struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	storage.KeySpec
	Passphrase string `json:"passphrase,omitempty"` // of kind passphrase
}

// UnlockKey is the body of an unlock.
type UnlockKey struct {
	Passphrase string `json:"passphrase,omitempty"` // of kind passphrase
}

// ResealKey is the body of a change of passphrase.
type ResealKey struct {
	Passphrase string `json:"passphrase"` // that opens it now
	New        string `json:"new"`
}

// PlannedKey is what would become of one key.
type PlannedKey struct {
	Name    string `json:"name"`
	Becomes string `json:"becomes"` // created, changed, kept (it is declared no more) or unchanged
	Sealed  string `json:"sealed"`
}
