package guest

import (
	"bytes"
	"fmt"
)

// archive writes the cpio format "newc" that the kernel unpacks as its first root (kernel documentation,
// driver-api/early-userspace/buffer-format). Everything belongs to root and dates from 1970, so that the
// same input gives the same bytes.
type archive struct {
	out   bytes.Buffer
	inode int
}

// File types of st_mode, as in inode(7).
const (
	modeDir  = 0o040000
	modeFile = 0o100000
	modeLink = 0o120000
)

func (a *archive) dir(name string)                         { a.entry(name, modeDir|0o755, nil) }
func (a *archive) link(name, target string)                { a.entry(name, modeLink|0o777, []byte(target)) }
func (a *archive) file(name string, perm int, text []byte) { a.entry(name, modeFile|perm, text) }

func (a *archive) entry(name string, mode int, content []byte) {
	a.inode++
	a.header(name, a.inode, mode, len(content))
	a.out.Write(content)
	a.pad()
}

// header writes thirteen numbers of eight hex digits: inode, mode, uid, gid, links, mtime, size, device
// (major, minor), device node (major, minor), length of the name with its NUL, checksum (unused).
func (a *archive) header(name string, inode, mode, size int) {
	fmt.Fprintf(&a.out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name)+1, 0)
	a.out.WriteString(name)
	a.out.WriteByte(0)
	a.pad()
}

func (a *archive) pad() {
	for a.out.Len()%4 != 0 {
		a.out.WriteByte(0)
	}
}

// bytes ends the archive and returns it.
func (a *archive) bytes() []byte {
	a.header("TRAILER!!!", 0, 0, 0)
	return a.out.Bytes()
}
