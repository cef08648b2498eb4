package vm

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// Vsock is a way from guest to host without a network (AF_VSOCK). On the host the guest is its CID.
type Vsock struct {
	CID int `json:"cid,omitempty"` // no two VMs of a host have the same; made from the VM's UUID when absent
}

// The context identifiers that a guest may have: those below are the hypervisor's, the loopback's and the host's, the
// last is nobody's. Source: vsock(7).
const (
	MinCID = 3
	MaxCID = 1<<32 - 2
)

// CID returns the context identifier that a VM has when its owner gives none.
func CID(uuid string) int {
	sum := sha256.Sum256([]byte(uuid + "\x00vsock"))
	return MinCID + int(binary.BigEndian.Uint32(sum[:4])>>1)
}

// ContextID is the one that the VM has, as the key of who has it; empty where it has no vsock.
func (s Spec) ContextID() string {
	if s.Vsock == nil {
		return ""
	}
	return strconv.Itoa(cmp.Or(s.Vsock.CID, CID(s.UUID)))
}

func (c *check) vsock(s Spec) {
	if s.Vsock != nil && s.Vsock.CID != 0 && (s.Vsock.CID < MinCID || s.Vsock.CID > MaxCID) {
		c.say("vsock.cid", "leave it out and one is made", "%d is not between %d and %d", s.Vsock.CID, MinCID, MaxCID)
	}
}
