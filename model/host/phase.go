package host

import (
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// Phase is whether a host may be configured, as hv-helper's seal says.
type Phase struct {
	Name  string           `json:"phase"`           // setup | hardened
	Since *time.Time       `json:"since,omitempty"` // absent: it was never changed
	By    *operation.Actor `json:"by,omitempty"`

	Sealed      *Sealed `json:"sealed,omitempty"`      // of a hardened host
	KeyID       string  `json:"keyId,omitempty"`       // names the recovery key that leads out, and tells nothing of it
	UnlockDelay int     `json:"unlockDelay,omitempty"` // seconds that an unlock is held back
	Unlock      *Unlock `json:"unlock,omitempty"`      // one that has not taken effect yet
	Broken      string  `json:"broken,omitempty"`      // why the seal cannot be read; the host counts as hardened
}

// Sealed is what stood when the host was hardened.
type Sealed struct {
	Generation int64  `json:"generation"` // of the declaration; 0: none was applied
	Digest     string `json:"digest"`     // of what it says: sha256: and 64 hex digits
	VMs        int    `json:"vms"`
}

// Unlock is an unlock that waits.
type Unlock struct {
	By    operation.Actor `json:"by"`
	Asked time.Time       `json:"asked"`
	Due   time.Time       `json:"due"`
}
