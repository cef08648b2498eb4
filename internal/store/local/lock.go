package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// dirLock keeps a second process out of the folder. The file stays when the lock goes: removing it
// would let two processes each lock a file of that name.
type dirLock struct{ f *os.File }

// lockDir takes the lock, or says who holds it.
func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- our own folder
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot lock the store").Because(err)
	}
	if err := patiently(f); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fault.New(fault.Unavailable, "cannot lock %s", path).Because(err)
		}
		return nil, fault.New(fault.Conflict, "the store in %s is in use by %s", dir, holder(f)).
			Try("stop that one first, or give this one a state folder of its own").WithCode(CodeInUse)
	}
	l := &dirLock{f}
	if err := l.sign(); err != nil {
		_ = f.Close()
		return nil, fault.New(fault.Unavailable, "cannot write %s", path).Because(err)
	}
	return l, nil
}

// patiently takes the lock. Who only looks whether it is held (user) has it for microseconds: that is waited out.
func patiently(f *os.File) error {
	for tries := 0; ; tries++ {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || tries == 5 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// sign writes who we are into the file, for the one who is kept out.
func (l *dirLock) sign() error {
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	_, err := l.f.WriteAt(fmt.Appendf(nil, "%d %s\n", os.Getpid(), filepath.Base(os.Args[0])), 0)
	return err
}

// holder reads who holds the lock.
func holder(f io.Reader) string {
	b, err := io.ReadAll(io.LimitReader(f, 256))
	pid, name, ok := strings.Cut(strings.TrimSpace(string(b)), " ")
	if err != nil || !ok {
		return "another process"
	}
	return fmt.Sprintf("process %s (%s)", pid, name)
}

func (l *dirLock) release() error { return l.f.Close() }
