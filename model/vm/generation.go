package vm

import (
	"crypto/sha256"
	"encoding/hex"
)

// GenerationID returns what a VM's guest is told of which copy of itself it is, where its owner says nothing: a UUID
// of version 8 (RFC 9562) made of the VM's, so that it stays the same for ever and a clone has another.
func GenerationID(uuid string) string {
	sum := sha256.Sum256([]byte(uuid + "\x00generation"))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
