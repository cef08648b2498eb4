//go:build linux

package onehost

import (
	"os"

	"golang.org/x/sys/unix"
)

// waitGone returns when the process of a pidfd is gone, and closes it.
func waitGone(pidfd *os.File) {
	fds := []unix.PollFd{{Fd: int32(pidfd.Fd()), Events: unix.POLLIN}} // #nosec G115 -- a file descriptor
	_, _ = unix.Poll(fds, 10_000)
	_ = pidfd.Close()
}
