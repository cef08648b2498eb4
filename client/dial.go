package client

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"syscall"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Unix returns a client of the daemon that listens on a unix socket.
func Unix(path string) *Client {
	return New(Options{Address: path, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}})
}

// Connect opens one connection to the daemon that listens on a unix socket, for who only passes on what is
// said there. Its errors are told as a client tells them.
func Connect(ctx context.Context, path string) (net.Conn, error) { return Unix(path).dial(ctx) }

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	conn, err := c.options.Dial(ctx)
	if err == nil {
		return conn, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if _, told := errors.AsType[*fault.Error](err); told {
		return nil, err
	}
	return nil, c.noDaemon(err)
}

// noDaemon says why nobody answers, and what to do about that. The three causes look alike to a
// person and have three different remedies.
func (c *Client) noDaemon(err error) error {
	at := c.options.Address
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Denied, "this user may not speak to the daemon at %s", at).Because(syscall.EACCES).WithCode(wire.CodeNoEntry).
			Try("add yourself to the group: sudo usermod -aG hypervisor $USER, then log in again")
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Unavailable, "no daemon: there is no socket %s", at).WithCode(wire.CodeNoDaemon).
			Try("is hvd running? systemctl status hvd, or make run in a checkout")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.New(fault.Unavailable, "no daemon: nobody listens on %s any more", at).WithCode(wire.CodeNoDaemon).
			Try("hvd has ended: systemctl start hvd, or make run in a checkout")
	}
	return fault.New(fault.Unavailable, "no daemon: cannot connect to %s", at).Because(err).WithCode(wire.CodeNoDaemon).Try("is hvd running?")
}
