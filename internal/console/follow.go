//go:build linux

package console

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Read returns a log's last tail bytes (all of it when negative) and, with follow, what is appended
// from then on, until it is closed.
func (l *Logs) Read(uuid, log string, follow bool, tail int) (io.ReadCloser, error) {
	name, err := l.file(uuid, log)
	if err != nil {
		return nil, err
	}
	// A cut in between would move what we are about to measure.
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := l.root.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no %s log yet", log).Try("it begins with the first start")
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot open the %s log", log).Because(err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fault.New(fault.Unavailable, "cannot read the %s log", log).Because(err), f.Close())
	}
	from := int64(0)
	if tail >= 0 {
		from = max(info.Size()-int64(tail), 0)
	}
	if !follow {
		return struct {
			io.Reader
			io.Closer
		}{io.NewSectionReader(f, from, info.Size()-from), f}, nil
	}
	fl, err := newFollower(f, from)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	fl.logs = l
	if l.followers[name] == nil {
		l.followers[name] = map[*follower]bool{}
	}
	l.followers[name][fl] = true
	fl.name = name
	return fl, nil
}

// follower reads a file that grows: at its end it waits for the kernel to say that it was written.
type follower struct {
	logs   *Logs
	name   string // of the log
	file   *os.File
	notify *os.File // inotify
	once   sync.Once

	mu     sync.Mutex
	at     int64 // how far it was read; a cut moves it
	last   bool  // nothing more comes: read to the end and stop
	closed bool
}

func newFollower(f *os.File, at int64) (*follower, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fault.New(fault.Exhausted, "cannot follow one file more").Because(err).Try("raise fs.inotify.max_user_instances")
	}
	fl := &follower{file: f, at: at, notify: os.NewFile(uintptr(fd), "inotify")}
	raw, err := f.SyscallConn()
	if err == nil {
		var inner error
		err = raw.Control(func(target uintptr) {
			_, inner = unix.InotifyAddWatch(fd, fmt.Sprintf("/proc/self/fd/%d", target), unix.IN_MODIFY)
		})
		err = errors.Join(err, inner)
	}
	if err != nil {
		return nil, errors.Join(fault.New(fault.Exhausted, "cannot follow the log").Because(err), fl.notify.Close())
	}
	return fl, nil
}

// Read reads what there is, and waits where there is nothing yet. It is for one goroutine.
func (f *follower) Read(p []byte) (int, error) {
	var events [4096]byte
	for {
		n, over, err := f.take(p)
		if n > 0 || over || err != nil {
			return n, err
		}
		if _, err := f.notify.Read(events[:]); err != nil && !errors.Is(err, os.ErrClosed) {
			return 0, err
		}
	}
}

// take reads what there is; over says that nothing more comes.
func (f *follower) take(p []byte) (n int, over bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, true, io.EOF
	}
	n, err = f.file.ReadAt(p, f.at)
	f.at += int64(n)
	switch {
	case n > 0:
		return n, false, nil
	case err != nil && !errors.Is(err, io.EOF):
		return 0, true, err
	case f.last:
		return 0, true, io.EOF
	}
	return 0, false, nil
}

// finish lets the reader come to the end of what there is.
func (f *follower) finish() {
	f.mu.Lock()
	f.last = true
	f.mu.Unlock()
	_ = f.notify.Close() // or Close was quicker
}

// Close ends the following; a Read that waits returns io.EOF.
func (f *follower) Close() error {
	var err error
	f.once.Do(func() {
		f.logs.forget(f)
		f.mu.Lock()
		f.closed = true
		f.mu.Unlock()
		_ = f.notify.Close() // or finish was quicker
		err = f.file.Close()
	})
	return err
}
