package history

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/follow"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// Operations returns `hv operation`.
func Operations(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "operation",
		Short: "Show, wait for and cancel what is being done",
		Long: `Shows, waits for and cancels operations: what was asked for, by whom, how far it is and how it ended. Any
beginning of an ID will do that only one operation has.`,
		Example: "  hv operation list\n  hv operation wait 7f3a",
	}
	cmd.AddCommand(listOperations(s), showOperation(s), waitOperations(s), cancelOperations(s))
	return cmd
}

func listOperations(s *session.Session) *cobra.Command {
	var limit int
	var filter string
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List operations, newest first",
		Long:    "Lists operations, newest first.",
		Example: "  hv operation list\n  hv operation list --filter web",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			l := session.Listing[operation.Operation]{
				Get: c.OperationPage,
				Table: output.Table{Columns: []output.Column{
					{Title: "ID"}, {Title: "ACTION"}, {Title: "TARGET", Cut: true}, {Title: "STATE", Paint: statePaint}, {Title: "AGE", Right: true}, {Title: "TOOK", Right: true},
					{Title: "BY", Wide: true}, {Title: "ERROR", Wide: true},
				}},
				Name:  func(op operation.Operation) string { return op.ID },
				Row:   func(op operation.Operation) []string { return operationRow(s.Now(), op) },
				Empty: "nothing was done yet",
				Limit: limit,
			}
			_, err = l.Print(cmd.Context(), s, client.ListOptions{Filter: filter})
			return err
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 30, "at most so many; 0 for all")
	cmd.Flags().StringVar(&filter, "filter", "", "only those whose target contains this text")
	session.Values(cmd, "limit", "0", "30", "100")
	s.LiveFlag(cmd, "filter", s.VMs)
	return cmd
}

func operationRow(now time.Time, op operation.Operation) []string {
	var took, why string
	if op.Ended != nil {
		took = output.Took(op.Ended.Sub(op.Created))
	}
	if op.Error != nil {
		why = op.Error.What
	}
	return []string{op.ID, op.Action, op.Target.Name, string(op.State), output.Age(now, op.Created), took, output.Actor(op.Actor), why}
}

func showOperation(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:               "show ID",
		Short:             "Show one operation and its steps",
		Long:              "Shows one operation: what was asked, by whom, its steps, and how it ended.",
		Example:           "  hv operation show 7f3a",
		Args:              session.Exactly("ID"),
		ValidArgsFunction: s.Live(1, s.Operations),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			op, err := c.Operation(cmd.Context(), args[0])
			switch {
			case err != nil:
				return err
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, op)
			case s.Output == output.Name:
				fmt.Fprintln(s.Out, op.ID)
				return nil
			}
			return printOperation(s, op)
		},
	}
}

func printOperation(s *session.Session, op operation.Operation) error {
	fmt.Fprintf(s.Out, "operation %s: %s %s, %s\n", op.ID, op.Action, op.Target.Name, s.Out.Paint(statePaint(string(op.State)), string(op.State)))
	var f output.Fields
	f.Add("by", output.Actor(op.Actor))
	f.Add("asked", output.Moment(s.Now(), op.Created))
	if op.Ended != nil {
		f.Add("ended", output.Moment(s.Now(), *op.Ended)+", took "+output.Took(op.Ended.Sub(op.Created)))
	}
	if e := op.Error; e != nil {
		f.Add("error", e.What+" "+e.Code)
		f.Add("try", e.Hint)
	}
	if err := f.Write(s.Out); err != nil {
		return err
	}
	if len(op.Steps) > 0 {
		fmt.Fprintln(s.Out, "\nsteps")
	}
	var steps output.Fields
	for _, step := range op.Steps {
		text := string(step.State)
		if step.Started != nil && step.Ended != nil {
			text += ", " + output.Took(step.Ended.Sub(*step.Started))
		}
		if g := step.Progress; g != nil && g.Total > 0 {
			text += fmt.Sprintf(", %d of %d %s", g.Done, g.Total, g.Unit)
		}
		steps.Add(step.Name, text)
	}
	if err := steps.Write(s.Out); err != nil {
		return err
	}
	s.Findings(op.Findings)
	return nil
}

func waitOperations(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "wait ID…",
		Short: "Wait until operations have ended",
		Long: `Waits until operations have ended and shows their steps meanwhile. It exits as the command would have that asked
for them: 0 when all are done, 1 when one failed. --timeout gives up after that time, exit 5.`,
		Example:           "  hv operation wait 7f3a",
		Args:              s.Some("operation"),
		ValidArgsFunction: s.Live(0, s.Operations),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			worst := report.Done
			for _, id := range args {
				op, err := follow.Operation(cmd.Context(), s, c, id)
				if err != nil {
					s.Fail(err)
					worst = report.Worst(worst, report.CodeOf(err))
					continue
				}
				if s.Output.ForPrograms() {
					if err := s.Output.Value(s.Out, op); err != nil {
						return err
					}
					continue
				}
				fmt.Fprintf(s.Out, "operation %s: %s %s, %s\n", op.ID, op.Action, op.Target.Name, op.State)
			}
			return report.Told(worst)
		},
	}
}

func cancelOperations(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cancel ID…",
		Short: "Cancel operations",
		Long: `Cancels operations: the wish that was before is put back, and what was begun is undone or finished, whichever
leaves nothing half done.`,
		Example:           "  hv operation cancel 7f3a",
		Args:              s.Some("operation"),
		ValidArgsFunction: s.Live(0, s.Operations),
		RunE: func(cmd *cobra.Command, args []string) error {
			return change.Run(cmd.Context(), s, change.Each("operation", "cancel", "cancelled", args, func(ctx context.Context, c *client.Client, id string, how client.Change) (client.Result, error) {
				return c.CancelOperation(ctx, id, how)
			})...)
		},
	}
	s.Mutates(cmd)
	return cmd
}
