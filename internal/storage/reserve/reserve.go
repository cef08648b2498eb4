//go:build linux

// Package reserve keeps some room on the disk of the state folder, to be given up when that is full:
// without it nothing could be recorded any more, the very changes that make room included.
//
// What lives here: one file that takes room and holds nothing. What does not: which changes it is given
// up for (action).
package reserve

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Size is what is kept: some thousand records of the audit log, and as many transactions of the store.
const Size = 8 << 20

// plenty is how many times its size must be free for the reserve to be taken: it takes nothing that
// anybody else is short of.
const plenty = 4

// Reserve is the file.
type Reserve struct {
	path string
	size int64
	mu   sync.Mutex
}

// New returns the reserve of a file at path. It takes nothing before Take.
func New(path string, size int64) *Reserve { return &Reserve{path: path, size: size} }

// Take takes the room, unless it is taken already. It is no error that there is too little, or that the
// file system cannot promise room: then there is no reserve.
func (r *Reserve) Take() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return spare(err)
	}
	defer func() { _ = f.Close() }() // nothing is in it
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Blocks*512 >= r.size {
		return err
	}
	var disk unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &disk); err != nil {
		return err
	}
	if disk.Bavail*uint64(disk.Bsize) < uint64(plenty*r.size) { // #nosec G115 -- neither is negative
		return nil
	}
	return spare(unix.Fallocate(int(f.Fd()), 0, 0, r.size))
}

// spare makes the refusals that are none of an error nil.
func spare(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

// Give gives the room up, and reports whether there was any. The next Take takes it back.
func (r *Reserve) Give() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var st unix.Stat_t
	if err := unix.Lstat(r.path, &st); err != nil || st.Blocks == 0 {
		return false
	}
	return os.Truncate(r.path, 0) == nil
}

// Run takes the room, and takes it back after it was given up, until ctx ends. fail is told what keeps it
// from that.
func (r *Reserve) Run(ctx context.Context, every time.Duration, fail func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := r.Take(); err != nil {
			fail(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
