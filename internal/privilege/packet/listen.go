//go:build linux

package packet

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listener is a listening socket.
type Listener struct {
	file   *os.File
	raw    syscall.RawConn
	closed atomic.Bool // the runtime's error for it cannot be named
}

// Listen makes a socket at path with mode 0600. A file that is there is an error: the caller knows
// whether it is stale.
func Listen(path string) (*Listener, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	// The socket's file gets the socket's own mode less the umask, before anybody can see it.
	err = unix.Fchmod(fd, 0o600)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = unix.Listen(fd, 64)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	file := os.NewFile(uintptr(fd), path)
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &Listener{file: file, raw: raw}, nil
}

// Accept waits for the next connection. After Close it returns os.ErrClosed.
func (l *Listener) Accept() (*Conn, error) {
	fd := -1
	var got error
	err := l.raw.Read(func(lfd uintptr) bool {
		fd, _, got = unix.Accept4(int(lfd), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		return !retry(got) && !errors.Is(got, unix.ECONNABORTED)
	})
	if err != nil && l.closed.Load() {
		err = os.ErrClosed
	}
	if err = errors.Join(err, got); err != nil {
		return nil, err
	}
	return adopt(fd)
}

// Close stops listening. The file at the path stays.
func (l *Listener) Close() error {
	l.closed.Store(true)
	return l.file.Close()
}
