package fakeqemu

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// once is a listener that has just the one connection it was made with.
type once struct {
	conn   chan net.Conn
	addr   net.Addr
	closed chan struct{}
	shut   sync.Once
}

func newOnce(c net.Conn) *once {
	o := &once{conn: make(chan net.Conn, 1), addr: c.LocalAddr(), closed: make(chan struct{})}
	o.conn <- c
	return o
}

func (o *once) Accept() (net.Conn, error) {
	select {
	case c := <-o.conn:
		return c, nil
	case <-o.closed:
		return nil, net.ErrClosed
	}
}

func (o *once) Close() error   { o.shut.Do(func() { close(o.closed) }); return nil }
func (o *once) Addr() net.Addr { return o.addr }

// stdio is the terminal as a connection.
type stdio struct {
	io.Reader
	io.Writer
}

func newStdio() net.Conn { return stdio{os.Stdin, os.Stdout} }

func (stdio) Close() error                     { return errors.Join(os.Stdin.Close(), os.Stdout.Close()) }
func (stdio) LocalAddr() net.Addr              { return &net.UnixAddr{Name: "stdio", Net: "unix"} }
func (stdio) RemoteAddr() net.Addr             { return &net.UnixAddr{Name: "stdio", Net: "unix"} }
func (stdio) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (stdio) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (stdio) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// stream is a network back end that listens: it takes one peer at a time and drops what it sends.
func (q *QEMU) stream(id string, l net.Listener) {
	q.Do(func() { q.atEnd(l.Close) })
	go q.accept(id, l)
}

func (q *QEMU) accept(id string, l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		q.Emit("NETDEV_STREAM_CONNECTED", map[string]any{
			"netdev-id": id, "addr": map[string]string{"type": "unix", "path": l.Addr().String()},
		})
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
		q.Emit("NETDEV_STREAM_DISCONNECTED", map[string]string{"netdev-id": id})
	}
}
