package run

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// aloneWithin is how long another helper may keep us waiting: it holds the lock for two small files.
const aloneWithin = 5 * time.Second

// AloneOnHost waits until no other helper on this host holds the lock that they all share, and takes it. It is
// held while uids are looked for and written down. The file is root's and stays.
func (f *Folder) AloneOnHost() (release func(), err error) {
	path := filepath.Join(filepath.Dir(f.Path), "uids.lock")
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for until := time.Now().Add(aloneWithin); ; {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = lock.Close() }, nil // the kernel drops the lock
		}
		if errors.Is(err, unix.EWOULDBLOCK) && time.Now().Before(until) {
			time.Sleep(time.Millisecond)
			continue
		}
		err = fault.New(fault.Unavailable, "another hv-helper holds %s", path).Because(err).Try("see which: fuser %s", path)
		return nil, errors.Join(err, lock.Close())
	}
}
