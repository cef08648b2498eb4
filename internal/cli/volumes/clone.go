package volumes

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// clone is `hv volume clone`.
func clone(s *session.Session) *cobra.Command {
	var body wire.CloneVolume
	var labels []string
	cmd := &cobra.Command{
		Use:   "clone SOURCE NEW --linked",
		Short: "Make volumes that begin as a copy of another",
		Long: `Makes volumes that begin as a copy of another. A linked one shares what it begins with, and takes room only for what is
written to it; it is there in milliseconds, whatever the size. The source stays as it is and can be written to again at
once: from then on it has a layer of its own too. It must not be written to by a VM that runs.

With --count many are made by one call, or none: NEW-1, NEW-2 and so on.`,
		Example:           "  hv volume clone debian web-root --linked\n  hv volume clone debian worker --linked --count 100",
		Args:              session.Exactly("SOURCE", "NEW"),
		ValidArgsFunction: s.Live(1, s.Volumes),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !body.Linked {
				return report.Usage("--linked", "--linked is missing: the clone is to share the layers of %s", args[0])
			}
			var err error
			body.Name = args[1]
			if body.Labels, err = session.Labels(labels); err != nil {
				return err
			}
			past := "cloned to " + args[1]
			if body.Count > 1 {
				past = fmt.Sprintf("cloned to %s-1 … %s-%d", args[1], args[1], body.Count)
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "volume", Name: args[0], Verb: "clone", Past: past,
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.CloneVolume(ctx, s.Ref(args[0]), body, how)
				}})
		},
	}
	cmd.Flags().BoolVar(&body.Linked, "linked", false, "share what the clone begins with")
	cmd.Flags().IntVar(&body.Count, "count", 0, "how many to make at once, 100 at most")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "a label: KEY=VALUE")
	session.Values(cmd, "count", "10", "100")
	s.Mutates(cmd)
	return cmd
}
