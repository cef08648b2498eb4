package machines

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
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
		medium(s, "insert", "inserted", "NAME DRIVE VOLUME|ISO", "Put a volume, or an ISO of the library, into a drive", "  hv vm cdrom insert first install debian-iso"),
		medium(s, "eject", "ejected", "NAME DRIVE", "Take out what is in a drive", "  hv vm cdrom eject first install --force"))
	return cmd
}

func medium(s *session.Session, verb, past, names, short, example string) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   verb + " " + names,
		Short: short,
		Long: short + ". A drive is named as in the VM's spec: cdroms.DRIVE. An ISO of the library (hv image\nimport NAME FILE --kind iso) " +
			"gets a volume of its name, which takes no room; many drives may hold it.",
		Example:           example,
		Args:              session.Exactly(strings.Fields(names)...),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt := wire.MediumOptions{Drive: args[1], Force: force}
			if len(args) > 2 {
				opt.Volume = args[2]
				if err := volumeOf(cmd.Context(), s, args[2]); err != nil {
					return err
				}
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

// volumeOf makes the volume of an ISO where there is none of that name: it takes no room. What is neither is told by who
// asks for the volume.
func volumeOf(ctx context.Context, s *session.Session, name string) error {
	c, err := s.Client()
	if err != nil || s.DryRun {
		return err
	}
	if _, err := c.Volume(ctx, s.Ref(name)); err == nil || !errors.Is(err, fault.NotFound) {
		return nil // also where it cannot be asked
	}
	i, err := c.Image(ctx, s.Ref(name))
	if err != nil || i.Spec.Kind != storage.ISOImage {
		return nil //nolint:nilerr // there is no such image either
	}
	return change.Run(ctx, s, change.Change{Noun: "volume", Name: name, Verb: "create", Past: "created",
		Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			return c.CreateVolume(ctx, s.Project, wire.CreateVolume{Name: name, VolumeSpec: storage.VolumeSpec{Image: name, Encryption: storage.NoKey}}, how)
		}})
}
