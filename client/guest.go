package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Guest asks a VM's guest, by its agent, what it says of itself now. What it said last stands in the VM's status.
func (c *Client) Guest(ctx context.Context, ref model.Ref) (vm.GuestStatus, error) {
	return call[vm.GuestStatus](ctx, c, vmRequest(http.MethodGet, ref, "guest"))
}

// Exec runs a program in a VM's guest, as its agent's user, and returns when it has ended. A program that ends with
// another code than 0 is no error. Whoever stops waiting leaves it running.
func (c *Client) Exec(ctx context.Context, ref model.Ref, what vm.ExecRequest) (vm.ExecResult, error) {
	r, err := vmRequest(http.MethodPost, ref, "actions", "exec").json(what)
	if err != nil {
		return vm.ExecResult{}, err
	}
	return call[vm.ExecResult](ctx, c, r)
}

// ExecStream is Exec that tells what the program writes while it runs, part by part; the guest's program waits for tell. Who
// stops waiting ends the program. It goes on where its time is up, or the daemon ends.
func (c *Client) ExecStream(ctx context.Context, ref model.Ref, what vm.ExecRequest, tell func(vm.ExecPart) error) (vm.ExecResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := vmRequest(http.MethodPost, ref, "actions", "exec").json(what)
	if err != nil {
		return vm.ExecResult{}, err
	}
	r.header.Set("Accept", "text/event-stream")
	resp, err := c.send(ctx, r)
	if err != nil {
		return vm.ExecResult{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	frames := newFrames(resp.Body)
	for {
		f, err := frames.next()
		if err != nil {
			return vm.ExecResult{}, c.broken(ctx, err)
		}
		if f.event == problemEvent {
			return vm.ExecResult{}, f.problem()
		}
		var part vm.ExecPart
		if err := json.Unmarshal(f.data, &part); err != nil {
			return vm.ExecResult{}, fault.New(fault.Unreadable, "what a program wrote is not in the words of this API").Because(err).WithCode(wire.CodeStrangers)
		}
		if part.Ended != nil {
			return *part.Ended, nil
		}
		if err := tell(part); err != nil {
			return vm.ExecResult{}, err
		}
	}
}

// SetGuestPassword gives a user of a VM's guest a password.
func (c *Client) SetGuestPassword(ctx context.Context, ref model.Ref, what wire.GuestPassword) error {
	r, err := vmRequest(http.MethodPost, ref, "actions", "set-password").json(what)
	if err != nil {
		return err
	}
	return c.do(ctx, r)
}

// SetGuestTime gives a VM's guest the host's time.
func (c *Client) SetGuestTime(ctx context.Context, ref model.Ref) error {
	return c.do(ctx, vmRequest(http.MethodPost, ref, "actions", "set-time"))
}

// TrimGuest has a VM's guest give back what its files do not use.
func (c *Client) TrimGuest(ctx context.Context, ref model.Ref) (wire.GuestTrim, error) {
	return call[wire.GuestTrim](ctx, c, vmRequest(http.MethodPost, ref, "actions", "trim"))
}

// do makes a call whose answer says nothing more.
func (c *Client) do(ctx context.Context, r *request) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// CloudInit returns what a VM's guest is told at its first boot; with secrets, which root alone is shown, as it is.
func (c *Client) CloudInit(ctx context.Context, ref model.Ref, secrets bool) (wire.CloudInit, error) {
	path := []string{"cloud-init"}
	if secrets {
		path = append(path, "secrets")
	}
	return call[wire.CloudInit](ctx, c, vmRequest(http.MethodGet, ref, path...))
}
