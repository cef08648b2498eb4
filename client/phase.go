package client

import (
	"context"
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Phase returns the phase of the daemon's host.
func (c *Client) Phase(ctx context.Context) (wire.Phase, error) {
	return call[wire.Phase](ctx, c, newRequest(http.MethodGet, "v1", "phase"))
}

// Harden seals the host. The recovery key is the caller's: its hash alone is sent.
func (c *Client) Harden(ctx context.Context, opt wire.Harden, ch Change) (Result, error) {
	return c.phase(ctx, "harden", opt, ch)
}

// Unlock begins to lead the host out of the hardened phase; it takes effect later.
func (c *Client) Unlock(ctx context.Context, opt wire.Unlock, ch Change) (Result, error) {
	return c.phase(ctx, "unlock", opt, ch)
}

// Relock calls an unlock off.
func (c *Client) Relock(ctx context.Context, ch Change) (Result, error) {
	return c.mutate(ctx, newRequest(http.MethodPost, "v1", "phase", "actions", "relock"), ch)
}

func (c *Client) phase(ctx context.Context, verb string, body any, ch Change) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "phase", "actions", verb).json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}
