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
		return unix.Mount(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()), b.in(name), "", unix.MS_BIND, "")
	})
	b.mount("", b.in(name), "", unix.MS_REMOUNT|unix.MS_BIND|inert, "")
}
