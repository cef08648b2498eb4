//go:build linux

package keys

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path"
	"syscall"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// What a program may print.
const (
	minPrinted = 16
	maxPrinted = 4 << 10
)

// printed runs a program that root has named, as the daemon's own user and without an environment, and returns what it
// printed, without the end of the line. What it says on stderr is not told: it may be a part of the secret.
func printed(ctx context.Context, command []string) ([]byte, error) {
	name := path.Base(command[0])
	asked := ctx
	ctx, cancel := context.WithTimeout(ctx, storage.KeyCommandTime)
	defer cancel()
	out := &bounded{}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, "/", out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with what it has started
	cmd.WaitDelay = time.Second                                                          // a child that has left the group and keeps the pipe open
	fail := func(why string, args ...any) error {
		return fault.New(fault.Unavailable, why, args...).WithCode("HV-KEY-007").Try("run it by hand as the user of hvd, and see what it says")
	}
	err := cmd.Run()
	text := bytes.TrimRight(out.kept.Bytes(), "\r\n")
	switch exit, ended := errors.AsType[*exec.ExitError](err); {
	case asked.Err() != nil:
		return nil, fail("%s was ended: nobody waits for it", name)
	case ctx.Err() != nil:
		return nil, fail("%s did not end within %s", name, storage.KeyCommandTime)
	case out.lost:
		return nil, fail("%s printed more than %d bytes", name, maxPrinted)
	case ended:
		return nil, fail("%s failed: %s", name, exit.ProcessState)
	case err != nil:
		return nil, fail("%s cannot be run: %v", name, err)
	case len(text) < minPrinted:
		return nil, fail("%s printed %d bytes: fewer than %d are no secret", name, len(text), minPrinted)
	}
	return text, nil
}

// bounded keeps the first bytes of what is written to it.
type bounded struct {
	kept bytes.Buffer
	lost bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := maxPrinted - b.kept.Len()
	b.lost = b.lost || len(p) > room
	b.kept.Write(p[:min(len(p), room)])
	return len(p), nil
}
