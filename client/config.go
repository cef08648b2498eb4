package client

import (
	"context"
	"net/http"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Applying is how a declaration is applied, beside what holds for every change.
type Applying struct {
	Change
	Plan    string // the digest of the plan that was looked at: refused (Precondition) once another would follow; empty for none
	Message string // why, for the history
	NoWait  bool   // be refused (Conflict) while another declaration is applied, instead of waiting for its end
}

func (a Applying) in(r *request) *request {
	r.query.text("plan", a.Plan)
	r.query.text("message", a.Message)
	r.query.flag("noWait", a.NoWait)
	return r
}

// ApplyConfig makes a declaration the one that stands. encoded is what config.Declaration.Encode
// writes. With a dry run the preview has the plan, whose digest the apply can name.
func (c *Client) ApplyConfig(ctx context.Context, encoded []byte, how Applying) (Result, error) {
	return c.mutate(ctx, how.in(newRequest(http.MethodPut, "v1", "config").raw("application/json", encoded)), how.Change)
}

// RollBackConfig lets the content of an earlier generation of the declaration stand again; 0 is the one before
// that which stands.
func (c *Client) RollBackConfig(ctx context.Context, generation int64, how Applying) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "config", "actions", "rollback").json(wire.Rollback{Generation: generation})
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, how.in(r), how.Change)
}

// Config returns the declaration that stands.
func (c *Client) Config(ctx context.Context) (wire.Config, error) {
	return call[wire.Config](ctx, c, newRequest(http.MethodGet, "v1", "config"))
}

// ConfigStatus holds what runs against what is declared.
func (c *Client) ConfigStatus(ctx context.Context) (wire.ConfigStatus, error) {
	return call[wire.ConfigStatus](ctx, c, newRequest(http.MethodGet, "v1", "config", "status"))
}

// Generations lists the generations of the declaration that are kept, newest first.
func (c *Client) Generations(ctx context.Context) (wire.Generations, error) {
	return call[wire.Generations](ctx, c, newRequest(http.MethodGet, "v1", "config", "generations"))
}

// Generation returns one of them.
func (c *Client) Generation(ctx context.Context, n int64) (wire.Config, error) {
	return call[wire.Config](ctx, c, newRequest(http.MethodGet, "v1", "config", "generations", strconv.FormatInt(n, 10)))
}
