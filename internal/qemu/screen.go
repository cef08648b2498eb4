package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// viewers numbers those who look at screens: each connection is given to QEMU under a name of its own.
var viewers atomic.Int64

// Screen lets one more viewer onto a living VM's screen, and returns the viewer's end of a connection that speaks
// RFB (RFC 6143). QEMU 7.2 takes no listening descriptor for VNC, and could reach no path: so each viewer is one
// socketpair, of which QEMU is handed the other end. It ends with the VM's process and with Close.
func (h *Host) Screen(ctx context.Context, uuid string) (io.ReadWriteCloser, error) {
	_, m, err := h.speaking(ctx, uuid)
	if err != nil {
		return nil, err
	}
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "no connection for a viewer").Because(err)
	}
	name := fmt.Sprintf("viewer-%d", viewers.Add(1))
	err = qmp.GetFD(ctx, m, theirs, name)
	if err == nil {
		if err = qmp.AddVNCClient(ctx, m, name); err != nil {
			_ = qmp.CloseFD(context.WithoutCancel(ctx), m, name) // QEMU has kept it; taken or gone is as good
		}
	}
	if err = errors.Join(err, theirs.Close()); err != nil {
		return nil, errors.Join(fault.Wrap(err, "QEMU takes no viewer"), ours.Close())
	}
	return ours, nil
}

// socketpair makes a connection: one end for us, one to be handed over.
func socketpair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "viewer"), os.NewFile(uintptr(fds[1]), "viewer of QEMU")
	defer func() { _ = ours.Close() }() // FileConn makes its own copy
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn, theirs, nil
}
