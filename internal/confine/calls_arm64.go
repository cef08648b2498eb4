//go:build linux

package confine

import "golang.org/x/sys/unix"

const ownArch = unix.AUDIT_ARCH_AARCH64

// foreignNumbers: there is one ABI only.
const foreignNumbers = 0

// ownForbidden: it has none of the older calls.
var ownForbidden []uint32
