package snapshots

import (
	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/clones"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func clone(s *session.Session) *cobra.Command {
	var full bool
	var pool string
	cmd := &cobra.Command{
		Use:   "clone VM NAME NEW",
		Short: "Make a new VM of a snapshot",
		Long: `Makes a new VM whose disks begin as they were in a snapshot of another one, which may run meanwhile. They are linked clones: they
share what they begin with, and take room only for what is written to them. The new VM is as VM is now, with a UUID, MAC addresses
and a generation id of its own, so that cloud-init makes it another machine; its firmware and its TPM begin as new. It is off.
Its volumes are named after it: NEW-root.

With --full each of them is then made one file that shares nothing, in any pool; hv vm clone --full --snapshot does the same.`,
		Example:           "  hv snapshot clone web before-upgrade web-test\n  hv snapshot clone web before-upgrade web-2 --full",
		Args:              session.Exactly("VM", "NAME", "NEW"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if pool != "" && !full {
				return report.Usage("--full --pool "+pool, "--pool: a linked clone is in the pool of what it stands on")
			}
			body := wire.CloneVM{Name: args[2], Snapshot: args[1]}
			if full {
				return clones.InFull(cmd.Context(), s, args[0], body, pool)
			}
			return clones.Make(cmd.Context(), s, args[0], body)
		},
	}
	cmd.Flags().BoolVar(&full, "full", false, "copy the disks: they share nothing with those of VM")
	cmd.Flags().StringVar(&pool, "pool", "", "with --full, the pool that the copies are made in; that of their source when absent")
	s.LiveFlag(cmd, "pool", s.Pools)
	s.Mutates(cmd)
	return cmd
}
