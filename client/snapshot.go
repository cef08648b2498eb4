package client

import (
	"context"
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// CreateSnapshot takes a snapshot of a VM.
func (c *Client) CreateSnapshot(ctx context.Context, ref model.Ref, body wire.CreateSnapshot, ch Change) (Result, error) {
	r, err := vmRequest(http.MethodPost, ref, "snapshots").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// RestoreSnapshot puts a VM back to a snapshot.
func (c *Client) RestoreSnapshot(ctx context.Context, ref model.Ref, name string, ch Change) (Result, error) {
	return c.mutate(ctx, vmRequest(http.MethodPost, ref, "snapshots", name, "actions", "restore"), ch)
}

// DeleteSnapshot deletes a snapshot of a VM.
func (c *Client) DeleteSnapshot(ctx context.Context, ref model.Ref, name string, ch Change) (Result, error) {
	return c.mutate(ctx, vmRequest(http.MethodDelete, ref, "snapshots", name), ch)
}

// EditSnapshot changes what is said of a snapshot, and whether it may be deleted.
func (c *Client) EditSnapshot(ctx context.Context, ref model.Ref, name string, body wire.EditSnapshot, ch Change) (Result, error) {
	r, err := vmRequest(http.MethodPatch, ref, "snapshots", name).json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// PruneSnapshots deletes the snapshots of a VM that no rule keeps.
func (c *Client) PruneSnapshots(ctx context.Context, ref model.Ref, body wire.PruneSnapshots, ch Change) (Result, error) {
	r, err := vmRequest(http.MethodPost, ref, "snapshots", "actions", "prune").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// Snapshots are those of a VM, the oldest first.
func (c *Client) Snapshots(ctx context.Context, ref model.Ref) (wire.Snapshots, error) {
	return call[wire.Snapshots](ctx, c, vmRequest(http.MethodGet, ref, "snapshots"))
}
