package machines

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func wait(s *session.Session) *cobra.Command {
	var what string
	cmd := &cobra.Command{
		Use:   "wait NAME…",
		Short: "Wait until VMs are in a state, or have a label",
		Long: `Waits until all of the VMs that are named or chosen are in a state: ` + strings.Join(goals(), ", ") + `;
or until all have a label (label=KEY, label=KEY=VALUE) or none has it (label!KEY, which a shell wants quoted).

pending-none is true when all that was edited has taken effect: nothing of the VM is pending restart. agent is true when
the guest has booted so far that its qemu-guest-agent answers.

It follows what happens and polls nothing, and it changes nothing. A VM that is deleted meanwhile is told at once, and the others
are waited for. With --timeout it gives up after that time, says which VMs never got there, and exits with 5. -l chooses when it begins.`,
		Example:           "  hv vm wait first --for running --timeout 1m\n  hv vm wait -l tier=web --for label=ready=yes\n  hv vm wait first --for deleted",
		Args:              s.Some("vm"),
		ValidArgsFunction: s.Live(0, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			g, err := parseGoal(what)
			if err != nil {
				return err
			}
			names, err := chosen(cmd.Context(), s, args)
			if err != nil || len(names) == 0 {
				return err
			}
			c, err := s.Client()
			if err != nil {
				return err
			}
			w := &waiting{Session: s, client: c, goal: g, states: map[string]string{}}
			return w.all(cmd.Context(), names)
		},
	}
	cmd.Flags().StringVar(&what, "for", string(vm.StateRunning), "what to wait for: "+strings.Join(goals(), ", ")+", label=KEY, label=KEY=VALUE, label!KEY")
	session.Values(cmd, "for", append(goals(), labelled, unlabelled)...)
	s.SelectsAll(cmd)
	return cmd
}

// waiting is one wait for some VMs.
type waiting struct {
	*session.Session
	client *client.Client
	goal   goal
	names  []string          // that are not there yet
	states map[string]string // as each was last seen
	lost   error             // the first VM that will never get there
	count  int
	status screen.Status
}

// all looks, and then follows what happens from when it began to look: nothing is missed between.
func (w *waiting) all(ctx context.Context, names []string) error {
	w.status.Screen = w.Err
	defer w.status.Clear()
	before, err := w.client.VMPage(ctx, w.Project, client.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	w.count = len(names)
	for _, name := range names {
		w.states[name] = "unknown"
	}
	for i, name := range names {
		if err := w.look(ctx, name, fault.New(fault.NotFound, "there is no vm %q", name).Try("hv vm list")); err != nil {
			w.names = append(w.names, names[i:]...)
			return w.gaveUp(err)
		}
	}
	if len(w.names) == 0 {
		return w.end()
	}
	w.show()
	prefix := "vm/" + w.Project + "/"
	opt := client.EventOptions{From: before.Revision + 1, Types: []string{"vm."}, Subject: prefix}
	if len(names) == 1 {
		opt.Subject += names[0]
	}
	for ev, err := range w.client.Events(ctx, opt) {
		if err != nil {
			return w.gaveUp(err)
		}
		name := strings.TrimPrefix(ev.Subject, prefix)
		if !w.forget(name) {
			continue // not of those that are waited for
		}
		if err := w.look(ctx, name, fault.New(fault.NotFound, "vm %q was deleted before it was there: %s", name, w.goal.name)); err != nil {
			w.names = append(w.names, name)
			return w.gaveUp(err)
		}
		if len(w.names) == 0 {
			return w.end()
		}
		w.show()
	}
	return nil
}

// forget takes a VM out of those that are waited for; false where it was none.
func (w *waiting) forget(name string) bool {
	for i, n := range w.names {
		if n == name {
			w.names = append(w.names[:i], w.names[i+1:]...)
			return true
		}
	}
	return false
}

// look looks at one VM: it is there, it is waited for, or with lost it will never get there.
func (w *waiting) look(ctx context.Context, name string, lost error) error {
	v, err := w.client.VM(ctx, w.Ref(name))
	gone := errors.Is(err, fault.NotFound)
	switch {
	case gone && w.goal.name == deleted:
		w.tell(name)
	case gone && w.count == 1:
		return lost
	case gone:
		w.status.Clear()
		w.Fail(lost)
		if w.lost == nil {
			w.lost = lost
		}
	case err != nil:
		return err
	default:
		w.saw(name, v)
	}
	return nil
}

func (w *waiting) saw(name string, v wire.VM) {
	state, there := w.goal.seen(v)
	if w.states[name] = state; there {
		w.tell(name)
		return
	}
	w.names = append(w.names, name)
}

// tell says that a VM is there.
func (w *waiting) tell(name string) {
	w.status.Clear()
	if w.Output == output.Name {
		fmt.Fprintln(w.Out, name)
	} else if !w.Output.ForPrograms() {
		fmt.Fprintln(w.Out, w.goal.reached(name))
	}
}

func (w *waiting) show() {
	text := fmt.Sprintf("vm/%s is %s, waiting for %s", w.names[0], w.states[w.names[0]], w.goal.name)
	if more := len(w.names) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	w.status.Show(text)
}

// end is how it ends when nobody is waited for any more: those that were lost were told.
func (w *waiting) end() error {
	if w.lost != nil {
		return report.Told(report.CodeOf(w.lost))
	}
	return nil
}

// gaveUp says which VMs never got there, and what was seen of them last, when the time was up.
func (w *waiting) gaveUp(err error) error {
	code := report.CodeOf(err)
	if code != report.TimeUp && code != report.Interrupted {
		return err
	}
	var left []string
	for _, name := range w.names {
		left = append(left, fmt.Sprintf("vm %q is %s", name, w.states[name]))
	}
	what := fault.New(fault.Unavailable, "%s, not there: %s", left[0], w.goal.name)
	if w.goal.labels == nil {
		what = fault.New(fault.Unavailable, "%s, not %s", left[0], w.goal.name)
	}
	if w.count > 1 {
		what = fault.New(fault.Unavailable, "%d of %d never got to %s: %s", len(left), w.count, w.goal.name, strings.Join(left, ", "))
	}
	return &report.Ended{Code: code, Err: what.Try("hv vm show %s", w.names[0])}
}
