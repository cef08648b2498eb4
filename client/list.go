package client

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// page asks for one page of a list and decodes its items.
func page[T any](ctx context.Context, c *Client, r *request, opt ListOptions) (Page[T], error) {
	for k, v := range opt.query() {
		r.query[k] = v
	}
	p, err := call[wire.Page](ctx, c, r)
	if err != nil {
		return Page[T]{}, err
	}
	out := Page[T]{Items: make([]T, len(p.Items)), Next: p.Next, Revision: p.Revision, Total: p.Total}
	for i, item := range p.Items {
		if err := json.Unmarshal(item, &out.Items[i]); err != nil {
			return Page[T]{}, fault.New(fault.Unreadable, "an item of the list is not in the words of this API").Because(err).
				WithCode(wire.CodeStrangers).Try("use a client of the daemon's release: hv version")
		}
	}
	return out, nil
}

// each goes through the items of all pages. An error is the last thing it yields.
func each[T any](opt ListOptions, get func(ListOptions) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			p, err := get(opt)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if p.Next == "" || p.Next == opt.Cursor {
				return
			}
			opt.Cursor = p.Next
		}
	}
}
