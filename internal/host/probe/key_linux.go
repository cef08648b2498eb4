package probe

import (
	"fmt"
	"io/fs"
	"syscall"
)

// keyOf identifies the content of a file without reading it: an upgrade makes another file, and with that another
// key. A package manager may keep size and time, but not the inode as well.
func keyOf(path string, info fs.FileInfo) string {
	var device, inode uint64
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		device, inode = s.Dev, s.Ino
	}
	return fmt.Sprintf("%s:%d:%d:%d:%d", path, device, inode, info.Size(), info.ModTime().UnixNano())
}
