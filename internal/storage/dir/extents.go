//go:build linux

package dir

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// Source: Documentation/filesystems/fiemap.rst and include/uapi/linux/fiemap.h of Linux.
const (
	fsIocFiemap  = 0xc020660b // _IOWR('f', 11, struct fiemap)
	fiemapSync   = 1 << 0
	extentLast   = 1 << 0
	extentShared = 1 << 13

	extentsAtOnce = 128
	mostExtents   = 1 << 16 // more are not counted: it would take longer than an answer may
)

type fiemapExtent struct {
	Logical, Physical, Length uint64
	_                         [2]uint64
	Flags                     uint32
	_                         [3]uint32
}

type fiemap struct {
	Start, Length           uint64
	Flags, Mapped, Count, _ uint32
	Extents                 [extentsAtOnce]fiemapExtent
}

// sharedBytes is how much of a file other files share; false where the file system does not tell.
func sharedBytes(f *os.File) (model.Bytes, bool) {
	var shared, at uint64
	for seen := 0; seen < mostExtents; {
		m := fiemap{Start: at, Length: ^uint64(0) - at, Flags: fiemapSync, Count: extentsAtOnce}
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), fsIocFiemap, uintptr(unsafe.Pointer(&m))) // #nosec G103 -- the kernel fills a struct of ours
		if errno != 0 {
			return 0, false
		}
		if m.Mapped == 0 {
			return model.Bytes(shared), true
		}
		for _, e := range m.Extents[:min(m.Mapped, extentsAtOnce)] {
			if e.Flags&extentShared != 0 {
				shared += e.Length
			}
			if e.Flags&extentLast != 0 {
				return model.Bytes(shared), true
			}
			at = e.Logical + e.Length
			seen++
		}
	}
	return 0, false
}
