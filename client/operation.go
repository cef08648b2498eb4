package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Operation returns one operation by a prefix of its ID that only it has.
func (c *Client) Operation(ctx context.Context, id string) (operation.Operation, error) {
	return call[operation.Operation](ctx, c, newRequest(http.MethodGet, "v1", "operations", id))
}

// Operations goes through operations, newest first. opt.Filter is text that the target contains.
func (c *Client) Operations(ctx context.Context, opt ListOptions) iter.Seq2[operation.Operation, error] {
	return each(opt, func(opt ListOptions) (Page[operation.Operation], error) { return c.OperationPage(ctx, opt) })
}

// OperationPage returns one page of operations.
func (c *Client) OperationPage(ctx context.Context, opt ListOptions) (Page[operation.Operation], error) {
	return page[operation.Operation](ctx, c, newRequest(http.MethodGet, "v1", "operations"), opt)
}

// CancelOperation puts back the wish that was before an operation's, and ends the operation. The
// result is the cancelling itself, an operation of its own.
func (c *Client) CancelOperation(ctx context.Context, id string, ch Change) (Result, error) {
	return c.mutate(ctx, newRequest(http.MethodPost, "v1", "operations", id, "actions", "cancel"), ch)
}

// WaitOperation waits until an operation has ended and returns it, however it ended. onChange, if not
// nil, is called with every state of it that is seen, the first and the last included. When ctx ends,
// the waiting does and the operation goes on; its error is the context's cause.
//
// It listens to events and asks once more after each break, so that nothing is missed.
func (c *Client) WaitOperation(ctx context.Context, id string, onChange func(operation.Operation)) (operation.Operation, error) {
	w := &waiting{tell: onChange}
	op, err := c.Operation(ctx, id)
	if err != nil || w.see(op) {
		return op, err
	}
	subject := "operation/" + op.Target.Project + "/" + op.ID
	opened := func(ctx context.Context) (bool, error) { // what happened before the stream began
		now, err := c.Operation(ctx, op.ID)
		return err == nil && w.see(now), err
	}
	for ev, err := range c.follow(ctx, EventOptions{Types: []string{"operation."}, Subject: subject}, opened) {
		if err != nil {
			return w.last, err
		}
		var now operation.Operation
		if err := json.Unmarshal(ev.Data, &now); err != nil || now.ID != op.ID {
			continue // of a newer daemon, or of an operation whose ID begins the same
		}
		if w.see(now) {
			break
		}
	}
	if !w.last.State.Ended() {
		return w.last, fault.New(fault.Unavailable, "the events of operation %s ended before it did", op.ID).WithCode(wire.CodeCutOff)
	}
	return w.last, nil
}

// waiting remembers the newest that was seen of an operation.
type waiting struct {
	last operation.Operation
	text string
	tell func(operation.Operation)
}

// see reports whether the operation has ended.
func (w *waiting) see(op operation.Operation) bool {
	if text, err := json.Marshal(op); err == nil && string(text) != w.text && !w.last.State.Ended() {
		w.last, w.text = op, string(text)
		if w.tell != nil {
			w.tell(op)
		}
	}
	return w.last.State.Ended()
}
