package wire

import "github.com/hyper-nixos/hyper-nixos/model/storage"

// Keyslots are what a volume opens with.
type Keyslots struct {
	Items []storage.Keyslot `json:"items"`
}

// AddKeyslot is the body of POST …/keyslots.
type AddKeyslot struct {
	Passphrase string `json:"passphrase"`     // a recovery passphrase
	Slot       *int   `json:"slot,omitempty"` // the last one that is free when absent; a passphrase that is in it is completed
}

// RecoverVolume is the body of a recovery.
type RecoverVolume struct {
	Passphrase string `json:"passphrase"` // that opens the volume
}
