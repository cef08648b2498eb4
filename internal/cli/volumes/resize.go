package volumes

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func resize(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resize NAME SIZE",
		Short: "Make a volume larger",
		Long: `Makes a volume larger. Where a VM that runs has it, its guest sees that at once; the file systems on it are grown
inside the guest, by its own tools.

A volume is not made smaller: only its guest knows what would be cut off. Make a smaller one, attach both, and copy
inside the guest.`,
		Example: "  hv volume resize web-root 20GiB",
		Args:    session.Exactly("NAME", "SIZE"), ValidArgsFunction: s.Live(1, s.Volumes),
		RunE: func(cmd *cobra.Command, args []string) error {
			size, err := model.ParseBytes(args[1])
			if err != nil {
				return report.Usage("hv volume resize "+args[0]+" 20GiB", "SIZE: %v", err)
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "volume", Name: args[0], Verb: "resize", Past: "has " + size.String() + " now",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.ResizeVolume(ctx, s.Ref(args[0]), size, how)
				}})
		},
	}
	s.Mutates(cmd)
	return cmd
}

func rename(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rename OLD NEW",
		Short: "Give a volume another name",
		Long: `Gives a volume another name. The VMs that use it name it so from then on, whether they run or not; its file is
called by its UID and stays. A volume that a VM of the host's declaration uses is named there, and is refused.`,
		Example: "  hv volume rename web-root www-root",
		Args:    session.Exactly("OLD", "NEW"), ValidArgsFunction: s.Live(1, s.Volumes),
		RunE: func(cmd *cobra.Command, args []string) error {
			return change.Run(cmd.Context(), s, change.Change{Noun: "volume", Name: args[0], Verb: "rename", Past: "is " + args[1] + " now",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.RenameVolume(ctx, s.Ref(args[0]), args[1], how)
				}})
		},
	}
	s.Mutates(cmd)
	return cmd
}

func move(s *session.Session) *cobra.Command {
	var pool, limit string
	cmd := &cobra.Command{
		Use:   "move NAME --pool POOL",
		Short: "Move a volume into another pool",
		Long: `Moves a volume into another pool: it is copied there, from then on it is the one there, and the old one is taken away. A
crash at any point leaves one of both. hv operation cancel leaves it where it was.

A VM that runs with it runs on: its QEMU makes the copy, writes what its guest writes to both, and changes over when the
two are alike. If that VM ends meanwhile, the volume stays where it was. Of a VM that is off, what was copied is also compared;
it is started once the volume has been moved. A volume of several layers (a linked clone, one that began as an image) becomes one
file, also in the pool where it is, while nobody writes to it; one that is in a snapshot is refused.`,
		Example: "  hv volume move web-root --pool fast\n  hv volume move web-root --pool slow --limit 50MiB",
		Args:    session.Exactly("NAME"), ValidArgsFunction: s.Live(1, s.Volumes),
		RunE: func(cmd *cobra.Command, args []string) error {
			if pool == "" {
				return report.Usage("hv pool list", "--pool is missing: say where to")
			}
			body := wire.MoveVolume{Pool: pool}
			if limit != "" {
				n, err := model.ParseBytes(limit)
				if err != nil || n <= 0 {
					return report.Usage("--limit 50MiB", "--limit %q is no number of bytes a second", limit)
				}
				body.Limit = n
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "volume", Name: args[0], Verb: "move", Past: "is in pool " + pool + " now",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.MoveVolume(ctx, s.Ref(args[0]), body, how)
				}})
		},
	}
	cmd.Flags().StringVar(&pool, "pool", "", "into which pool")
	cmd.Flags().StringVar(&limit, "limit", "", "how many bytes a second it may take")
	session.Values(cmd, "limit", "50MiB", "200MiB")
	s.LiveFlag(cmd, "pool", s.Pools)
	s.Mutates(cmd)
	return cmd
}
