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
	if follow {
		f, err := l.follow(uuid, log, tail)
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f, from, end, err := l.open(uuid, log, tail)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, from, end-from), f}, nil
}

// follow returns a log's last tail bytes and what is appended from then on.
func (l *Logs) follow(uuid, log string, tail int) (*follower, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	file, at, _, err := l.open(uuid, log, tail)
	if err != nil {
		return nil, err
	}
	notify, err := written(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	f := &follower{logs: l, name: logName(uuid, log), file: file, notify: notify, at: at}
	if l.followers[f.name] == nil {
		l.followers[f.name] = map[*follower]bool{}
	}
	l.followers[f.name][f] = true
	return f, nil
}

// open opens a log, and says where its last tail bytes begin and where it ends. l.mu is held: a cut in
// between would move what is measured here.
func (l *Logs) open(uuid, log string, tail int) (f *os.File, from, end int64, err error) {
	if err := check(uuid, log); err != nil {
		return nil, 0, 0, err
	}
	f, err = l.root.Open(logName(uuid, log))
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, 0, fault.New(fault.NotFound, "there is no %s log yet", log).Try("it begins with the first start")
	}
	if err != nil {
		return nil, 0, 0, fault.New(fault.Unavailable, "cannot open the %s log", log).Because(err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, 0, errors.Join(fault.New(fault.Unavailable, "cannot read the %s log", log).Because(err), f.Close())
	}
	if tail >= 0 {
		from = max(info.Size()-int64(tail), 0)
	}
	return f, from, info.Size(), nil
}

// written returns a file (inotify) in which something can be read whenever f was written to.
func written(f *os.File) (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fault.New(fault.Exhausted, "cannot follow one file more").Because(err).Try("raise fs.inotify.max_user_instances")
	}
	notify := os.NewFile(uintptr(fd), "inotify")
	raw, err := f.SyscallConn()
	if err == nil {
		var inner error
		err = raw.Control(func(target uintptr) {
			_, inner = unix.InotifyAddWatch(fd, fmt.Sprintf("/proc/self/fd/%d", target), unix.IN_MODIFY)
		})
		err = errors.Join(err, inner)
	}
	if err != nil {
		return nil, errors.Join(fault.New(fault.Exhausted, "cannot follow the log").Because(err), notify.Close())
	}
	return notify, nil
}

// follower reads a file that grows: at its end it waits for the kernel to say that it was written.
type follower struct {
	logs   *Logs
	name   string // of the log
	file   *os.File
	notify *os.File // closed when nothing more comes

	mu   sync.Mutex
	at   int64 // how far it was read; a cut moves it
	last bool  // nothing more comes: read to the end and stop
}

// Read reads what there is, and waits where there is nothing yet. It is for one goroutine.
func (f *follower) Read(p []byte) (int, error) {
	var events [4096]byte
	for {
		if n, err := f.take(p); n > 0 || err != nil {
			return n, err
		}
		if _, err := f.notify.Read(events[:]); err != nil && !errors.Is(err, os.ErrClosed) {
			return 0, err
		}
	}
}

// take reads what there is: nothing, without an error, where something may still come.
func (f *follower) take(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.file.ReadAt(p, f.at)
	f.at += int64(n)
	switch {
	case n > 0:
		return n, nil
	case errors.Is(err, os.ErrClosed), errors.Is(err, io.EOF) && f.last:
		return 0, io.EOF
	case errors.Is(err, io.EOF):
		return 0, nil
	}
	return 0, err
}

// finish lets the reader come to the end of what there is.
func (f *follower) finish() {
	f.mu.Lock()
	f.last = true
	f.mu.Unlock()
	_ = f.notify.Close() // or somebody was quicker
}

// Close ends the following; a Read that waits returns io.EOF.
func (f *follower) Close() error {
	f.logs.forget(f)
	f.finish()
	if err := f.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil // it was closed before
}
