package images

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// update is `hv image update`.
func update(s *session.Session) *cobra.Command {
	var allow bool
	cmd := &cobra.Command{
		Use:   "update NAME…",
		Short: "Fetch the newest version of images",
		Long: `Fetches the newest version of images, from where they came: the catalogue, a source, or a URL. Where its sum is the one that is
there, nothing is fetched. The newer one takes the name; the one that had it stays, under a name of its own, as long as a volume
or a snapshot stands on it.`,
		Example:           "  hv image update debian-12\n  hv image update debian-12 web --dry-run",
		Args:              s.Some("image"),
		ValidArgsFunction: s.Live(0, s.Images),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			if args, err = listing(s, c).Chosen(cmd.Context(), s, args); err != nil {
				return err
			}
			return updateAll(cmd.Context(), s, c, args, allow)
		},
	}
	cmd.Flags().BoolVar(&allow, "allow-downgrade", false, "also an older version than its source has listed before")
	s.Mutates(cmd)
	s.Selects(cmd)
	return cmd
}

func updateAll(ctx context.Context, s *session.Session, c *client.Client, names []string, allow bool) error {
	before := map[string]wire.Image{}
	var all []change.Change
	for _, name := range names {
		before[name], _ = c.Image(ctx, s.Ref(name)) // what is wrong is told by the change
		all = append(all, change.Change{Noun: "image", Name: name, Verb: "update", Past: "is the newest there is",
			Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				return c.UpdateImage(ctx, s.Ref(name), allow, how)
			}})
	}
	err := change.Run(ctx, s, all...)
	if s.DryRun || s.NoWait || s.Quiet || s.Output.ForPrograms() {
		return err
	}
	for _, name := range names {
		now, gone := c.Image(ctx, s.Ref(name))
		if was := before[name]; gone == nil && was.Metadata.UID != "" && was.Metadata.UID != now.Metadata.UID {
			fmt.Fprintf(s.Out, "image/%s: %s, and %s before\n", name, version(now), version(was))
		}
	}
	return err
}

// version says which version of an image it is: as its source counts, or else by what came.
func version(i wire.Image) string {
	switch {
	case i.Status.Version != "":
		return i.Status.Version
	case len(i.Status.SHA256) > 8:
		return i.Status.SHA256[:8]
	}
	return ""
}
