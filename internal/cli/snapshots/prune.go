package snapshots

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// rules are the flags that say what stays.
var rules = []struct {
	flag, what string
	of         func(*vm.Keep) *int
}{
	{"keep-last", "the last N", func(k *vm.Keep) *int { return &k.Last }},
	{"keep-hourly", "the last of each of N hours", func(k *vm.Keep) *int { return &k.Hourly }},
	{"keep-daily", "the last of each of N days", func(k *vm.Keep) *int { return &k.Daily }},
	{"keep-weekly", "the last of each of N weeks", func(k *vm.Keep) *int { return &k.Weekly }},
	{"keep-monthly", "the last of each of N months", func(k *vm.Keep) *int { return &k.Monthly }},
	{"keep-yearly", "the last of each of N years", func(k *vm.Keep) *int { return &k.Yearly }},
}

func prune(s *session.Session) *cobra.Command {
	var keep vm.Keep
	var byHand bool
	cmd := &cobra.Command{
		Use:   "prune VM",
		Short: "Delete the snapshots of a VM that no rule keeps",
		Long: `Deletes the snapshots of a VM that no rule keeps: the rules of its schedule, or those that the flags name. What any of the rules keeps
stays. Only snapshots that the schedule has taken go, and with --by-hand those that were taken by hand, too; protected ones stay always.
Days begin by the host's clock. --dry-run lists which go, and for each that stays which rule keeps it.`,
		Example:           "  hv snapshot prune web --dry-run\n  hv snapshot prune web --keep-last 3 --keep-daily 7 --by-hand",
		Args:              session.Exactly("VM"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, body := cmd.Context(), wire.PruneSnapshots{ByHand: byHand}
			for _, r := range rules {
				if cmd.Flags().Changed(r.flag) {
					body.Keep = &keep
				}
			}
			do := func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
				return c.PruneSnapshots(ctx, s.Ref(args[0]), body, how)
			}
			if !s.DryRun && !s.Yes {
				some, err := goes(ctx, s, args[0], do)
				if err != nil || !some {
					return err
				}
				if err := s.Confirm(ctx, "delete?"); err != nil {
					return err
				}
			}
			return change.Run(ctx, s, change.Change{Noun: "vm", Name: args[0], Verb: "prune the snapshots of", Past: "has the snapshots that are kept", Do: do})
		},
	}
	for _, r := range rules {
		cmd.Flags().IntVar(r.of(&keep), r.flag, 0, "keep "+r.what)
		session.Values(cmd, r.flag, "1", "3", "7")
	}
	cmd.Flags().BoolVar(&byHand, "by-hand", false, "those that were taken by hand count too, and may go")
	s.Mutates(cmd)
	s.Asks(cmd)
	return cmd
}

// goes says what would be deleted, and whether anything would.
func goes(ctx context.Context, s *session.Session, name string, do func(context.Context, *client.Client, client.Change) (client.Result, error)) (bool, error) {
	c, err := s.Client()
	if err != nil {
		return false, err
	}
	plan, err := do(ctx, c, client.Change{DryRun: true})
	if err != nil || plan.Preview == nil {
		return err == nil, err
	}
	var lost []string
	for _, step := range plan.Preview.Plan {
		if len(step.Name) > 7 && step.Name[:7] == "delete " {
			lost = append(lost, step.Name[7:])
		}
	}
	if len(lost) == 0 {
		s.Notice("every snapshot of vm " + name + " is kept: hv snapshot prune " + name + " --dry-run says by which rule")
		return false, nil
	}
	fmt.Fprintf(s.Err, "this deletes, for ever, of the snapshots of vm %s:\n", name)
	for _, one := range lost {
		fmt.Fprintf(s.Err, "  %s\n", one)
	}
	return true, nil
}

func edit(s *session.Session) *cobra.Command {
	var description string
	var protected bool
	cmd := &cobra.Command{
		Use:   "edit VM NAME",
		Short: "Protect a snapshot, or describe it",
		Long: `Changes what is said of a snapshot. One that is protected is not deleted, neither by hand nor by a schedule, until it is protected no
longer. What it holds never changes.`,
		Example:           "  hv snapshot edit web before-upgrade --protected\n  hv snapshot edit web before-upgrade --protected=false --description 'not needed any more'",
		Args:              session.Exactly("VM", "NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			var body wire.EditSnapshot
			if cmd.Flags().Changed("description") {
				body.Description = &description
			}
			if cmd.Flags().Changed("protected") {
				body.Protected = &protected
			}
			if body == (wire.EditSnapshot{}) {
				return report.Usage("hv snapshot edit VM NAME --protected", "hv snapshot edit: say what to change")
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "snapshot", Name: args[1], Verb: "change", Past: "changed",
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					return c.EditSnapshot(ctx, s.Ref(args[0]), args[1], body, how)
				}})
		},
	}
	cmd.Flags().BoolVar(&protected, "protected", false, "it is not deleted until this is off")
	cmd.Flags().StringVar(&description, "description", "", "what it is for")
	s.Mutates(cmd)
	return cmd
}
