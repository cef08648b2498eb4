package rest

import (
	"net"

	"golang.org/x/sys/unix"
)

// peer returns the uid of who connected, as the kernel noted it at that time (unix(7), SO_PEERCRED).
func peer(c net.Conn) (uint32, bool) {
	if v, ok := c.(*visitor); ok {
		c = v.Conn
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, false
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || failed != nil {
		return 0, false
	}
	return cred.Uid, true
}
