package machines

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// What can be waited for beside a state.
const (
	deleted     = "deleted"
	pendingNone = "pending-none" // all that was edited has taken effect
)

// goals are what can be waited for.
func goals() []string {
	return []string{
		string(vm.StateRunning), string(vm.StateOff), string(vm.StatePaused), string(vm.StatePrelaunch), string(vm.StateShutdown),
		string(vm.StateCrashed), deleted, pendingNone,
	}
}

func wait(s *session.Session) *cobra.Command {
	var goal string
	cmd := &cobra.Command{
		Use:   "wait NAME…",
		Short: "Wait until VMs are in a state",
		Long: `Waits until VMs are in a state: ` + strings.Join(goals(), ", ") + `.

pending-none is true when all that was edited has taken effect: nothing of the VM is pending restart.

It follows what happens and polls nothing, and it changes nothing. With --timeout it gives up after that time and exits with 5.`,
		Example:           "  hv vm wait first --for running --timeout 1m\n  hv vm wait first --for deleted",
		Args:              s.Some("vm"),
		ValidArgsFunction: s.Live(0, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(goals(), goal) {
				return report.Usage("--for "+strings.Join(goals(), " | "), "--for %q: that cannot be waited for", goal)
			}
			names, err := chosen(cmd.Context(), s, args)
			if err != nil {
				return err
			}
			c, err := s.Client()
			if err != nil {
				return err
			}
			for _, name := range names {
				if err := waitFor(cmd.Context(), s, c, name, goal); err != nil {
					return err
				}
				if s.Output == output.Name {
					fmt.Fprintln(s.Out, name)
				} else if !s.Output.ForPrograms() {
					fmt.Fprintf(s.Out, "vm/%s is %s\n", name, goal)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&goal, "for", string(vm.StateRunning), "what to wait for: "+strings.Join(goals(), ", "))
	session.Values(cmd, "for", goals()...)
	s.SelectsAll(cmd)
	return cmd
}

// waitFor looks, and then follows what happens from when it has looked: nothing is missed between.
func waitFor(ctx context.Context, s *session.Session, c *client.Client, name, goal string) error {
	before, err := c.VMPage(ctx, s.Project, client.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	state, err := stateOf(ctx, s, c, name, goal)
	if err != nil {
		return err
	}
	if state == goal {
		return nil
	}
	if state == deleted {
		return fault.New(fault.NotFound, "there is no vm %q", name).Try("hv vm list")
	}
	status := screen.Status{Screen: s.Err}
	defer status.Clear()
	show := func() { status.Show(fmt.Sprintf("vm/%s is %s, waiting for %s", name, state, goal)) }
	show()
	opt := client.EventOptions{From: before.Revision + 1, Types: []string{"vm."}, Subject: "vm/" + s.Project + "/" + name}
	for ev, err := range c.Events(ctx, opt) {
		if err != nil {
			return gaveUp(err, name, state, goal)
		}
		if ev.Subject != opt.Subject {
			continue // a VM whose name begins the same
		}
		now, err := stateOf(ctx, s, c, name, goal)
		if err != nil {
			return gaveUp(err, name, state, goal)
		}
		if state = now; state == goal {
			return nil
		}
		if state == deleted {
			return fault.New(fault.NotFound, "vm %q was deleted before it was %s", name, goal)
		}
		show()
	}
	return nil
}

// stateOf is the state of a VM, or that it is deleted, or that nothing of it is pending where that is the goal.
func stateOf(ctx context.Context, s *session.Session, c *client.Client, name, goal string) (string, error) {
	v, err := c.VM(ctx, s.Ref(name))
	switch {
	case errors.Is(err, fault.NotFound):
		return deleted, nil
	case err != nil:
		return "", err
	case v.Status.Power == nil:
		return string(vm.StateOff), nil
	case goal == pendingNone && v.Status.Power.ObservedGeneration >= v.Metadata.Generation && len(v.Status.Power.Pending) == 0:
		return pendingNone, nil
	}
	return string(v.Status.Power.State), nil
}

// gaveUp says what was seen last when the time was up.
func gaveUp(err error, name, state, goal string) error {
	if code := report.CodeOf(err); code == report.TimeUp || code == report.Interrupted {
		return &report.Ended{Code: code, Err: fault.New(fault.Unavailable, "vm %q is %s, not %s", name, state, goal).Try("hv vm show %s", name)}
	}
	return err
}
