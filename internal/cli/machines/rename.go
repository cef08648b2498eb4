package machines

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

func rename(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rename OLD NEW",
		Short: "Give a VM another name",
		Long: `Gives a VM another name. One that runs goes on; its console, logs, disks and address stay as they are. QEMU and the
process list keep the old name until the VM is started anew.

A VM that stands in the host's declaration is renamed there.`,
		Example:           "  hv vm rename web www",
		Args:              session.Exactly("OLD", "NEW"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			return change.Run(cmd.Context(), s, change.Change{Noun: "vm", Name: args[0], Verb: "rename", Past: "is " + args[1] + " now",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.RenameVM(ctx, s.Ref(args[0]), args[1], how)
				}})
		},
	}
	s.Mutates(cmd)
	return cmd
}
