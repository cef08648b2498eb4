//go:build linux

package console

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Read returns the part of a log that is asked for, and with Follow what is appended from then on, until it is closed.
func (l *Logs) Read(uuid, log string, part vm.LogPart) (io.ReadCloser, error) {
	f, err := l.read(uuid, log, part)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// read opens a log and notes who reads it: a cut must not take away what he is about to read.
func (l *Logs) read(uuid, log string, part vm.LogPart) (*follower, error) {
	if err := check(uuid, log); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	name := logName(uuid, log)
	file, err := l.root.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, none(log)
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot open the %s log", log).Because(err)
	}
	f := &follower{logs: l, name: name, file: file, end: -1}
	at, end, note, err := start(file, part)
	f.at, f.note = at, note
	if err == nil && part.Follow {
		f.notify, err = written(file)
	} else {
		f.end = end
	}
	if err != nil {
		return nil, errors.Join(fault.Wrap(err, "cannot read the %s log", log), file.Close())
	}
	if l.followers[name] == nil {
		l.followers[name] = map[*follower]bool{}
	}
	l.followers[name][f] = true
	return f, nil
}

func none(log string) error {
	err := fault.New(fault.NotFound, "there is no %s log yet", log)
	if strings.HasSuffix(log, previous) {
		return err.Try("there has been one run, or none")
	}
	return err.Try("it begins with the first start")
}

// start is where a part begins, where the log ends, and what is said first where a cut took away what was asked for.
func start(f *os.File, part vm.LogPart) (at, end int64, note string, err error) {
	first, err := begin(f)
	if err != nil {
		return 0, 0, "", err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, 0, "", err
	}
	at = first
	switch {
	case part.Lines >= 0:
		at, err = lastLines(f, first, info.Size(), part.Lines)
	case part.Tail >= 0:
		at = max(info.Size()-int64(part.Tail), first)
	}
	if at == first && first > 0 {
		note = cutNote
	}
	return at, info.Size(), note, err
}

// lastLines is where the last n lines between two places of a file begin. What follows the last newline is a line.
func lastLines(f io.ReaderAt, from, to int64, n int) (int64, error) {
	if n == 0 {
		return to, nil
	}
	buf := make([]byte, 64<<10)
	end := to
	for to > from {
		size := min(to-from, int64(len(buf)))
		part := buf[:size]
		if _, err := f.ReadAt(part, to-size); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for i := size - 1; i >= 0; i-- {
			at := to - size + i
			if part[i] != '\n' || at == end-1 { // the last one ends the last line
				continue
			}
			if n--; n == 0 {
				return at + 1, nil
			}
		}
		to -= size
	}
	return from, nil
}

// written returns a file (inotify) in which something can be read whenever f was written to.
func written(f *os.File) (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fault.New(fault.Exhausted, "cannot follow one file more").Because(err).Try("raise fs.inotify.max_user_instances")
	}
	notify := os.NewFile(uintptr(fd), "inotify")
	if _, err := watch(notify, f, unix.IN_MODIFY); err != nil {
		return nil, errors.Join(fault.New(fault.Exhausted, "cannot follow the log").Because(err), notify.Close())
	}
	return notify, nil
}

// follower reads a file that grows: at its end it waits for the kernel to say that it was written.
type follower struct {
	logs   *Logs
	name   string   // of the log
	notify *os.File // closed when nothing more comes; nil for who does not follow

	mu   sync.Mutex
	file *os.File
	then []*os.File // the logs of the runs that have begun since
	at   int64      // how far it was read; a cut moves it
	end  int64      // nothing from there on is read; negative where there is no end
	note string     // is read first
	last bool       // nothing more comes: read to the end and stop
}

// Read reads what there is, and waits where there is nothing yet. It is for one goroutine.
func (f *follower) Read(p []byte) (int, error) {
	var events [4096]byte
	for {
		if n, err := f.take(p); n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		_, err := f.notify.Read(events[:])
		if errors.Is(err, os.ErrDeadlineExceeded) { // somebody interjects
			err = f.notify.SetReadDeadline(time.Time{})
		}
		if err != nil && !errors.Is(err, os.ErrClosed) {
			return 0, err
		}
	}
}

// take reads what there is: nothing, without an error, where something may still come.
func (f *follower) take(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.note != "" {
		n := copy(p, f.note)
		f.note = f.note[n:]
		return n, nil
	}
	if f.end >= 0 {
		if f.at >= f.end {
			return 0, io.EOF
		}
		p = p[:min(int64(len(p)), f.end-f.at)]
	}
	for {
		n, err := f.file.ReadAt(p, f.at)
		f.at += int64(n)
		switch {
		case n > 0:
			return n, nil
		case errors.Is(err, os.ErrClosed), errors.Is(err, io.EOF) && (f.last && len(f.then) == 0 || f.end >= 0):
			return 0, io.EOF
		case !errors.Is(err, io.EOF):
			return 0, err
		case len(f.then) == 0:
			return 0, nil
		}
		_ = f.file.Close() // and now the next run's, whose writing may have been told already
		f.file, f.then, f.at = f.then[0], f.then[1:], 0
	}
}

// interject has something read before what comes next. Who does not read is not told more and more.
func (f *follower) interject(text string) {
	f.mu.Lock()
	if len(f.note) < 1<<10 {
		f.note += text
	}
	f.mu.Unlock()
	_ = f.notify.SetReadDeadline(time.Unix(1, 0)) // wakes it; closed already is as good
}

// maxRuns is how many runs somebody may be behind who follows and does not read.
const maxRuns = 8

// goOn has it read the log of the next run, which is then its own, when it has read the one that it has.
func (f *follower) goOn(next *os.File) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.notify == nil || f.last || len(f.then) == maxRuns {
		return next.Close()
	}
	if _, err := watch(f.notify, next, unix.IN_MODIFY); err != nil {
		return errors.Join(err, next.Close())
	}
	f.then = append(f.then, next)
	return nil
}

// finish lets the reader come to the end of what there is.
func (f *follower) finish() {
	f.mu.Lock()
	f.last = true
	f.mu.Unlock()
	if f.notify != nil {
		_ = f.notify.Close() // or somebody was quicker
	}
}

// Close ends the following; a Read that waits returns io.EOF.
func (f *follower) Close() error {
	f.logs.forget(f)
	f.finish()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, next := range f.then {
		_ = next.Close()
	}
	f.then = nil
	if err := f.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil // it was closed before
}
