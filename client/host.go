package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/wire"
)

// FeatureOptions narrow the list of features; one of them at a time.
type FeatureOptions struct {
	Set     string // low, moderate or high
	MaxRisk string // minimal, low, moderate, high or critical
}

// Features returns the features of the catalogue as they stand on the daemon's host.
func (c *Client) Features(ctx context.Context, opt FeatureOptions) (wire.Features, error) {
	r := newRequest(http.MethodGet, "v1", "features")
	r.query.text("set", opt.Set)
	r.query.text("maxRisk", opt.MaxRisk)
	return call[wire.Features](ctx, c, r)
}

// Host returns what is known of the daemon's host.
func (c *Client) Host(ctx context.Context) (wire.Host, error) {
	return call[wire.Host](ctx, c, newRequest(http.MethodGet, "v1", "host"))
}

// StopVMs stops every VM, because the host is to go down.
func (c *Client) StopVMs(ctx context.Context, opt wire.StopVMs, ch Change) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "host", "actions", "stop-vms").json(opt)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// Version returns the daemon's version and that of its API.
func (c *Client) Version(ctx context.Context) (wire.Version, error) {
	return call[wire.Version](ctx, c, newRequest(http.MethodGet, "v1", "version"))
}

// AuditRecords goes through the audit log, oldest first. opt.Cursor is the number of the record
// after which to begin, as text.
func (c *Client) AuditRecords(ctx context.Context, opt ListOptions) iter.Seq2[wire.AuditRecord, error] {
	return each(opt, func(opt ListOptions) (Page[wire.AuditRecord], error) { return c.AuditPage(ctx, opt) })
}

// AuditPage returns one page of the audit log.
func (c *Client) AuditPage(ctx context.Context, opt ListOptions) (Page[wire.AuditRecord], error) {
	return page[wire.AuditRecord](ctx, c, newRequest(http.MethodGet, "v1", "audit"), ListOptions{Limit: opt.Limit, Cursor: opt.Cursor})
}
