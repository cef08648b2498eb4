//go:build linux

// Package console keeps what VMs say: the serial console with its scroll-back, and QEMU's own words.
//
// What lives here: the log files, reading and following them, the connection to a serial line. What
// does not: who may (action), and how it travels (api/*).
//
// QEMU itself writes everything that a guest prints into the serial log, whoever is connected. So a
// viewer reads the log, and the one connection to the line carries what viewers type: any number of
// them see the same, from as far back as they like, without a gap.
package console

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// MaxLog is how large a log may grow before it is cut: its older half goes.
const MaxLog = 16 << 20

// Logs are the logs of all VMs, a folder a VM.
type Logs struct {
	root *os.Root
	log  *slog.Logger

	mu        sync.Mutex // held while a log is opened to be read, begun anew, or cut
	followers map[string]map[*follower]bool
}

// OpenLogs opens the logs in the folder at path, making it where it is missing. What goes wrong where
// nobody waits is told to log.
func OpenLogs(path string, log *slog.Logger) (*Logs, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot make the folder of logs").Because(err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot open the folder of logs").Because(err)
	}
	return &Logs{root: root, log: log, followers: map[string]map[*follower]bool{}}, nil
}

// Close closes the folder.
func (l *Logs) Close() error { return l.root.Close() }

// The logs of a VM.
const (
	Serial = "serial" // what the guest printed on its serial console
	QEMU   = "qemu"   // QEMU's stdout and stderr, of its last run

	Previous = "serial-previous" // what the guest printed in the run before this one
)

var uuidShape = regexp.MustCompile(`^[0-9a-f-]{36}$`)

// logName is the path of a log below the folder of all.
func logName(uuid, log string) string { return filepath.Join(uuid, log+".log") }

// check refuses what is no VM or no log of one.
func check(uuid, log string) error {
	if !uuidShape.MatchString(uuid) {
		return fault.New(fault.Internal, "%.80q is no UUID", uuid)
	}
	if log != Serial && log != QEMU && log != Previous {
		return fault.New(fault.NotFound, "there is no log %.40q", log).Try("use serial, serial-previous or qemu")
	}
	return nil
}

// Append opens a log for a new run, write-only, for appending: the one access mode that QEMU takes for
// it. What the guest printed in the run before becomes the previous log, so that a console shows the
// run that there is; QEMU's own words begin anew.
func (l *Logs) Append(uuid, log string) (*os.File, error) {
	if err := check(uuid, log); err != nil {
		return nil, err
	}
	name := logName(uuid, log)
	if err := l.root.Mkdir(uuid, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fault.New(fault.Unavailable, "cannot make the logs of %s", uuid).Because(err)
	}
	mode := os.O_WRONLY | os.O_APPEND | os.O_CREATE
	switch log {
	case Serial:
		if err := l.setAside(uuid); err != nil {
			return nil, err
		}
	case QEMU:
		mode |= os.O_TRUNC
		l.mu.Lock()
		defer l.mu.Unlock()
		defer l.rewind(name)
	}
	f, err := l.root.OpenFile(name, mode, 0o600)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot open the %s log", log).Because(err)
	}
	return f, nil
}

// setAside makes the serial log that there is the previous one. Who follows it follows it to its end.
func (l *Logs) setAside(uuid string) error {
	err := l.root.Rename(logName(uuid, Serial), logName(uuid, Previous))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Unavailable, "cannot set the log of the last run aside").Because(err)
	}
	return nil
}

// rewind takes those who follow a log to its beginning.
func (l *Logs) rewind(name string) {
	for fl := range l.followers[name] {
		fl.mu.Lock()
		fl.at = 0
		fl.mu.Unlock()
	}
}

// Remove removes the logs of a VM; what is gone is no error.
func (l *Logs) Remove(uuid string) error {
	if !uuidShape.MatchString(uuid) {
		return fault.New(fault.Internal, "%.80q is no UUID", uuid)
	}
	if err := l.root.RemoveAll(uuid); err != nil {
		return fault.New(fault.Unavailable, "cannot remove the logs of %s", uuid).Because(err)
	}
	return nil
}

// maxWords is how much of QEMU's last words is kept with an end.
const maxWords = 2 << 10

// Words returns the last lines that QEMU wrote, at most 2 KiB, without control characters.
func (l *Logs) Words(uuid string) string {
	if check(uuid, QEMU) != nil {
		return ""
	}
	f, err := l.root.Open(logName(uuid, QEMU))
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > maxWords {
		if _, err := f.Seek(-maxWords, io.SeekEnd); err != nil {
			return ""
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxWords))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(data), "")))
}

// Run cuts logs that have grown too large, until ctx ends. A file has no event for its size, so they
// are looked at now and then.
func (l *Logs) Run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.cutAll()
		}
	}
}

func (l *Logs) cutAll() {
	_ = fs.WalkDir(l.root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // a VM that was deleted meanwhile has no log to cut
		}
		if info, err := d.Info(); err == nil && info.Size() > MaxLog {
			if err := l.cut(path); err != nil {
				l.log.Warn("a log cannot be cut and goes on growing", "log", path, "err", err)
			}
		}
		return nil
	})
}

const cutNote = "[what came before was cut off: the log had grown to 16 MiB]\r\n"

// cut keeps the newer half of a log, and those who follow it stay where they are in what is kept. The
// newer half is written over the older one before the rest goes, so that a crash in between loses
// nothing. QEMU appends (O_APPEND) meanwhile, and goes on at the new end: what it writes is taken
// along, save in the moment between the last look and the cut.
func (l *Logs) cut(path string) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := l.root.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil || info.Size() <= MaxLog {
		return err
	}
	for fl := range l.followers[path] {
		fl.mu.Lock()
		defer fl.mu.Unlock() //nolint:gocritic // all of them wait until the log was cut
	}
	from := info.Size() - MaxLog/2
	end, err := shift(f, from, int64(len(cutNote)))
	if err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(cutNote), 0); err != nil {
		return err
	}
	for fl := range l.followers[path] {
		if fl.at -= from; fl.at < 0 {
			fl.at = 0 // what it had not read yet is gone, and the note tells it
		} else {
			fl.at += int64(len(cutNote))
		}
	}
	return f.Truncate(end)
}

// shift copies what stands from from on, and what is appended meanwhile, to to. It returns the end of
// the copy.
func shift(f *os.File, from, to int64) (int64, error) {
	buf := make([]byte, 256<<10)
	for {
		n, err := f.ReadAt(buf, from)
		if _, bad := f.WriteAt(buf[:n], to); bad != nil {
			return to, bad
		}
		from, to = from+int64(n), to+int64(n)
		if errors.Is(err, io.EOF) {
			return to, nil
		}
		if err != nil {
			return to, err
		}
	}
}

// forget drops a follower.
func (l *Logs) forget(f *follower) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.followers[f.name], f)
	if len(l.followers[f.name]) == 0 {
		delete(l.followers, f.name)
	}
}
