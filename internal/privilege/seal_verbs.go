//go:build linux

package privilege

import (
	"context"
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Phase returns how the seal stands.
func (c *Client) Phase(ctx context.Context) (SealState, error) {
	return c.seal(ctx, VerbPhase, Phase{})
}

// Harden seals the host with these VMs. A call that is repeated answers as the first one did; on a host that is
// hardened otherwise it is fault.Precondition.
func (c *Client) Harden(ctx context.Context, h Harden, vms []string) (SealState, error) {
	var s SealState
	f, err := listOf(vms)
	if err != nil {
		return s, fault.New(fault.Internal, "cannot hand over the list of VMs").Because(err)
	}
	defer func() { _ = f.Close() }() // hv-helper has its own
	_, err = c.call(ctx, VerbHarden, h, []*os.File{f}, &s, 0)
	return s, err
}

// listOf puts lines into a file in memory.
func listOf(lines []string) (*os.File, error) {
	fd, err := unix.MemfdCreate("vms", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "vms")
	text := strings.Join(lines, "\n")
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Unlock begins an unlock: it is fault.Denied for a wrong key, and fault.Exhausted while no attempt is looked at.
func (c *Client) Unlock(ctx context.Context, u Unlock) (SealState, error) {
	return c.seal(ctx, VerbUnlock, u)
}

// Relock calls an unlock off; where there is none it changes nothing.
func (c *Client) Relock(ctx context.Context, r Relock) (SealState, error) {
	return c.seal(ctx, VerbRelock, r)
}

// Unseal lets an unlock take effect whose time has come; before that it is fault.Precondition.
func (c *Client) Unseal(ctx context.Context) (SealState, error) {
	return c.seal(ctx, VerbUnseal, Unseal{})
}

func (c *Client) seal(ctx context.Context, verb Verb, body any) (SealState, error) {
	var s SealState
	_, err := c.call(ctx, verb, body, nil, &s, 0)
	return s, err
}
