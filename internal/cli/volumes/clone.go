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
		Use:   "clone SOURCE NEW",
		Short: "Make volumes that begin as a copy of another",
		Long: `Makes volumes that begin as a copy of another. A full one is copied and compared, or shares blocks where the pool can; it
may be in another pool. A VM that uses the source is started once the copy is made. One that runs with it runs on: its QEMU
makes the copy, which is of one moment, with the guest's file systems frozen where its agent answers. A linked one shares what it begins
with, and takes room only for what is written to it; it is there in milliseconds, whatever the size. The source stays as
it is and can be written to again at once: from then on it has a layer of its own too. The guest of a VM that runs with it stands still for
milliseconds, as for a snapshot, and notices nothing else. With --snapshot the clone begins as the source was then, and is a linked one.

With --count many are made by one call, or none: NEW-1, NEW-2 and so on.`,
		Example:           "  hv volume clone web-root web-copy --pool slow\n  hv volume clone debian web-root --linked\n  hv volume clone debian worker --linked --count 100",
		Args:              session.Exactly("SOURCE", "NEW"),
		ValidArgsFunction: s.Live(1, s.Volumes),
		RunE: func(cmd *cobra.Command, args []string) error {
			body.Linked = body.Linked || body.Snapshot != ""
			if body.Count > 1 && !body.Linked {
				return report.Usage("--linked", "--count is for linked clones: full ones are made one by one")
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
	cmd.Flags().StringVar(&body.Snapshot, "snapshot", "", "begin as the source was in this snapshot of its VM")
	cmd.Flags().StringVar(&body.Pool, "pool", "", "the pool of a full clone (that of its source when absent)")
	s.LiveFlag(cmd, "pool", s.Pools)
	cmd.Flags().StringVar(&body.Encryption, "encryption", "", "the key of a full clone, or none (that of its source when absent)")
	s.LiveFlag(cmd, "encryption", s.Keys)
	cmd.Flags().IntVar(&body.Count, "count", 0, "how many to make at once, 100 at most")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "a label: KEY=VALUE")
	session.Values(cmd, "snapshot") // hv snapshot list VM says which there are
	session.Values(cmd, "count", "10", "100")
	s.Mutates(cmd)
	return cmd
}
