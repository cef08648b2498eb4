package privilege

import "time"

// The verbs of the phase seal. A hardened host's helper refuses the verbs that would give it more than it had when
// it was sealed, whoever asks.
const (
	VerbPhase  Verb = "phase"  // Phase → SealState
	VerbHarden Verb = "harden" // Harden (+ a file of VMs) → SealState
	VerbUnlock Verb = "unlock" // Unlock → SealState: with the recovery key; it takes effect later, by unseal
	VerbRelock Verb = "relock" // Relock → SealState: an unlock is called off
	VerbUnseal Verb = "unseal" // Unseal → SealState: an unlock whose time has come takes effect
)

// Bounds of how long an unlock is held back.
const (
	MinUnlockDelay     = time.Minute
	DefaultUnlockDelay = 10 * time.Minute
	MaxUnlockDelay     = 7 * 24 * time.Hour
)

// DigestForm begins a digest.
const DigestForm = "sha256:"

// MaxSealed is how many VMs a host may have when it is hardened: as many as have uids.
const MaxSealed = 1 << 16

// Person is who asked hvd.
type Person struct {
	UID  uint32 `json:"uid"`
	Name string `json:"name,omitempty"`
}

// Phase is the body of phase.
type Phase struct{}

// Unseal is the body of unseal.
type Unseal struct{}

// Harden asks for the seal. Beside it travels a file with the UUIDs of all VMs that exist, one a line: others are
// not launched while the seal is there.
type Harden struct {
	By           Person `json:"by"`
	Generation   int64  `json:"generation"` // of the declaration that stands; 0: none was applied
	Digest       string `json:"digest"`     // of what it says: DigestForm and 64 hex digits
	KeyHash      string `json:"keyHash"`    // of the recovery key
	DelaySeconds int    `json:"delaySeconds"`
}

// Unlock is the body of unlock. The key is compared and not kept.
type Unlock struct {
	By  Person `json:"by"`
	Key string `json:"key"`
}

// String keeps the key out of logs and errors.
func (u Unlock) String() string { return "unlock (with a key)" }

// GoString does, too.
func (u Unlock) GoString() string { return u.String() }

// Relock is the body of relock.
type Relock struct {
	By Person `json:"by"`
}

// SealState is how the seal stands.
type SealState struct {
	Hardened bool       `json:"hardened"`
	Since    *time.Time `json:"since,omitempty"` // absent: it was never changed
	By       *Person    `json:"by,omitempty"`
	// Of a hardened host.
	Generation   int64    `json:"generation,omitempty"`
	Digest       string   `json:"digest,omitempty"`
	DelaySeconds int      `json:"delaySeconds,omitempty"`
	KeyID        string   `json:"keyID,omitempty"` // names the key, and tells nothing of it
	VMs          int      `json:"vms,omitempty"`   // how many were there
	Unlock       *Opening `json:"unlock,omitempty"`
	// Broken says why the seal cannot be read. Such a host counts as hardened.
	Broken string `json:"broken,omitempty"`
}

// Opening is an unlock that has not taken effect yet.
type Opening struct {
	By    Person    `json:"by"`
	Asked time.Time `json:"asked"`
	Due   time.Time `json:"due"`
	Ready bool      `json:"ready,omitempty"` // its time has come
}
