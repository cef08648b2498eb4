package thin

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// node opens a device by a node of its own, which belongs to hvd: whoever gets the descriptor may open it anew by
// /proc/self/fd, as qemu-img does, and all of them meet at one inode, on which QEMU's image locks stand. udev's own node
// would be given back to root at the next event. The folder is root's alone: by path nobody reaches a node.
func (v *Volumes) node(name string, of volume, readOnly bool) (*os.File, error) {
	if of.major <= 0 || of.minor < 0 {
		return nil, fault.New(fault.Unavailable, "it is not active")
	}
	if err := os.Mkdir(v.devices, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	path, device := filepath.Join(v.devices, name), unix.Mkdev(uint32(of.major), uint32(of.minor))
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	switch {
	case err == nil && (st.Mode&unix.S_IFMT != unix.S_IFBLK || st.Rdev != device): // of a device that was another one
		if err = v.forget(name); err == nil {
			err = unix.ENOENT
		}
	case err == nil && int(st.Uid) != v.uid: // not given yet, or taken for a removal that was cut off
		err = v.give(name)
	}
	if errors.Is(err, unix.ENOENT) {
		err = unix.Mknod(path, unix.S_IFBLK|0o600, int(device))
		if err == nil {
			err = unix.Chown(path, v.uid, v.gid)
		}
	}
	if err != nil {
		return nil, err
	}
	flags := unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_RDWR
	if readOnly {
		flags = unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_RDONLY
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK || st.Rdev != device {
		return nil, errors.Join(fault.New(fault.Unavailable, "%s is another device", path), err, f.Close())
	}
	return f, nil
}

// take takes a node from hvd, before its device goes. A descriptor that only names a node (O_PATH) does not keep its device: hvd
// could open by one whatever has the number next, which may be anybody's.
func (v *Volumes) take(name string) error { return v.own(name, os.Geteuid(), os.Getegid()) }

// give gives it back, the same one: QEMU's locks stand on it.
func (v *Volumes) give(name string) error { return v.own(name, v.uid, v.gid) }

func (v *Volumes) own(name string, uid, gid int) error {
	if err := os.Lchown(filepath.Join(v.devices, name), uid, gid); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// forget takes the node of a volume away that is gone.
func (v *Volumes) forget(name string) error {
	if err := v.take(name); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(v.devices, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
