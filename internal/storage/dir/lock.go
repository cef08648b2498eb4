//go:build linux

package dir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// user is in the folder of every pool that somebody has named, and says which daemon uses it.
const user = ".hv-user"

const maxUser = 256

// locked keeps other daemons out of a folder until what it returns is closed: a second one would sweep away what the first is
// making, and write to the same volumes. It is the folder that is locked, so nothing is written into one that is no pool.
// Where the file system has no locks there is nothing to hold, and no error.
func locked(dir *os.File, path string) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	held := os.NewFile(uintptr(fd), path)
	err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return held, nil
	}
	_ = held.Close() // read only
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return nil, nil //nolint:nilnil // see above
	}
	return nil, fault.New(fault.Conflict, "%s is used by another daemon: %s", path, usedBy(dir)).WithCode("HV-POOL-026").
		Try("end that one, or take the pool from it (hv pool delete, there): it is tried again by itself")
}

func usedBy(dir *os.File) string {
	fd, err := unix.Openat(int(dir.Fd()), user, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return "it has not said which"
	}
	f := os.NewFile(uintptr(fd), user)
	defer func() { _ = f.Close() }()                 // read only
	who, _ := io.ReadAll(io.LimitReader(f, maxUser)) // of use to a person only
	return fmt.Sprintf("%q", strings.TrimSpace(string(who)))
}

// sayWho writes into a folder that is locked who uses it, for a person: the pool is open also where it is full.
func sayWho(dir *os.File) {
	fd, err := unix.Openat(int(dir.Fd()), user, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return
	}
	f := os.NewFile(uintptr(fd), user)
	name, _ := os.Hostname()
	_, _ = fmt.Fprintf(f, "pid %d on %s\n", os.Getpid(), name)
	_ = f.Close()
}
