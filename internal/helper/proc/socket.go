package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Unblock makes each connection that the process has accepted on the unix socket at path one on which nothing waits, and
// says how many there are and how many of them were not so before. The process keeps them: what is changed is the open file
// that it and we share for a moment (pidfd_getfd(2), O_NONBLOCK in fcntl(2)).
func (fs FS) Unblock(h *Handle, path string) (accepted, changed int, err error) {
	dir := fs.file(h.PID, "fd")
	names, err := os.ReadDir(dir)
	if err != nil {
		return 0, 0, err
	}
	for _, n := range names {
		to, err := os.Readlink(filepath.Join(dir, n.Name()))
		number, bad := strconv.Atoi(n.Name())
		if err != nil || bad != nil || !strings.HasPrefix(to, "socket:") {
			continue // it may be closed by now
		}
		is, was, err := h.unblock(number, path)
		if err != nil && !errors.Is(err, unix.EBADF) {
			return accepted, changed, fmt.Errorf("descriptor %d of process %d: %w", number, h.PID, err)
		}
		if is {
			accepted++
		}
		if was {
			changed++
		}
	}
	return accepted, changed, nil
}

func (h *Handle) unblock(number int, path string) (accepted, changed bool, err error) {
	fd, err := unix.PidfdGetfd(int(h.fd.Fd()), number, 0)
	if err != nil {
		return false, false, err
	}
	defer func() { _ = unix.Close(fd) }() // a second reference
	name, err := unix.Getsockname(fd)
	if err != nil {
		return false, false, err
	}
	local, ok := name.(*unix.SockaddrUnix)
	if !ok || local.Name != path {
		return false, false, nil
	}
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || listens == 1 {
		return false, false, err
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK != 0 {
		return true, false, err
	}
	return true, true, unix.SetNonblock(fd, true)
}
