package client

import (
	"context"
	"net/http"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Keyslots is what a volume opens with.
func (c *Client) Keyslots(ctx context.Context, ref model.Ref) (wire.Keyslots, error) {
	return call[wire.Keyslots](ctx, c, volumeRequest(http.MethodGet, ref, "keyslots"))
}

// AddKeyslot has a recovery passphrase open a volume.
func (c *Client) AddKeyslot(ctx context.Context, ref model.Ref, body wire.AddKeyslot, ch Change) (Result, error) {
	r, err := volumeRequest(http.MethodPost, ref, "keyslots").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// RemoveKeyslot empties a keyslot of a volume; force, also one that a key opens.
func (c *Client) RemoveKeyslot(ctx context.Context, ref model.Ref, slot int, force bool, ch Change) (Result, error) {
	r := volumeRequest(http.MethodDelete, ref, "keyslots", strconv.Itoa(slot))
	r.query.flag("force", force)
	return c.mutate(ctx, r, ch)
}

// RecoverVolume has a volume's key open it again, by a passphrase that does.
func (c *Client) RecoverVolume(ctx context.Context, ref model.Ref, passphrase string, ch Change) (Result, error) {
	r, err := volumeRequest(http.MethodPost, ref, "actions", "recover").json(wire.RecoverVolume{Passphrase: passphrase})
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// RenewKey makes a new secret for a key that is lost.
func (c *Client) RenewKey(ctx context.Context, name, passphrase string, ch Change) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "keys", name, "actions", "renew").json(wire.UnlockKey{Passphrase: passphrase})
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}
