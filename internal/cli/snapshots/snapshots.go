// Package snapshots holds `hv snapshot`: sets of all that a VM is, as it was at one moment.
//
// What lives here: the commands. What does not: how changes are asked for and followed (change, follow).
package snapshots

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Command returns `hv snapshot`.
func Command(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Take snapshots of VMs, and go back to them",
		Long: `Takes snapshots of VMs and goes back to them. A snapshot is all of a VM at one moment: every disk that it writes to, what its
firmware remembers, and with --memory its memory, so that it goes on just where it was. It is whole, or it is not taken.`,
		Example: "  hv snapshot create web before-upgrade\n  hv snapshot list web\n  hv snapshot restore web before-upgrade",
	}
	cmd.AddCommand(create(s), list(s), show(s), restore(s), clone(s), edit(s), prune(s), remove(s))
	return cmd
}

func create(s *session.Session) *cobra.Command {
	var body wire.CreateSnapshot
	var quiesce string
	cmd := &cobra.Command{
		Use:   "create VM [NAME]",
		Short: "Take a snapshot of a VM",
		Long: `Takes a snapshot of a VM, whether it runs or not. A guest that runs stands still for some milliseconds; with --memory for as
long as it takes to save its memory. Where its agent answers, the guest writes out first what it holds back (--quiesce).
Without a name it is named by the time. --dry-run says what it may grow to.`,
		Example:           "  hv snapshot create web before-upgrade\n  hv snapshot create web --memory --description 'login page open'",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			body.Quiesce = vm.Quiesce(quiesce)
			if q := body.Quiesce; q != vm.QuiesceAuto && q != vm.QuiesceYes && q != vm.QuiesceNo {
				return report.Usage("--quiesce auto, yes or no", "--quiesce %q: there is no such value", quiesce)
			}
			what := "a snapshot"
			if len(args) > 1 {
				body.Name = args[1]
				what = "snapshot " + body.Name
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "vm", Name: args[0], Verb: "take " + what + " of", Past: what + " taken",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.CreateSnapshot(ctx, s.Ref(args[0]), body, how)
				}})
		},
	}
	cmd.Flags().BoolVar(&body.Memory, "memory", false, "its memory too")
	cmd.Flags().StringVar(&quiesce, "quiesce", string(vm.QuiesceAuto), "ask the guest to write out what it holds back: auto, yes or no")
	cmd.Flags().StringVar(&body.Description, "description", "", "what it is for")
	session.Values(cmd, "quiesce", string(vm.QuiesceAuto), string(vm.QuiesceYes), string(vm.QuiesceNo))
	s.Mutates(cmd)
	return cmd
}

func list(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:               "list VM",
		Aliases:           []string{"ls"},
		Short:             "List the snapshots of a VM",
		Long:              "Lists the snapshots of a VM as a tree: each stands on the one that the VM stood on. * is where it stands now.",
		Example:           "  hv snapshot list web",
		Args:              session.Exactly("VM"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			all, err := c.Snapshots(cmd.Context(), s.Ref(args[0]))
			switch {
			case err != nil:
				return err
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, all)
			case len(all.Items) == 0 && s.Output != output.Name:
				s.Notice("no snapshots yet: hv snapshot create " + args[0])
				told(s, all.Schedule)
				return nil
			}
			for _, line := range tree(all) {
				if s.Output == output.Name {
					fmt.Fprintln(s.Out, line.Name)
					continue
				}
				fmt.Fprintf(s.Out, "%-40s  %-12s  %8s  %s\n", line.mark, output.Age(s.Now(), line.Created), exclusive(line.Snapshot), line.note())
			}
			if s.Output != output.Name {
				told(s, all.Schedule)
			}
			return nil
		},
	}
}

type line struct {
	wire.Snapshot
	mark string
}

func (l line) note() string {
	var parts []string
	if l.State != "ready" {
		parts = append(parts, l.State)
	}
	if l.Scheduled {
		parts = append(parts, "by schedule")
	}
	if l.Protected {
		parts = append(parts, "protected")
	}
	if l.Memory > 0 {
		parts = append(parts, "with memory")
	}
	if l.Description != "" {
		parts = append(parts, l.Description)
	}
	return strings.Join(parts, ", ")
}

// tree orders snapshots as they stand on one another.
func tree(all wire.Snapshots) []line {
	children := map[string][]wire.Snapshot{}
	for _, one := range all.Items {
		children[one.Parent] = append(children[one.Parent], one)
	}
	var out []line
	var add func(parent string, depth int)
	add = func(parent string, depth int) {
		for _, one := range children[parent] {
			mark := "  "
			if one.Current {
				mark = "* "
			}
			out = append(out, line{one, mark + strings.Repeat("  ", depth) + one.Name})
			add(one.Name, depth+1)
		}
	}
	add("", 0)
	return out
}

func exclusive(one wire.Snapshot) string {
	total := one.Memory
	for _, d := range one.Disks {
		total += d.Exclusive
	}
	return output.Approx(total)
}

func find(ctx context.Context, s *session.Session, name, snapshot string) (wire.Snapshot, error) {
	c, err := s.Client()
	if err != nil {
		return wire.Snapshot{}, err
	}
	all, err := c.Snapshots(ctx, s.Ref(name))
	if err != nil {
		return wire.Snapshot{}, err
	}
	for _, one := range all.Items {
		if one.Name == snapshot {
			return one, nil
		}
	}
	return wire.Snapshot{}, fault.New(fault.NotFound, "vm %q has no snapshot %q", name, snapshot).Try("hv snapshot list %s", name).WithCode("HV-SNAP-001")
}

func show(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:               "show VM NAME",
		Short:             "Show one snapshot",
		Long:              "Shows one snapshot of a VM. -o json prints the API's object and nothing else.",
		Example:           "  hv snapshot show web before-upgrade",
		Args:              session.Exactly("VM", "NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			one, err := find(cmd.Context(), s, args[0], args[1])
			switch {
			case err != nil:
				return err
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, one)
			}
			fmt.Fprintf(s.Out, "snapshot %s of vm %s: %s\n", one.Name, args[0], one.State)
			var f output.Fields
			f.Add("description", one.Description)
			if one.Scheduled {
				f.Add("taken by", "the VM's schedule")
			}
			if one.Protected {
				f.Add("protected", "it is not deleted: hv snapshot edit --protected=false")
			}
			if one.Taken != nil {
				f.Add("taken", output.Moment(s.Now(), *one.Taken))
			}
			f.Add("vm was", string(one.VMState))
			f.Add("stood still", one.Pause)
			f.Add("not quiesced", one.Note)
			f.Add("stands on", one.Parent)
			if one.Memory > 0 {
				f.Add("memory", output.Approx(one.Memory))
			}
			for device, d := range one.Disks {
				f.Add("disk "+device, fmt.Sprintf("volume %s, %s, its own layer takes %s", d.Volume, d.Size, output.Approx(d.Exclusive)))
			}
			return f.Write(s.Out)
		},
	}
}

func restore(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore VM NAME",
		Short: "Put a VM back to a snapshot",
		Long: `Puts a VM back to what it was when a snapshot was taken. What was written since is lost, unless a snapshot holds it; hv asks
first. A VM that runs is ended without asking its guest, and started again; from a snapshot with memory it goes on just where it
was. The snapshot stays.`,
		Example:           "  hv snapshot restore web before-upgrade",
		Args:              session.Exactly("VM", "NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if !s.DryRun && !s.Yes {
				one, err := find(ctx, s, args[0], args[1])
				if err != nil {
					return err
				}
				since := "it was taken"
				if one.Taken != nil {
					since = output.Moment(s.Now(), *one.Taken)
				}
				fmt.Fprintf(s.Err, "this puts vm %s back to %s, and loses what it has written since %s:\n", args[0], args[1], since)
				for device, d := range one.Disks {
					fmt.Fprintf(s.Err, "  disk %s: volume %s\n", device, d.Volume)
				}
				if err := s.Confirm(ctx, "restore?"); err != nil {
					return err
				}
			}
			return change.Run(ctx, s, change.Change{Noun: "vm", Name: args[0], Verb: "restore", Past: "is back to " + args[1],
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.RestoreSnapshot(ctx, s.Ref(args[0]), args[1], how)
				}})
		},
	}
	s.Mutates(cmd)
	s.Asks(cmd)
	return cmd
}

func remove(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete VM NAME…",
		Aliases: []string{"rm"},
		Short:   "Delete snapshots of a VM",
		Long: `Deletes snapshots of a VM, also in the middle. The VM and its other snapshots keep what they need of them; hv asks first, for what
only these hold is lost.`,
		Example:           "  hv snapshot delete web before-upgrade",
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if !s.DryRun && !s.Yes {
				fmt.Fprintf(s.Err, "this deletes, for ever: snapshot %s of vm %s\n", strings.Join(args[1:], ", "), args[0])
				if err := s.Confirm(ctx, "delete?"); err != nil {
					return err
				}
			}
			return change.Run(ctx, s, change.Each("snapshot", "delete", "deleted", args[1:], func(ctx context.Context, c *client.Client, name string, how client.Change) (client.Result, error) {
				return c.DeleteSnapshot(ctx, s.Ref(args[0]), name, how)
			})...)
		},
	}
	s.Mutates(cmd)
	s.Asks(cmd)
	return cmd
}
