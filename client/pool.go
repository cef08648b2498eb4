package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/wire"
)

// CreatePool makes a pool to keep volumes in.
func (c *Client) CreatePool(ctx context.Context, body wire.CreatePool, ch Change) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "pools").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// EditPool changes a pool by a merge patch (RFC 7386) of its spec and labels: {"warnPercent": 70}.
func (c *Client) EditPool(ctx context.Context, name string, patch json.RawMessage, ch Change) (Result, error) {
	return c.mutate(ctx, newRequest(http.MethodPatch, "v1", "pools", name).raw("application/merge-patch+json", patch), ch)
}

// DeletePool lets go of a pool that keeps no volume. Its folder, or thin pool, stays.
func (c *Client) DeletePool(ctx context.Context, name string, ch Change) (Result, error) {
	return c.mutate(ctx, newRequest(http.MethodDelete, "v1", "pools", name), ch)
}

// Pool returns one pool, with who uses what of it.
func (c *Client) Pool(ctx context.Context, name string) (wire.Pool, error) {
	return call[wire.Pool](ctx, c, newRequest(http.MethodGet, "v1", "pools", name))
}

// Pools goes through the pools of the host, ordered by name.
func (c *Client) Pools(ctx context.Context, opt ListOptions) iter.Seq2[wire.Pool, error] {
	return each(opt, func(opt ListOptions) (Page[wire.Pool], error) { return c.PoolPage(ctx, opt) })
}

// PoolPage returns one page of the pools of the host.
func (c *Client) PoolPage(ctx context.Context, opt ListOptions) (Page[wire.Pool], error) {
	return page[wire.Pool](ctx, c, newRequest(http.MethodGet, "v1", "pools"), opt)
}

// RecoverStorage rebuilds what the store has lost from the notes that stand on the pools.
func (c *Client) RecoverStorage(ctx context.Context, ch Change) (Result, error) {
	return c.mutate(ctx, newRequest(http.MethodPost, "v1", "storage", "actions", "recover"), ch)
}
