package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/wire"
)

// CreateShare lets VMs mount a folder of the host's.
func (c *Client) CreateShare(ctx context.Context, body wire.CreateShare, ch Change) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "shares").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// DeleteShare lets go of a share that no VM names. Its folder stays.
func (c *Client) DeleteShare(ctx context.Context, name string, ch Change) (Result, error) {
	return c.mutate(ctx, newRequest(http.MethodDelete, "v1", "shares", name), ch)
}

// Share returns one share.
func (c *Client) Share(ctx context.Context, name string) (wire.Share, error) {
	return call[wire.Share](ctx, c, newRequest(http.MethodGet, "v1", "shares", name))
}

// Shares goes through the shares of the host, ordered by name.
func (c *Client) Shares(ctx context.Context, opt ListOptions) iter.Seq2[wire.Share, error] {
	return each(opt, func(opt ListOptions) (Page[wire.Share], error) { return c.SharePage(ctx, opt) })
}

// SharePage returns one page of the shares of the host.
func (c *Client) SharePage(ctx context.Context, opt ListOptions) (Page[wire.Share], error) {
	return page[wire.Share](ctx, c, newRequest(http.MethodGet, "v1", "shares"), opt)
}
