package snapshots

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
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

With --full they are copies that share nothing, in any pool: each is made by way of a linked clone, NEW-root-linked, which is gone at the end.`,
		Example:           "  hv snapshot clone web before-upgrade web-test\n  hv snapshot clone web before-upgrade web-2 --full",
		Args:              session.Exactly("VM", "NAME", "NEW"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if pool != "" && !full {
				return report.Usage("--full --pool "+pool, "--pool: a linked clone is in the pool of what it stands on")
			}
			if full && s.NoWait {
				return report.Usage("leave --no-wait out", "--no-wait: what is copied with --full goes through a clone that is taken away at the end")
			}
			if !full { // VM and volumes in one step
				return change.Run(ctx, s, change.Change{Noun: "vm", Name: args[2], Verb: "create", Past: "created",
					Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
						return c.CloneVM(ctx, s.Ref(args[0]), wire.CloneVM{Name: args[2], Snapshot: args[1]}, how)
					}})
			}
			c, err := s.Client()
			if err != nil {
				return err
			}
			of, err := c.VM(ctx, s.Ref(args[0]))
			if err != nil {
				return err
			}
			set, err := find(ctx, s, args[0], args[1])
			if err != nil {
				return err
			}
			def := cloned(of, set, args[2])
			if err := fully(ctx, s, c, set, args[2], pool); err != nil {
				return err
			}
			err = change.Run(ctx, s, change.Change{Noun: "vm", Name: args[2], Verb: "create", Past: "created",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					if how.DryRun { // its volumes are not there yet
						def.Disks = of.Spec.Clone().Disks
						maps.DeleteFunc(def.Disks, func(device string, _ vm.Disk) bool { _, in := set.Disks[device]; return in })
					}
					return c.CreateVM(ctx, s.Project, def, how)
				}})
			if err == nil || s.DryRun {
				return err
			}
			for device := range set.Disks { // what was made for it goes with it
				_, gone := c.DeleteVolume(context.WithoutCancel(ctx), s.Ref(args[2]+"-"+device), true, client.Change{})
				err = errors.Join(err, gone)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&full, "full", false, "copy the disks: they share nothing with those of VM")
	cmd.Flags().StringVar(&pool, "pool", "", "with --full, the pool that the copies are made in; that of their source when absent")
	s.LiveFlag(cmd, "pool", s.Pools)
	s.Mutates(cmd)
	return cmd
}

// fully makes copies of what is in a set. What a linked clone stands on is written to by nobody and is merged with nothing, so the
// clone is what is copied, while VM runs; it goes whatever becomes of the copy.
func fully(ctx context.Context, s *session.Session, c *client.Client, set wire.Snapshot, name, pool string) error {
	for _, device := range slices.Sorted(maps.Keys(set.Disks)) {
		volume, copied := set.Disks[device].Volume, name+"-"+device
		link := func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			return c.CloneVolume(ctx, s.Ref(volume), wire.CloneVolume{Name: copied + "-linked", Linked: true, Snapshot: set.Name}, how)
		}
		if err := change.Run(ctx, s, change.Change{Noun: "volume", Name: volume, Verb: "clone", Past: "linked to " + copied + "-linked", Do: link}); err != nil {
			return err
		}
		if s.DryRun { // there is no clone yet that could be copied
			continue
		}
		err := change.Run(ctx, s, change.Change{Noun: "volume", Name: copied + "-linked", Verb: "copy", Past: "copied to " + copied,
			Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				return c.CloneVolume(ctx, s.Ref(copied+"-linked"), wire.CloneVolume{Name: copied, Pool: pool}, how)
			}})
		_, gone := c.DeleteVolume(context.WithoutCancel(ctx), s.Ref(copied+"-linked"), true, client.Change{})
		if err := errors.Join(err, gone); err != nil {
			return err
		}
	}
	return nil
}

// cloned is the new VM.
func cloned(of wire.VM, set wire.Snapshot, name string) vm.Definition {
	def := vm.Definition{Name: name, Labels: of.Metadata.Labels, Spec: of.Spec.Clone()}
	def.UUID, def.GenerationID, def.Power = "", "", vm.Off
	for nic, n := range def.NICs {
		n.MAC = ""
		def.NICs[nic] = n
	}
	for device := range set.Disks {
		d := def.Disks[device]
		d.Volume = name + "-" + device
		if def.Disks == nil {
			def.Disks = map[string]vm.Disk{}
		}
		def.Disks[device] = d
	}
	return def
}
