package storage

// MaxKeyslots is how many secrets open one layer.
const MaxKeyslots = 8

// SlotKind says what opens a keyslot.
type SlotKind string

// What opens keyslots.
const (
	KeySlot        SlotKind = "key"        // the volume's key, now
	PassphraseSlot SlotKind = "passphrase" // a recovery passphrase
	OtherSlot      SlotKind = "other"      // another secret: of a key that was lost or turned, or of one that is locked now
)

// Keyslot is a place in the headers of a volume's layers for a secret that opens them.
type Keyslot struct {
	Slot   int      `json:"slot"`
	Kind   SlotKind `json:"kind"`
	Key    string   `json:"key,omitempty"` // of kind key
	Layers int      `json:"layers"`        // that have it
	Of     int      `json:"of"`            // layers that are encrypted
}
