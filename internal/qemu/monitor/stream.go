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
func (s *stream) SendFiles(p []byte, files []*os.File) error {
	return borrow(files, nil, func(fds []int) error {
		n, _, err := s.WriteMsgUnix(p, syscall.UnixRights(fds...), nil)
		if err != nil {
			return err
		}
		_, err = s.Write(p[n:])
		return err
	})
}

// borrow calls send with the descriptors of files, none of which can be closed meanwhile.
func borrow(files []*os.File, fds []int, send func([]int) error) error {
	if len(files) == 0 {
		return send(fds)
	}
	conn, err := files[0].SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = borrow(files[1:], append(fds, int(fd)), send) }); err != nil {
		return err
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
