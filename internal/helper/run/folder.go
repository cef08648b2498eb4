// Package run keeps hv-helper's run folder: the sockets of VMs that run, and a record of each, so that
// the next helper knows what this one has started.
//
// What lives here: folders, sockets and records as files, with their owners and modes. What does not:
// what a record means for a process (package helper).
//
// Every folder in it is root's and only root may write to it, so that no path in it can be turned into
// another one; opening follows no link all the same.
package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Owners are who the files belong to.
type Owners struct {
	Root     int // 0; in tests, whoever runs them
	HVD      int
	HVDGroup int
	APIGroup int // may connect to the API
}

// Folder is <base>/<8 hex>.
type Folder struct {
	Path   string
	owners Owners
	lock   *os.File
}

// ErrLocked says that another helper serves this folder.
var ErrLocked = errors.New("another hv-helper serves this state folder")

// Open makes the run folder where it is missing and takes its lock: ErrLocked where that is taken.
func Open(path string, o Owners) (*Folder, error) {
	f := &Folder{Path: path, owners: o}
	for _, d := range []struct {
		path  string
		group int
		mode  fs.FileMode
	}{
		{filepath.Dir(path), o.Root, 0o755},
		{path, o.Root, 0o755}, // members of the API's group reach its socket
		{f.in("vm"), o.HVDGroup, 0o750},
		{f.JailMount(), o.Root, 0o700},
	} {
		if err := o.folder(d.path, d.group, d.mode); err != nil {
			return nil, err
		}
	}
	lock, err := os.OpenFile(f.in("lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, errors.Join(err, lock.Close())
	}
	f.lock = lock
	return f, nil
}

// folder makes a folder of root's, or makes sure that what is there is one that only root may change.
func (o Owners) folder(path string, group int, mode fs.FileMode) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", path)
	}
	if err := os.Lchown(path, o.Root, group); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// Close gives the lock back.
func (f *Folder) Close() { _ = f.lock.Close() } // the kernel drops the lock

func (f *Folder) in(names ...string) string {
	return filepath.Join(append([]string{f.Path}, names...)...)
}

// JailMount is the empty folder on which each shim builds its jail, in its own mount namespace.
func (f *Folder) JailMount() string { return f.in("jail") }

// VM is the folder of one VM's sockets and record.
func (f *Folder) VM(uuid string) string { return f.in("vm", uuid) }

// MakeVM makes a VM's folder. hvd may enter it, and change nothing.
func (f *Folder) MakeVM(uuid string) error {
	return f.owners.folder(f.VM(uuid), f.owners.HVDGroup, 0o750)
}

// RemoveVM removes a VM's folder and what is in it. No folder is no error.
func (f *Folder) RemoveVM(uuid string) error { return os.RemoveAll(f.VM(uuid)) }

// VMs returns the UUIDs that have a folder, sorted.
func (f *Folder) VMs() ([]string, error) {
	entries, err := os.ReadDir(f.in("vm"))
	out := make([]string, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Name())
	}
	slices.Sort(out)
	return out, err
}

// Log opens a file in a VM's folder for a program to append to.
func (f *Folder) Log(uuid, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(f.VM(uuid), name),
		os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
}

// ReadLog returns at most the last 4 KiB of such a file; nothing where there is none.
func (f *Folder) ReadLog(uuid, name string) string {
	file, err := os.OpenFile(filepath.Join(f.VM(uuid), name), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }() // read only
	const most = 4096
	info, err := file.Stat()
	if err != nil {
		return ""
	}
	buf := make([]byte, min(info.Size(), most))
	n, _ := file.ReadAt(buf, max(info.Size()-most, 0))
	return string(buf[:n])
}
