package proc

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrGone says that the process that was meant does not live any more.
var ErrGone = errors.New("the process is gone")

// Handle holds one process by its pidfd: whatever becomes of its pid, nothing else is meant.
type Handle struct {
	PID       int
	StartTime uint64
	fd        *os.File
}

// Hold takes over a pidfd that came with the process' birth.
func (fs FS) Hold(pid, pidfd int) (*Handle, error) {
	h := &Handle{PID: pid, fd: os.NewFile(uintptr(pidfd), "pidfd")}
	stat, err := fs.Stat(pid)
	if err != nil {
		h.Close()
		return nil, err
	}
	h.StartTime = stat.StartTime
	return h, nil
}

// Find opens the process of that pid and start time, ErrGone where it has ended. The start time is
// read after the pidfd was opened: while the pidfd lives, the pid cannot become another's.
func (fs FS) Find(pid int, start uint64) (*Handle, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	h, err := fs.Hold(pid, fd)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, err
	}
	if h.StartTime != start || !h.Alive() {
		h.Close()
		return nil, ErrGone
	}
	return h, nil
}

// Alive reports whether the process has not ended. A zombie has.
func (h *Handle) Alive() bool { return !h.wait(0) }

// Gone waits until the process has ended, at most for the time given, and reports whether it has.
func (h *Handle) Gone(patience time.Duration) bool { return h.wait(patience) }

func (h *Handle) wait(patience time.Duration) bool {
	until := time.Now().Add(patience)
	for {
		fds := []unix.PollFd{{Fd: int32(h.fd.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(max(time.Until(until).Milliseconds(), 0)))
		if err == nil {
			return n > 0
		}
		if !errors.Is(err, unix.EINTR) {
			return false // not seen to have ended
		}
	}
}

// Signal sends a signal; that the process is gone is no error.
func (h *Handle) Signal(s unix.Signal) error {
	err := unix.PidfdSendSignal(int(h.fd.Fd()), s, nil, 0)
	if err == nil || errors.Is(err, unix.ESRCH) {
		return nil
	}
	return fmt.Errorf("signal %s to process %d: %w", s, h.PID, err)
}

// File returns another pidfd of the same process, which the caller closes.
func (h *Handle) File() (*os.File, error) {
	fd, err := unix.FcntlInt(h.fd.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate pidfd: %w", err)
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

// Close lets go of the process.
func (h *Handle) Close() { _ = h.fd.Close() } // only a reference is dropped
