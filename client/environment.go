package client

import (
	"context"
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Environments returns the development environments that the host offers.
func (c *Client) Environments(ctx context.Context) ([]vm.Environment, error) {
	e, err := call[wire.Environments](ctx, c, newRequest(http.MethodGet, "v1", "environments"))
	return e.Environments, err
}

// CreateEnvironment makes a VM that is a development environment, on a volume that begins as its image.
func (c *Client) CreateEnvironment(ctx context.Context, project string, body wire.CreateEnvironment, ch Change) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "projects", projectOr(project), "environments").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}
