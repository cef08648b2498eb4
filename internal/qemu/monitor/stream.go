package monitor

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// stream is a unix connection that can send files, and whose end is always io.EOF.
type stream struct{ *net.UnixConn }

// Read turns a reset into an end: the kernel resets the connection of a QEMU that went without
// having read everything.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.UnixConn.Read(p)
	if errors.Is(err, syscall.ECONNRESET) {
		err = io.EOF
	}
	return n, err
}

// SendFiles implements qmp.FileSender.
func (s *stream) SendFiles(p []byte, files []*os.File) (n int, err error) {
	err = borrow(files, nil, func(fds []int) error {
		n, _, err = s.WriteMsgUnix(p, syscall.UnixRights(fds...), nil)
		if err != nil || n == len(p) {
			return gone(err)
		}
		rest, err := s.Write(p[n:])
		n += rest
		return gone(err)
	})
	return n, err
}

func gone(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Unavailable, "").Because(err)
}

// borrow calls send with the descriptors of files, none of which can be closed meanwhile.
func borrow(files []*os.File, fds []int, send func([]int) error) error {
	if len(files) == 0 {
		return send(fds)
	}
	conn, err := files[0].SyscallConn()
	if err != nil {
		return fault.New(fault.Internal, "file %s cannot be sent", files[0].Name()).Because(err)
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = borrow(files[1:], append(fds, int(fd)), send) }); err != nil {
		return fault.New(fault.Internal, "file %s cannot be sent", files[0].Name()).Because(err)
	}
	return inner
}

// unreachable says why nobody could be dialled.
func unreachable(err error, o Options) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.NotFound, "%s: there is no monitor", o.name()).Because(err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.New(fault.Unavailable, "%s: nobody listens at its monitor: its QEMU is gone", o.name()).Because(err)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Denied, "%s: its monitor may not be opened by this user", o.name()).Because(err)
	}
	return fault.New(fault.Unavailable, "%s: cannot reach its monitor", o.name()).Because(err)
}
