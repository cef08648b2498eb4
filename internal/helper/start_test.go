package helper

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/launch"
)

func TestALaunchWithoutMemoryOrProcessesIsExhausted(t *testing.T) {
	for _, err := range []error{
		&os.SyscallError{Syscall: "clone3", Err: unix.ENOMEM},
		fmt.Errorf("fork/exec: %w", unix.EAGAIN),
		&launch.StepError{Step: "mount", Err: unix.ENOMEM},
	} {
		if got := shimError(err); fault.KindOf(got) != fault.Exhausted {
			t.Errorf("%v is told as %v", err, got)
		}
	}
}
