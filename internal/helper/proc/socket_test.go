package proc

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAConnectionThatAProcessAcceptedIsMadeOneOnWhichNothingWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener := socket(t)
	if err := unix.Bind(listener, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(listener, 2); err != nil {
		t.Fatal(err)
	}
	self, err := Host.Stat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	h, err := Host.Find(os.Getpid(), self.StartTime)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	counts := func(accepted, changed int) {
		t.Helper()
		if a, c, err := Host.Unblock(h, path); a != accepted || c != changed || err != nil {
			t.Errorf("%d accepted, %d changed, %v; want %d and %d", a, c, err, accepted, changed)
		}
	}
	client := socket(t)
	if err := unix.Connect(client, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	counts(0, 0) // it waits to be accepted
	server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(server) }()
	counts(1, 1)
	counts(1, 0)
	for what, c := range map[string]struct {
		fd   int
		want bool
	}{"the accepted end": {server, true}, "the other end": {client, false}, "the listener": {listener, false}} {
		flags, err := unix.FcntlInt(uintptr(c.fd), unix.F_GETFL, 0)
		if got := flags&unix.O_NONBLOCK != 0; err != nil || got != c.want {
			t.Errorf("%s: nothing waits on it: %v, want %v (%v)", what, got, c.want, err)
		}
	}
}

func socket(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}
