package machines

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/clones"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// cloning is what `hv vm clone` was asked for.
type cloning struct {
	*session.Session
	body         wire.CloneVM
	labels       []string
	linked, full bool
	pool         string
}

func clone(s *session.Session) *cobra.Command {
	r := &cloning{Session: s}
	cmd := &cobra.Command{
		Use:   "clone VM NEW",
		Short: "Make a VM that begins as another one",
		Long: `Makes a VM that begins as another one. It is another machine: it gets a UUID, MAC addresses, a generation id and a cloud-init
instance of its own, so that its guest makes a machine-id and SSH host keys anew at its first boot. Its TPM and its UEFI variables
begin as new. It is off. Its volumes are named after it: NEW-root. What is only read the two share, and so are drives.

--linked, which is what is done unless said otherwise, has the new volumes share what they begin with: it takes no time and no room,
in one step, and both have to be in a pool that keeps layers. VM must be off, or --snapshot names one of its snapshots. --full copies
the volumes, also while VM runs: each by itself, so several disks may be of slightly different moments; with --snapshot they are of
the one moment of that.`,
		Example:           "  hv vm clone web web-test\n  hv vm clone web web-test --snapshot before-upgrade\n  hv vm clone web web-copy --full --pool fast",
		Args:              session.Exactly("VM", "NEW"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.body.Name = args[1]
			var err error
			if r.body.Labels, err = session.Labels(r.labels); err != nil {
				return err
			}
			switch {
			case r.full && r.linked:
				return report.Usage("leave one of them out", "--full copies what --linked shares")
			case r.pool != "" && !r.full:
				return report.Usage("hv vm clone VM NEW --full --pool POOL", "--pool: linked clones are where what they stand on is")
			case r.full && r.body.Snapshot != "":
				return clones.InFull(cmd.Context(), s, args[0], r.body, r.pool)
			case r.full:
				return r.copies(cmd.Context(), args[0])
			}
			return clones.Make(cmd.Context(), s, args[0], r.body)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&r.linked, "linked", false, "the new volumes share what they begin with (so it is when absent)")
	f.BoolVar(&r.full, "full", false, "copy the volumes")
	f.StringVar(&r.body.Snapshot, "snapshot", "", "begin as it was in this snapshot")
	f.StringVar(&r.pool, "pool", "", "with --full: the pool of the copies")
	f.StringArrayVar(&r.labels, "label", nil, "a label beside those of VM: KEY=VALUE")
	session.Values(cmd, "snapshot")
	s.LiveFlag(cmd, "pool", s.Pools)
	s.Mutates(cmd)
	return cmd
}

// copies makes full copies of the volumes, and then the VM on them. What was made goes when the VM is not.
func (r *cloning) copies(ctx context.Context, from string) error {
	c, err := r.Client()
	if err != nil {
		return err
	}
	of, err := c.VM(ctx, r.Ref(from))
	if err != nil {
		return err
	}
	if _, err := c.VM(ctx, r.Ref(r.body.Name)); err == nil {
		return fault.New(fault.Conflict, "vm %q exists already", r.body.Name).Try("choose another name").WithCode("HV-VM-022")
	}
	var all []change.Change
	made := map[string]string{}
	for _, device := range slices.Sorted(maps.Keys(of.Spec.Disks)) {
		d := of.Spec.Disks[device]
		if d.ReadOnly {
			continue
		}
		body := wire.CloneVolume{Name: r.body.Name + "-" + device, Pool: r.pool}
		made[device] = body.Name
		all = append(all, change.Change{Noun: "volume", Name: d.Volume, Verb: "clone", Past: "cloned to " + body.Name,
			Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				return c.CloneVolume(ctx, r.Ref(d.Volume), body, how)
			}})
	}
	if len(all) > 0 {
		waits := *r.Session
		waits.NoWait = false
		err = change.Run(ctx, &waits, all...)
	}
	if r.DryRun {
		return err
	}
	if err == nil {
		r.body.Volumes = made
		err = clones.Make(ctx, r.Session, from, r.body)
	}
	if err == nil {
		return nil
	}
	for _, device := range slices.Sorted(maps.Keys(made)) { // those that are not there are gone already
		if _, gone := c.DeleteVolume(context.WithoutCancel(ctx), r.Ref(made[device]), true, client.Change{}); !errors.Is(gone, fault.NotFound) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
