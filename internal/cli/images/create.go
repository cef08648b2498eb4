package images

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func create(s *session.Session) *cobra.Command {
	var from string
	var body wire.CreateImage
	var labels []string
	cmd := &cobra.Command{
		Use:   "create NAME --from-vm VM",
		Short: "Make an image of a VM's disk: a template",
		Long: `Makes an image of a VM's disk, by a full copy: of one that is off, or of one of its snapshots. VMs that are made of it (hv run NAME)
begin with what VM has: CPUs, memory, the size of the disk, firmware, Secure Boot, TPM, and what runs in it.

What its guest has made of itself is in it: users and their keys, logs, shell histories, leases. Nothing on the disk is changed. Where
cloud-init is in the guest, each VM of it is a new instance, and gets a machine-id and SSH host keys of its own.`,
		Example:           "  hv image create web-base --from-vm web\n  hv image create web-base --from-vm web --snapshot installed\n  hv run web-base --name web2",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if from == "" {
				return report.Usage("hv image create NAME --from-vm VM", "an image is made of something: --from-vm is missing (of a file or a URL: hv image import)")
			}
			var err error
			if body.Labels, err = session.Labels(labels); err != nil {
				return err
			}
			body.Name = args[0]
			if !s.DryRun {
				s.Notice("copying a disk of vm %s; the image is there when all of it is", from)
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "image", Name: body.Name, Verb: "create", Past: "created",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.CreateImage(ctx, s.Ref(from), body, how)
				}})
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from-vm", "", "the VM whose disk is taken")
	f.StringVar(&body.Disk, "disk", "", "its disk, by its name in the VM (the one that it boots from when absent)")
	f.StringVar(&body.Snapshot, "snapshot", "", "as it was in this snapshot")
	f.StringArrayVar(&labels, "label", nil, "a label: KEY=VALUE")
	session.Values(cmd, "disk")
	session.Values(cmd, "snapshot")
	s.LiveFlag(cmd, "from-vm", s.VMs)
	s.Mutates(cmd)
	return cmd
}
