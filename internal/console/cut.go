//go:build linux

package console

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// oneLook is how long a log is left alone after it was looked at: a guest that prints without end costs one look a
// second, and one that is silent none.
const oneLook = time.Second

// cutNote stands where the beginning of a log was cut off.
const cutNote = "[what came before was cut off: the log had grown to 16 MiB]\r\n"

// Run keeps logs from growing without bound until ctx ends, those of the VMs that run already too. The kernel tells
// when a log is written to (inotify), and nothing is looked at while none is.
func (l *Logs) Run(ctx context.Context, running []string) {
	written := make(chan string)
	var reading sync.WaitGroup
	defer reading.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reading.Go(func() { l.grown.read(ctx, written) })
	due := map[string]bool{}
	for _, uuid := range running {
		due[logName(uuid, Serial)], due[logName(uuid, QEMU)] = true, true
	}
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case name := <-written:
			if len(due) == 0 {
				look.Reset(l.rest)
			}
			due[name] = true
		case <-look.C:
			for name := range due {
				l.look(name)
			}
			clear(due)
		}
	}
}

// look cuts a log that has grown too large, and has the next write to it told. It is watched before it is measured:
// what is written from then on is told.
func (l *Logs) look(name string) {
	f, err := l.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return // a VM that was deleted meanwhile has no log to cut
	}
	defer func() { _ = f.Close() }()
	l.grown.watch(name, f)
	l.told(name, l.cut(name, f))
}

// told tells once of each log that cannot be cut, and not a second later again.
func (l *Logs) told(name string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		delete(l.uncut, name)
		return
	}
	if !l.uncut[name] {
		l.uncut[name] = true
		l.log.Warn("a log cannot be cut and goes on growing: its file system makes no holes", "log", name, "err", err)
	}
}

// cut makes a hole of what is older than the newer half of a log (fallocate(2)). QEMU goes on where it is, nothing that
// it writes meanwhile is lost, and offsets stay what they were: who follows goes on where he was, or behind the hole.
func (l *Logs) cut(name string, f *os.File) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if from, err := begin(f); err != nil || info.Size()-from <= MaxLog {
		return err
	}
	for fl := range l.followers[name] {
		fl.mu.Lock()
		defer fl.mu.Unlock() //nolint:gocritic // all of them wait until the log was cut
	}
	const block = 64 << 10 // file systems give back whole blocks, and none has larger ones
	if err := punch(f, (info.Size()-MaxLog/2)/block*block); err != nil {
		return err
	}
	from, err := begin(f)
	if err != nil {
		return err
	}
	for fl := range l.followers[name] {
		if fl.at < from && len(fl.then) == 0 { // else he reads the run before
			fl.at, fl.note = from, cutNote
		}
	}
	return nil
}

// punch gives a file's first bytes back to its file system.
func punch(f *os.File, size int64) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	bad := raw.Control(func(fd uintptr) {
		err = unix.Fallocate(int(fd), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, size)
	})
	return errors.Join(bad, err)
}

// begin is where the first whole line of a log begins: behind the hole that a cut has left, if there is one.
func begin(f *os.File) (int64, error) {
	at, err := f.Seek(0, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return 0, nil // nothing stands in it
	}
	if err != nil || at == 0 {
		return 0, err
	}
	const most = 64 << 10 // a longer line begins in the middle
	buf := make([]byte, most)
	n, err := f.ReadAt(buf, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	for i, b := range buf[:n] {
		if b == '\n' {
			return at + int64(i) + 1, nil
		}
	}
	return at, nil
}
