package client

import (
	"context"
	"iter"
)

// page asks for one page of a list and decodes its items.
func page[T any](ctx context.Context, c *Client, r *request, opt ListOptions) (Page[T], error) {
	for k, v := range opt.query() {
		r.query[k] = v
	}
	// The items are decoded with the page, not after it: ten thousand of them are read once.
	p, err := call[struct {
		Items    []T    `json:"items"`
		Next     string `json:"next"`
		Revision int64  `json:"revision"`
		Total    int    `json:"total"`
	}](ctx, c, r)
	if err != nil {
		return Page[T]{}, err
	}
	if p.Items == nil {
		p.Items = []T{}
	}
	return Page[T](p), nil
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
