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

// MaxLog is how much of a log is kept: where it is more, its older half goes.
const MaxLog = 16 << 20

// Logs are the logs of all VMs, a folder a VM.
type Logs struct {
	root *os.Root
	log  *slog.Logger

	mu        sync.Mutex // held while a log is opened to be read, begun anew, or cut
	followers map[string]map[*follower]bool
	uncut     map[string]bool // logs that could not be cut: told once
	grown     growth
	rest      time.Duration // between two looks at a log
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
	l := &Logs{root: root, log: log, followers: map[string]map[*follower]bool{}, uncut: map[string]bool{}, rest: oneLook}
	if err := l.grown.open(); err != nil {
		return nil, errors.Join(fault.New(fault.Exhausted, "cannot watch how logs grow").Because(err).Try("raise fs.inotify.max_user_instances"), root.Close())
	}
	return l, nil
}

// Close closes the folder.
func (l *Logs) Close() error { return errors.Join(l.grown.close(), l.root.Close()) }

// The logs of a VM.
const (
	Serial = "serial" // what the guest printed on its serial console
	QEMU   = "qemu"   // QEMU's stdout and stderr

	previous = "-previous" // ends the name of a log of the run before this one
	Previous = Serial + previous
)

var uuidShape = regexp.MustCompile(`^[0-9a-f-]{36}$`)

// logName is the path of a log below the folder of all.
func logName(uuid, log string) string { return filepath.Join(uuid, log+".log") }

// check refuses what is no VM or no log of one.
func check(uuid, log string) error {
	if !uuidShape.MatchString(uuid) {
		return fault.New(fault.Internal, "%.80q is no UUID", uuid)
	}
	if of := strings.TrimSuffix(log, previous); of != Serial && of != QEMU {
		return fault.New(fault.NotFound, "there is no log %.40q", log).Try("use serial or qemu, or serial-previous or qemu-previous")
	}
	return nil
}

// Append opens a log for a new run, write-only, for appending: the one access mode that QEMU takes for
// it. That of the run before becomes the previous one, so that a console shows the run that there is. Who follows it
// reads it to its end, and then what this run writes.
func (l *Logs) Append(uuid, log string) (*os.File, error) { return l.open(uuid, log, true) }

// GoOn opens the serial log for a guest that goes on where it was: what it has printed stands before what it will.
func (l *Logs) GoOn(uuid string) (*os.File, error) { return l.open(uuid, Serial, false) }

func (l *Logs) open(uuid, log string, anew bool) (*os.File, error) {
	if err := check(uuid, log); err != nil {
		return nil, err
	}
	name := logName(uuid, log)
	if err := l.root.Mkdir(uuid, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fault.New(fault.Unavailable, "cannot make the logs of %s", uuid).Because(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if anew {
		if err := l.setAside(uuid, log); err != nil {
			return nil, err
		}
	}
	f, err := l.root.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot open the %s log", log).Because(err)
	}
	if anew {
		l.goOn(name)
	}
	l.grown.watch(name, f)
	return f, nil
}

// setAside makes the log that there is the previous one. One in which nothing stands is of a start that was cut off,
// or of a silent run: the one before stays.
func (l *Logs) setAside(uuid, log string) error {
	name := logName(uuid, log)
	if info, err := l.root.Stat(name); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err := l.root.Rename(name, logName(uuid, log+previous)); err != nil {
		return fault.New(fault.Unavailable, "cannot set the log of the last run aside").Because(err)
	}
	return nil
}

// goOn takes those who follow a log to that of the new run, when they have read the one they have.
func (l *Logs) goOn(name string) {
	for fl := range l.followers[name] {
		f, err := l.root.Open(name)
		if err == nil {
			err = fl.goOn(f)
		}
		if err != nil {
			l.log.Warn("who follows a log is not told of its VM's next run", "log", name, "err", err)
		}
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
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, log := range []string{Serial, QEMU} {
		for fl := range l.followers[logName(uuid, log)] {
			fl.finish() // nothing more comes
		}
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

// forget drops a follower.
func (l *Logs) forget(f *follower) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.followers[f.name], f)
	if len(l.followers[f.name]) == 0 {
		delete(l.followers, f.name)
	}
}
