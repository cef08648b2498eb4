//go:build linux

package confine

import "golang.org/x/sys/unix"

const ownArch = unix.AUDIT_ARCH_X86_64

// foreignNumbers: x32 calls have the same architecture and this bit.
const foreignNumbers = 0x40000000

// ownForbidden are calls that only this architecture has besides the newer ones that do the same.
var ownForbidden = []uint32{unix.SYS_MKNOD, unix.SYS_IOPL, unix.SYS_IOPERM}
