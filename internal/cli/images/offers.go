package images

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

// offers lists what a source has, as SOURCE:ITEM, for completion.
func offers(source string) session.Lister {
	return func(ctx context.Context, c *client.Client) ([]string, error) {
		all, err := c.ImageOffers(ctx, source)
		var names []string
		for _, o := range all.Offers {
			names = append(names, source+":"+o.Name+"\t"+o.Title)
		}
		return names, err
	}
}
