package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/wire"
)

// CreateKey makes a key to encrypt volumes with.
func (c *Client) CreateKey(ctx context.Context, body wire.CreateKey, ch Change) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "keys").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// UnlockKey opens a key, with its passphrase where it has one.
func (c *Client) UnlockKey(ctx context.Context, name, passphrase string, ch Change) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "keys", name, "actions", "unlock").json(wire.UnlockKey{Passphrase: passphrase})
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// ResealKey gives a key another passphrase.
func (c *Client) ResealKey(ctx context.Context, name string, body wire.ResealKey, ch Change) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "keys", name, "actions", "reseal").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// LockKey forgets a key's secret until it is unlocked.
func (c *Client) LockKey(ctx context.Context, name string, ch Change) (Result, error) {
	return c.mutate(ctx, newRequest(http.MethodPost, "v1", "keys", name, "actions", "lock"), ch)
}

// RotateKey puts a new secret in the place of a key's.
func (c *Client) RotateKey(ctx context.Context, name string, ch Change) (Result, error) {
	return c.mutate(ctx, newRequest(http.MethodPost, "v1", "keys", name, "actions", "rotate"), ch)
}

// DeleteKey deletes a key that nothing is encrypted with.
func (c *Client) DeleteKey(ctx context.Context, name string, ch Change) (Result, error) {
	return c.mutate(ctx, newRequest(http.MethodDelete, "v1", "keys", name), ch)
}

// Key returns one key, with what is encrypted with it.
func (c *Client) Key(ctx context.Context, name string) (wire.Key, error) {
	return call[wire.Key](ctx, c, newRequest(http.MethodGet, "v1", "keys", name))
}

// Keys goes through the keys of the host, ordered by name.
func (c *Client) Keys(ctx context.Context, opt ListOptions) iter.Seq2[wire.Key, error] {
	return each(opt, func(opt ListOptions) (Page[wire.Key], error) { return c.KeyPage(ctx, opt) })
}

// KeyPage returns one page of the keys of the host.
func (c *Client) KeyPage(ctx context.Context, opt ListOptions) (Page[wire.Key], error) {
	return page[wire.Key](ctx, c, newRequest(http.MethodGet, "v1", "keys"), opt)
}
