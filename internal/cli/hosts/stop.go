package hosts

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/follow"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// stop returns `hv host stop-vms`.
func stop(s *session.Session) *cobra.Command {
	var limit string
	cmd := &cobra.Command{
		Use:   "stop-vms",
		Short: "Stop every VM before the host goes down",
		Long: `Stops every VM in the reverse order of their start: those of a rank at once, what others start after last. Each
guest is asked to power off and gets its stopTimeout; then it is ended. Nothing is started meanwhile. One line a VM.

With --timeout all of it takes no longer: what then still runs is ended without being waited for.

VMs with autostart come back with the host's next boot; the others stay off. Only root may.`,
		Example: "  sudo hv host stop-vms --timeout 5m\n  hv host stop-vms --dry-run",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var opt wire.StopVMs
			if limit != "" {
				d, err := session.Duration("timeout", limit)
				if err != nil {
					return err
				}
				opt.Timeout = int(max(d, time.Second).Seconds())
			}
			return stopAll(cmd.Context(), s, opt)
		},
	}
	s.Mutates(cmd)
	cmd.Flags().StringVar(&limit, "timeout", "", "how long all of it may take, such as 5m")
	session.Values(cmd, "timeout", "60s", "5m", "15m")
	return cmd
}

func stopAll(ctx context.Context, s *session.Session, opt wire.StopVMs) error {
	ask := change.Change{Noun: "host", Name: "this", Verb: "stop the VMs of", Past: "has no VM running",
		Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			return c.StopVMs(ctx, opt, how)
		}}
	if s.DryRun || s.NoWait || s.Output.ForPrograms() {
		return change.Run(ctx, s, ask)
	}
	c, err := s.Client()
	if err != nil {
		return err
	}
	asked, err := c.StopVMs(ctx, opt, client.Change{})
	if err != nil {
		return err
	}
	if asked.Operation == nil {
		return fault.New(fault.Internal, "the daemon answered no operation")
	}
	quiet := *s // its steps are the result, and are not told twice
	quiet.Quiet = true
	op, err := follow.Operation(ctx, &quiet, c, asked.Operation.ID)
	for _, step := range op.Steps {
		line := step.Name
		if step.State != operation.Done {
			line += ": " + string(step.State)
		}
		fmt.Fprintln(s.Out, line)
	}
	if err == nil && len(op.Steps) == 0 {
		s.Notice("no VM runs")
	}
	if err != nil && report.CodeOf(err) == report.Interrupted {
		s.Notice("the VMs are being stopped all the same")
	}
	return err
}
