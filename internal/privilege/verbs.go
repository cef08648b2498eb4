//go:build linux

package privilege

import (
	"context"
	"os"
)

// Hello asks who answers and what this host can isolate.
func (c *Client) Hello(ctx context.Context) (HelloReply, error) {
	var r HelloReply
	_, err := c.call(ctx, VerbHello, Hello{}, nil, &r, 0)
	return r, err
}

// Listen returns the API's listening socket, made anew; it replaces the one of an earlier call.
func (c *Client) Listen(ctx context.Context) (*os.File, error) {
	return c.oneFile(ctx, VerbListen, Listen{}, nil, nil)
}

// Launch starts a VM's process and returns its pidfd, which the caller closes. The files are those
// that l.Files names, in order; they stay the caller's. It returns when QEMU's program has been
// executed, not when QEMU is ready. A VM that runs already is fault.Conflict.
func (c *Client) Launch(ctx context.Context, l Launch, files []*os.File) (LaunchReply, *os.File, error) {
	var r LaunchReply
	pidfd, err := c.oneFile(ctx, VerbLaunch, l, files, &r)
	return r, pidfd, err
}

// List returns every VM that the helper knows of, by UUID.
func (c *Client) List(ctx context.Context) (ListReply, error) {
	var all ListReply
	for after := ""; ; {
		var page ListReply
		if _, err := c.call(ctx, VerbList, List{After: after}, nil, &page, 0); err != nil {
			return ListReply{}, err
		}
		all.VMs = append(all.VMs, page.VMs...)
		all.Strays = append(all.Strays, page.Strays...)
		if page.Next == "" {
			return all, nil
		}
		after = page.Next
	}
}

// Attach returns a pidfd of a VM that runs, fault.NotFound or fault.Precondition otherwise.
func (c *Client) Attach(ctx context.Context, vm string) (*os.File, error) {
	return c.oneFile(ctx, VerbAttach, ByVM{VM: vm}, nil, nil)
}

// Kill sends SignalTerm or SignalKill to a VM's QEMU. It does not wait: the pidfd says when it is
// gone. A VM that is gone already is no error.
func (c *Client) Kill(ctx context.Context, vm, signal string) error {
	_, err := c.call(ctx, VerbKill, Kill{VM: vm, Signal: signal}, nil, nil, 0)
	return err
}

// Cleanup takes away what a VM that is gone has left: passt, cgroup, sockets. It is
// fault.Precondition while QEMU lives, and no error when nothing is left.
func (c *Client) Cleanup(ctx context.Context, vm string) error {
	_, err := c.call(ctx, VerbCleanup, ByVM{VM: vm}, nil, nil, 0)
	return err
}

// Forget is Cleanup for a VM that was deleted: its uids are free for others.
func (c *Client) Forget(ctx context.Context, vm string) error {
	_, err := c.call(ctx, VerbForget, ByVM{VM: vm}, nil, nil, 0)
	return err
}

// Uplink ends the passt behind one socket of a running VM, if there is one, and starts another.
func (c *Client) Uplink(ctx context.Context, u Uplink) error {
	_, err := c.call(ctx, VerbUplink, u, nil, nil, 0)
	return err
}

// Socket makes a listening socket for one more network card of a running VM and returns it; one that was
// made before and that QEMU was not given is replaced.
func (c *Client) Socket(ctx context.Context, u Uplink) (*os.File, error) {
	return c.oneFile(ctx, VerbSocket, u, nil, nil)
}

// Cut ends the passt of a network card that a running VM has no more, and removes its socket.
func (c *Client) Cut(ctx context.Context, u Uplink) error {
	u.Cut = true
	_, err := c.call(ctx, VerbUplink, u, nil, nil, 0)
	return err
}

// Pin says on which CPUs the threads of a running VM's QEMU run, also those that they make from now on.
func (c *Client) Pin(ctx context.Context, p Pin) error {
	_, err := c.call(ctx, VerbPin, p, nil, nil, 0)
	return err
}

// Usage returns what VMs use, in the order asked; those that are gone are left out.
func (c *Client) Usage(ctx context.Context, u Usage) ([]VMUsage, error) {
	var r UsageReply
	_, err := c.call(ctx, VerbUsage, u, nil, &r, 0)
	return r.VMs, err
}

// Threads maps the thread ids that a VM's QEMU tells over QMP to the host's.
func (c *Client) Threads(ctx context.Context, vm string) (map[int]int, error) {
	var r ThreadsReply
	_, err := c.call(ctx, VerbThreads, ByVM{VM: vm}, nil, &r, 0)
	return r.Host, err
}

// Shares returns the tags of a VM's shares whose virtiofsd has ended, and how.
func (c *Client) Shares(ctx context.Context, vm string) (map[string]string, error) {
	var r SharesReply
	_, err := c.call(ctx, VerbShares, ByVM{VM: vm}, nil, &r, 0)
	return r.Ended, err
}

// KVM returns the probe VM's verdict. The first call of a boot takes up to a second.
func (c *Client) KVM(ctx context.Context) (KVMReply, error) {
	var r KVMReply
	_, err := c.call(ctx, VerbKVM, KVM{}, nil, &r, 0)
	return r, err
}

func (c *Client) oneFile(ctx context.Context, verb Verb, body any, files []*os.File, reply any) (*os.File, error) {
	got, err := c.call(ctx, verb, body, files, reply, 1)
	if err != nil {
		return nil, err
	}
	return got[0], nil
}
