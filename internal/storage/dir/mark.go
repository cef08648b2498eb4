//go:build linux

package dir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
)

// mark is in the folder of every pool that somebody has named, with the pool's name. A folder that a disk is to be mounted on
// looks like a pool of which everything is gone, as long as the disk is away: it has no mark.
const mark = ".hv-pool"

const (
	maxMark    = 128
	maxEntries = 64 // looked at for one that only a pool has
)

// marked makes sure that a folder is the pool's, before anything is written into it. A fresh pool marks its folder; one of
// a build that knew no marks has its mark from now on, where something of a pool's is in it.
func marked(dir *os.File, name, path string, fresh bool) error {
	has, err := readMark(dir)
	switch {
	case err == nil && has == name:
		return nil
	case fresh:
		return writeMark(dir, name)
	case errors.Is(err, fs.ErrNotExist):
		if kept, err := keeps(dir); err != nil {
			return err
		} else if kept {
			return writeMark(dir, name)
		}
		return fault.New(fault.Unavailable, "%s is a folder and not the pool: what keeps the volumes is not mounted there", path).WithCode("HV-POOL-025").
			Try("mount it; where an empty folder is meant: echo %s | sudo -u hvd tee %s/%s", name, path, mark)
	case err != nil:
		return osfault.File(err, "cannot read %s in %s", mark, path)
	}
	return fault.New(fault.Conflict, "%s is the folder of pool %.64q: another disk is mounted there", path, has).WithCode("HV-POOL-025").
		Try("mount the disk of pool %s; where this is it: echo %s | sudo -u hvd tee %s/%s", name, name, path, mark)
}

func readMark(dir *os.File) (string, error) {
	fd, err := unix.Openat(int(dir.Fd()), mark, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: mark, Err: err}
	}
	f := os.NewFile(uintptr(fd), mark)
	text, err := io.ReadAll(io.LimitReader(f, maxMark))
	return strings.TrimSpace(string(text)), errors.Join(err, f.Close())
}

// writeMark writes the mark durably, in place of one that there is.
func writeMark(dir *os.File, name string) error {
	const next = mark + ".part" // swept with what else is half made
	fd, err := unix.Openat(int(dir.Fd()), next, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return osfault.File(&fs.PathError{Op: "open", Path: mark, Err: err}, "cannot mark the folder of pool %q", name)
	}
	f := os.NewFile(uintptr(fd), mark)
	_, err = f.WriteString(name + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = unix.Renameat(int(dir.Fd()), next, int(dir.Fd()), mark)
	}
	return osfault.File(errors.Join(err, dir.Sync()), "cannot mark the folder of pool %q", name)
}

// keeps reports whether something is in a folder that only a pool has there.
func keeps(dir *os.File) (bool, error) {
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, &fs.PathError{Op: "open", Path: dir.Name(), Err: err}
	}
	own := os.NewFile(uintptr(fd), dir.Name())
	defer func() { _ = own.Close() }() // read only
	names, err := own.Readdirnames(maxEntries)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	for _, name := range names {
		if _, note := cutNote(name); note || backend.CheckName(name) == nil {
			return true, nil
		}
	}
	return false, err
}
