//go:build linux

// Package packet carries messages with file descriptors over unix sockets of type SOCK_SEQPACKET: one
// datagram is one message, and the kernel says when the other side is gone.
//
// What lives here: dialling, listening, who the peer is. What does not: what a message means (package
// privilege). It does without package net, which would be the largest thing that hv-helper links, and
// every VM's launch starts hv-helper once more.
package packet

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Conn is one connection. Send and Recv may run at the same time, but neither twice.
type Conn struct {
	file *os.File
	raw  syscall.RawConn
}

// Peer is who was at the other end when it connected (SO_PEERCRED, unix(7)).
type Peer struct {
	PID int32
	UID uint32
	GID uint32
}

// ErrTooLarge says that a message or its descriptors did not fit; what did arrive has been closed.
var ErrTooLarge = errors.New("message too large, or too many file descriptors beside it")

// Dial connects to the socket at path. It waits at most timeout for a place in the server's queue.
func Dial(path string, timeout time.Duration) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	patience := unix.NsecToTimeval(timeout.Nanoseconds())
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &patience)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("connect %s: %w", path, err)
	}
	return adopt(fd)
}

// adopt takes fd over; it is closed when it cannot be used.
func adopt(fd int) (*Conn, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "packet") // non-blocking: the runtime's poller waits for it
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &Conn{file: file, raw: raw}, nil
}

// Send sends one message with descriptors beside it. The files stay the caller's.
func (c *Conn) Send(data []byte, files []*os.File) error {
	var oob []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		oob = unix.UnixRights(fds...)
	}
	var sent error
	err := c.raw.Write(func(fd uintptr) bool {
		sent = unix.Sendmsg(int(fd), data, oob, nil, unix.MSG_NOSIGNAL)
		return !retry(sent)
	})
	return errors.Join(err, sent)
}

// Recv receives one message into buf, with at most maxFiles descriptors, all of them close-on-exec.
// It returns io.EOF when the peer is gone. On an error no descriptor stays open.
func (c *Conn) Recv(buf []byte, maxFiles int) (int, []*os.File, error) {
	oob := make([]byte, unix.CmsgSpace(maxFiles*4))
	var n, oobn, flags int
	var got error
	err := c.raw.Read(func(fd uintptr) bool {
		n, oobn, flags, _, got = unix.Recvmsg(int(fd), buf, oob, unix.MSG_CMSG_CLOEXEC)
		return !retry(got)
	})
	if err = errors.Join(err, got); err != nil {
		return 0, nil, err
	}
	files, err := rights(oob[:oobn])
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 || len(files) > maxFiles {
		err = errors.Join(err, ErrTooLarge)
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		CloseAll(files)
		return 0, nil, err
	}
	return n, files, nil
}

// Quiet reports whether the connection is still open and nothing waits in it: the state in which a
// client may use it for its next request.
func (c *Conn) Quiet() bool {
	quiet := false
	err := c.raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, _, _, err := unix.Recvmsg(int(fd), one[:], nil, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		quiet = errors.Is(err, unix.EAGAIN)
	})
	return err == nil && quiet
}

// Peer says who connected.
func (c *Conn) Peer() (Peer, error) {
	var cred *unix.Ucred
	var asked error
	err := c.raw.Control(func(fd uintptr) {
		cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, asked); err != nil {
		return Peer{}, err
	}
	return Peer{PID: cred.Pid, UID: cred.Uid, GID: cred.Gid}, nil
}

// SetDeadline ends Send and Recv at t with os.ErrDeadlineExceeded; the zero time lifts it.
func (c *Conn) SetDeadline(t time.Time) error { return c.file.SetDeadline(t) }

// SetSendDeadline ends Send at t with os.ErrDeadlineExceeded; the zero time lifts it.
func (c *Conn) SetSendDeadline(t time.Time) error { return c.file.SetWriteDeadline(t) }

// Drain lets what is being answered be sent, and ends Recv from now on.
func (c *Conn) Drain() error { return c.file.SetReadDeadline(time.Unix(1, 0)) }

// Close ends the connection and wakes whoever waits in Recv.
func (c *Conn) Close() error { return c.file.Close() }

// CloseAll closes files that nobody will use.
func CloseAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // nothing was written through it
	}
}

// rights takes every descriptor out of the control messages, also where one of them is malformed.
func rights(oob []byte) ([]*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	var files []*os.File
	for i := range messages {
		fds, parsed := unix.ParseUnixRights(&messages[i])
		if parsed != nil {
			err = errors.Join(err, parsed)
			continue
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, err
}

func retry(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) }
