//go:build linux

package packet

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is two ends of one connection.
func pair(t *testing.T) (client, server *Conn) {
	t.Helper()
	l, err := Listen(filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if client, err = Dial(filepath.Join(filepath.Dir(l.file.Name()), "s"), time.Second); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(client.Close(), server.Close()) })
	return client, server
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestMessagesKeepTheirBoundsAndFilesTheirContent(t *testing.T) {
	a, b := pair(t)
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString("content"); err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("x"), 128<<10)
	for _, m := range [][]byte{[]byte("one"), large, []byte("three")} {
		if err := a.Send(m, []*os.File{f, f}); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 128<<10)
		n, files, err := b.Recv(buf, 4)
		if err != nil || !bytes.Equal(buf[:n], m) || len(files) != 2 {
			t.Fatalf("%d bytes, %d files, %v", n, len(files), err)
		}
		text := make([]byte, 7)
		if _, err := files[1].ReadAt(text, 0); err != nil || string(text) != "content" {
			t.Errorf("%q, %v", text, err)
		}
		flags, err := unix.FcntlInt(files[0].Fd(), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("a received file would be inherited: %v", err)
		}
		CloseAll(files)
	}
}

func TestWhatIsTooLargeIsRefusedWholeAndLeavesNoFileOpen(t *testing.T) {
	a, b := pair(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	before := openFiles(t)
	for _, c := range []struct {
		size, files, most int
	}{{100, 1, 4}, {10, 5, 4}, {100, 50, 4}, {10, 1, 0}} {
		files := make([]*os.File, c.files)
		for i := range files {
			files[i] = null
		}
		if err := a.Send(bytes.Repeat([]byte("x"), c.size), files); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Recv(make([]byte, 50), c.most); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files open, %d before", after, before)
	}
	if err := a.Send([]byte("fits"), nil); err != nil {
		t.Fatal(err)
	}
	if n, _, err := b.Recv(make([]byte, 50), 4); n != 4 || err != nil {
		t.Errorf("the next one: %d, %v", n, err)
	}
}

func TestThePeerIsKnownAndItsEndIsSeen(t *testing.T) {
	a, b := pair(t)
	peer, err := b.Peer()
	if err != nil || peer.UID != uint32(os.Getuid()) || peer.PID != int32(os.Getpid()) {
		t.Errorf("%+v, %v", peer, err)
	}
	if !a.Quiet() {
		t.Error("nothing waits in it")
	}
	if err := b.Send([]byte("x"), nil); err != nil {
		t.Fatal(err)
	}
	if a.Quiet() {
		t.Error("something waits in it")
	}
	if _, _, err := a.Recv(make([]byte, 1), 0); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if a.Quiet() {
		t.Error("it has ended")
	}
	if _, _, err := a.Recv(make([]byte, 1), 0); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	if err := a.Send([]byte("x"), nil); !errors.Is(err, unix.EPIPE) {
		t.Errorf("%v", err)
	}
}

func TestWaitingEndsByDeadlineDrainAndClose(t *testing.T) {
	a, b := pair(t)
	if err := a.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Recv(make([]byte, 1), 0); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
	done := make(chan error)
	go func() { _, _, err := b.Recv(make([]byte, 1), 0); done <- err }()
	if err := b.Drain(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if err := b.Send([]byte("answer"), nil); err != nil {
		t.Errorf("a drained connection still answers: %v", err)
	}
}

func TestNobodyListensWhereNobodyListens(t *testing.T) {
	dir := t.TempDir()
	if _, err := Dial(filepath.Join(dir, "none"), time.Second); !errors.Is(err, unix.ENOENT) {
		t.Errorf("%v", err)
	}
	path := filepath.Join(dir, "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := Listen(path); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("%v", err)
	}
	done := make(chan error)
	go func() { _, err := l.Accept(); done <- err }()
	_ = l.Close() // wakes it
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, err := Dial(path, time.Second); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("%v", err)
	}
	if _, err := Listen(filepath.Join(dir, strings.Repeat("x", 120))); err == nil {
		t.Error("a path that is too long was taken")
	}
}
