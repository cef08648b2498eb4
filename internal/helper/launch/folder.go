package launch

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// FolderInJail is where a program finds the folder that it keeps files in.
const FolderInJail = "/run/state"

// Folder is one of the host's. It is opened anew in the shim's own mount namespace, where alone it can be bound: an
// open file of another namespace cannot, and one that the program itself had open would lead out of its jail by "..".
type Folder struct {
	Base  string `json:"base"` // root's, a path of the host's
	Name  string `json:"name"` // below it; no link is followed
	Dev   uint64 `json:"dev"`  // what was found there by who looked at it
	Inode uint64 `json:"inode"`

	ReadOnly bool `json:"readOnly,omitempty"`
	// Users is the descriptor of a user namespace by which those who own what is in it are seen as others are
	// (mount_setattr(2), MOUNT_ATTR_IDMAP). 0: they are seen as they are.
	Users int `json:"users,omitempty"`
}

// Open opens it.
func (f Folder) Open() (*os.File, error) {
	base, err := unix.Open(f.Base, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: f.Base, Err: err}
	}
	defer func() { _ = unix.Close(base) }() // a folder
	fd, err := unix.Openat2(base, f.Name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: f.Base + "/" + f.Name, Err: err}
	}
	return os.NewFile(uintptr(fd), f.Name), nil
}

// folder shows a folder of the host's in the jail, and nothing above it.
func (b *builder) folder(f Folder) {
	name := FolderInJail[1:]
	b.dir(name)
	b.do("bind "+f.Name, func() error {
		dir, err := f.Open()
		if err != nil {
			return err
		}
		defer func() { _ = dir.Close() }() // a folder
		var st unix.Stat_t
		if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
			return err
		}
		if st.Dev != f.Dev || st.Ino != f.Inode {
			return fmt.Errorf("%s has become another folder", f.Name)
		}
		if f.Users > 0 {
			return f.mapped(dir, b.in(name))
		}
		return unix.Mount(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()), b.in(name), "", unix.MS_BIND, "")
	})
	if f.Users > 0 {
		return
	}
	flags := uintptr(unix.MS_REMOUNT | unix.MS_BIND | inert)
	if f.ReadOnly {
		flags |= unix.MS_RDONLY
	}
	b.mount("", b.in(name), "", flags, "")
}

// mapped mounts a folder with other owners. A file system that cannot says EINVAL.
func (f Folder) mapped(dir *os.File, at string) error {
	tree, err := unix.OpenTree(int(dir.Fd()), "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(tree) }() // mounted by then, or gone with it
	attr := unix.MountAttr{
		Attr_set:  unix.MOUNT_ATTR_IDMAP | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC,
		Userns_fd: uint64(f.Users),
	}
	if f.ReadOnly {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		return err
	}
	return unix.MoveMount(tree, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH)
}
