//go:build linux

package console

import (
	"context"
	"errors"
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
	f, err := l.root.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no %s log yet", log).Try("it begins with the first start")
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot open the %s log", log).Because(err)
	}
	if tail >= 0 {
		if info, err := f.Stat(); err == nil && info.Size() > int64(tail) {
			if _, err := f.Seek(-int64(tail), io.SeekEnd); err != nil {
				return nil, errors.Join(fault.New(fault.Unavailable, "cannot read the %s log", log).Because(err), f.Close())
			}
		}
	}
	if !follow {
		return f, nil
	}
	fl, err := newFollower(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return fl, nil
}

// follower reads a file that grows: at its end it waits for the kernel to say that it was written.
type follower struct {
	file   *os.File
	notify *os.File // inotify

	ctx    context.Context
	cancel context.CancelFunc
	once   sync.Once
	last   bool // nothing more comes: read to the end and stop
	mu     sync.Mutex
}

func newFollower(f *os.File) (*follower, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fault.New(fault.Exhausted, "cannot follow one file more").Because(err).Try("raise fs.inotify.max_user_instances")
	}
	fl := &follower{file: f, notify: os.NewFile(uintptr(fd), "inotify")}
	raw, err := f.SyscallConn()
	if err == nil {
		err = raw.Control(func(target uintptr) {
			_, err = unix.InotifyAddWatch(fd, procPath(target), unix.IN_MODIFY)
		})
	}
	if err != nil {
		return nil, errors.Join(fault.New(fault.Exhausted, "cannot follow the log").Because(err), fl.notify.Close())
	}
	fl.ctx, fl.cancel = context.WithCancel(context.Background())
	return fl, nil
}

// Read reads what there is, and waits where there is nothing yet.
func (f *follower) Read(p []byte) (int, error) {
	var events [4096]byte
	for {
		n, err := f.file.Read(p)
		if n > 0 || err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		f.mu.Lock()
		last := f.last
		f.mu.Unlock()
		if last || f.ctx.Err() != nil {
			return 0, io.EOF
		}
		if f.wasCut() {
			continue
		}
		if _, err := f.notify.Read(events[:]); err != nil {
			f.mu.Lock()
			last := f.last
			f.mu.Unlock()
			if last {
				continue // the rest, and then the end
			}
			return 0, io.EOF
		}
	}
}

// wasCut goes back to the beginning of a file that has become shorter than where we are.
func (f *follower) wasCut() bool {
	info, err := f.file.Stat()
	if err != nil {
		return false
	}
	at, err := f.file.Seek(0, io.SeekCurrent)
	if err != nil || info.Size() >= at {
		return false
	}
	_, err = f.file.Seek(0, io.SeekStart)
	return err == nil
}

// finish lets the reader come to the end of what there is.
func (f *follower) finish() {
	f.mu.Lock()
	f.last = true
	f.mu.Unlock()
	_ = f.notify.Close()
}

// Close ends the following; a Read that waits returns io.EOF.
func (f *follower) Close() error {
	var err error
	f.once.Do(func() {
		f.cancel()
		_ = f.notify.Close() // closed already by finish
		err = f.file.Close()
	})
	return err
}
