package machines

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func list(s *session.Session) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List VMs",
		Long: `Lists VMs: what was seen of each. -o wide also says what is wished, since when it is so, and its labels.

--watch goes on with one line for each change, until Ctrl-C; with -o json one object a line.`,
		Example: "  hv vm list\n  hv vm list -l tier=web -o name",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			l := listing(s, c)
			if watch {
				return follow(cmd.Context(), s, c, l)
			}
			all, err := l.Print(cmd.Context(), s, s.Select())
			if err == nil && !s.Output.ForPrograms() && s.Output != output.Name {
				troubles(s, all.Items)
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "go on with what changes")
	s.Selects(cmd)
	return cmd
}

func table() output.Table {
	return output.Table{Columns: []output.Column{
		{Title: "NAME", Cut: true}, {Title: "STATE", Paint: statePaint}, {Title: "CPUS", Right: true}, {Title: "MEMORY", Right: true}, {Title: "ACCEL"}, {Title: "AGE", Right: true},
		{Title: "WISH", Wide: true}, {Title: "SINCE", Wide: true, Right: true}, {Title: "ORIGIN", Wide: true}, {Title: "LABELS", Wide: true},
	}}
}

func row(now time.Time, v wire.VMSummary) []string {
	var since string
	if v.Since != nil {
		since = output.Age(now, *v.Since)
	}
	var labels []string
	for _, k := range slices.Sorted(maps.Keys(v.Labels)) {
		labels = append(labels, k+"="+v.Labels[k])
	}
	return []string{
		v.Name, string(v.State), fmt.Sprint(v.CPUs), v.Memory.String(), string(v.Accel), output.Age(now, v.Created),
		string(v.Wish), since, string(v.Origin), strings.Join(labels, ","),
	}
}

func statePaint(state string) screen.Paint {
	switch vm.State(state) {
	case vm.StateRunning:
		return screen.Green
	case vm.StateCrashed, vm.StateUnknown:
		return screen.Red
	case vm.StateOff, vm.StateShutdown:
		return screen.Dim
	case vm.StateStarting, vm.StatePrelaunch, vm.StatePaused, vm.StateStopping:
	}
	return screen.Yellow
}

// troubles says what keeps VMs from what is wished of them.
func troubles(s *session.Session, all []wire.VMSummary) {
	for _, v := range all {
		if v.Trouble != "" {
			s.Notice("%s: %s", v.Name, screen.Safe(v.Trouble))
		}
	}
}

// follow lists, and goes on with one line for each change.
func follow(ctx context.Context, s *session.Session, c *client.Client, l session.Listing[wire.VMSummary]) error {
	all, err := l.Collect(ctx, s.Select())
	if err != nil {
		return err
	}
	known := map[string]bool{}
	w := output.NewRows(l.Table)
	for _, v := range all.Items {
		known[v.Name] = true
		w.Table.Add(row(s.Now(), v)...)
	}
	if !s.Output.ForPrograms() && s.Output != output.Name {
		if err := w.Begin(s.Out, s.Output == output.Wide); err != nil {
			return err
		}
	} else {
		for _, v := range all.Items {
			if err := one(s, w, v); err != nil {
				return err
			}
		}
	}
	for ev, err := range c.Events(ctx, client.EventOptions{From: all.Revision + 1, Types: []string{"vm."}, Subject: "vm/" + s.Project + "/"}) {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(ev.Subject, "vm/"+s.Project+"/")
		if err := changed(ctx, s, c, w, known, name); err != nil {
			return err
		}
	}
	return nil
}

// changed prints what a VM is like now that it has changed.
func changed(ctx context.Context, s *session.Session, c *client.Client, w *output.Rows, known map[string]bool, name string) error {
	opt := s.Select()
	opt.Filter = name
	for v, err := range c.VMs(ctx, s.Project, opt) {
		if err != nil {
			return err
		}
		if v.Name == name {
			known[name] = true
			return one(s, w, v)
		}
	}
	if !known[name] {
		return nil // -l does not choose it
	}
	delete(known, name)
	return one(s, w, wire.VMSummary{Name: name, Project: s.Project, State: "deleted"})
}

func one(s *session.Session, w *output.Rows, v wire.VMSummary) error {
	switch {
	case s.Output.ForPrograms():
		line, err := json.Marshal(v)
		if err == nil {
			_, err = fmt.Fprintf(s.Out, "%s\n", line)
		}
		return err
	case s.Output == output.Name:
		fmt.Fprintln(s.Out, v.Name)
		return nil
	}
	return w.Add(s.Out, row(s.Now(), v)...)
}
