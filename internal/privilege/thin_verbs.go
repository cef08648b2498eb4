//go:build linux

package privilege

import (
	"context"
	"os"
)

// ThinPool returns how a thin pool stands, with the volumes of ours in it by their names; or with the one that is asked
// for, if it is there.
func (c *Client) ThinPool(ctx context.Context, p ThinPool) (ThinPoolReply, error) {
	var all ThinPoolReply
	for {
		var page ThinPoolReply
		if _, err := c.call(ctx, VerbThinPool, p, nil, &page, 0); err != nil {
			return ThinPoolReply{}, err
		}
		page.Volumes = append(all.Volumes, page.Volumes...)
		all = page
		if page.Next == "" {
			return all, nil
		}
		p.After = page.Next
	}
}

// ThinChange changes one volume of a thin pool.
func (c *Client) ThinChange(ctx context.Context, t ThinChange) error {
	_, err := c.call(ctx, VerbThinChange, t, nil, nil, 0)
	return err
}

// ThinOpen opens the block device of a volume, which the caller closes.
func (c *Client) ThinOpen(ctx context.Context, t ThinOpen) (*os.File, error) {
	return c.oneFile(ctx, VerbThinOpen, t, nil, nil)
}
