package machines

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// cdrom is `hv vm cdrom`.
func cdrom(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cdrom",
		Short: "Change what is in VMs' CD-ROM drives",
		Long: `Changes what is in VMs' CD-ROM drives, at once where the VM runs.

A guest that has mounted what is in a drive holds its tray: the command fails, and the change is made as soon as the
guest lets go. --force does not ask the guest.`,
		Example: "  hv vm cdrom insert first install debian-iso\n  hv vm cdrom eject first install",
	}
	cmd.AddCommand(
		medium(s, "insert", "inserted", "NAME DRIVE VOLUME", "Put a volume into a drive", "  hv vm cdrom insert first install debian-iso"),
		medium(s, "eject", "ejected", "NAME DRIVE", "Take out what is in a drive", "  hv vm cdrom eject first install --force"))
	return cmd
}

func medium(s *session.Session, verb, past, names, short, example string) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:               verb + " " + names,
		Short:             short,
		Long:              short + ". A drive is named as in the VM's spec: cdroms.DRIVE.",
		Example:           example,
		Args:              session.Exactly(strings.Fields(names)...),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt := wire.MediumOptions{Drive: args[1], Force: force}
			if len(args) > 2 {
				opt.Volume = args[2]
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "vm", Name: args[0], Verb: verb + " the medium of", Past: "medium " + past,
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.ChangeMedium(ctx, s.Ref(args[0]), opt, how)
				}})
		},
	}
	s.Mutates(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "also where the guest uses what is in it")
	return cmd
}
