package fakeqemu

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// built is the path of a fake QEMU for this test program to start. It is fake-qemu, a tenth of a test program's size and
// without a race detector, which Go's own cache has linked in less time than two test programs take to start. Where it
// cannot be built it is the test program itself.
var built = sync.OnceValues(func() (string, error) {
	compiler, err := exec.LookPath("go")
	if err != nil || os.Getenv("SUDO_UID") != "" { // what root builds would stand in the cache of who called it
		return os.Executable()
	}
	dir, err := os.MkdirTemp("", "hv")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays is only room on a disk
	path := filepath.Join(dir, "fake-qemu")
	build := exec.Command(compiler, "build", "-o", path, "github.com/hyper-nixos/hyper-nixos/test/fakeqemu/fake-qemu")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build the fake QEMU: %w: %s", err, said)
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	// By its descriptor it lasts as long as this process does, and nothing of it is left behind.
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd), nil
})
