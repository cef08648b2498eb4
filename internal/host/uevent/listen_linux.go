package uevent

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// kernelGroup is the multicast group on which the kernel speaks; udev speaks on another.
const kernelGroup = 1

// buffer is how much the kernel keeps for us while we do not read: some thousand messages. What does not fit is lost,
// and we are told that it was.
const buffer = 1 << 20

// Listener hears the kernel. No privilege is needed.
type Listener struct{ socket *os.File }

// Listen begins to hear. Close ends it.
func Listen() (*Listener, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the kernel does not tell of devices that come and go").Because(err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer) // a smaller one loses more, which is told
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		_ = unix.Close(fd)
		return nil, fault.New(fault.Unavailable, "the kernel does not tell of devices that come and go").Because(err)
	}
	return &Listener{os.NewFile(uintptr(fd), "uevent")}, nil
}

// Close ends a Next that waits.
func (l *Listener) Close() error { return l.socket.Close() }

// Next waits for the kernel's next message. lost is true where some were lost: anything may have happened. The error is
// os.ErrClosed after Close.
func (l *Listener) Next() (ev Event, lost bool, err error) {
	conn, err := l.socket.SyscallConn()
	if err != nil {
		return Event{}, false, err
	}
	message := make([]byte, maxMessage)
	for {
		var n int
		var from unix.Sockaddr
		var failed error
		err := conn.Read(func(fd uintptr) bool {
			n, from, failed = unix.Recvfrom(int(fd), message, 0)
			return !errors.Is(failed, unix.EAGAIN) && !errors.Is(failed, unix.EINTR)
		})
		switch {
		case err != nil:
			return Event{}, false, err
		case errors.Is(failed, unix.ENOBUFS):
			return Event{}, true, nil
		case failed != nil:
			return Event{}, false, failed
		}
		// Anybody with the right to may send to the group; only the kernel has the port 0.
		if who, ok := from.(*unix.SockaddrNetlink); !ok || who.Pid != 0 {
			continue
		}
		if ev, ok := parse(message[:n]); ok {
			return ev, false, nil
		}
	}
}

// Watch calls then each time that something has come or gone which may change what is known of the host, until ctx
// ends. It returns at once with the error where the kernel does not tell.
func Watch(ctx context.Context, then func()) error {
	l, err := Listen()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer func() {
		stop()
		_ = l.Close()
	}()
	heard := make(chan struct{}, 1)
	var ended error
	go func() {
		defer close(heard)
		for {
			ev, lost, err := l.Next()
			if err != nil {
				ended = err
				return
			}
			if lost || MayChangeFacts(ev) {
				select {
				case heard <- struct{}{}:
				default: // one is waiting already, and says the same
				}
			}
		}
	}()
	Settle(ctx, heard, then)
	_ = l.Close()
	for range heard { // until the reader has ended
	}
	if ctx.Err() != nil {
		return nil
	}
	return ended
}
