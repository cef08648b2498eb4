package machines

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func list(s *session.Session) *cobra.Command {
	var goOn bool
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List VMs",
		Long: `Lists VMs: what was seen of each. -o wide also says what is wished, since when it is so, its labels, and the addresses that its guest tells.

--watch goes on with one line for each change, until Ctrl-C; with -o json one object a line. -o nix prints the VMs as a
declaration has them.`,
		Example: "  hv vm list\n  hv vm list -l tier=web -o name",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			l := listing(s, c)
			if goOn {
				return watch(cmd.Context(), s, c, l)
			}
			if s.Output == output.Nix {
				all, err := l.Collect(cmd.Context(), s.Select())
				if err != nil {
					return err
				}
				return declareAll(cmd.Context(), s, c, all.Items)
			}
			all, err := l.Print(cmd.Context(), s, s.Select())
			if err == nil && !s.Output.ForPrograms() && s.Output != output.Name {
				troubles(s, all.Items)
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&goOn, "watch", "w", false, "go on with what changes")
	s.Selects(cmd)
	return cmd
}

func table() output.Table {
	return output.Table{Columns: []output.Column{
		{Title: "NAME", Cut: true}, {Title: "STATE", Paint: statePaint}, {Title: "CPUS", Right: true}, {Title: "MEMORY", Right: true}, {Title: "ACCEL"}, {Title: "AGE", Right: true},
		{Title: "WISH", Wide: true}, {Title: "SINCE", Wide: true, Right: true}, {Title: "ORIGIN", Wide: true}, {Title: "LABELS", Wide: true}, {Title: "ADDRESSES", Wide: true},
	}}
}

func row(now time.Time, v wire.VMSummary) []string {
	var since, cpus, memory string
	if v.CPUs > 0 { // not of one that is gone
		cpus, memory = fmt.Sprint(v.CPUs), v.Memory.String()
	}
	if v.Since != nil {
		since = output.Age(now, *v.Since)
	}
	var labels []string
	for _, k := range slices.Sorted(maps.Keys(v.Labels)) {
		labels = append(labels, k+"="+v.Labels[k])
	}
	return []string{
		v.Name, string(v.State), cpus, memory, string(v.Accel), output.Age(now, v.Created),
		string(v.Wish), since, string(v.Origin), strings.Join(labels, ","), screen.Safe(strings.Join(v.Addresses, ",")),
	}
}

func statePaint(state string) screen.Paint {
	switch vm.State(state) {
	case vm.StateRunning:
		return screen.Green
	case vm.StateCrashed, vm.StateUnknown:
		return screen.Red
	case vm.StateOff, vm.StateShutdown, vm.StateSuspended:
		return screen.Dim
	case vm.StateStarting, vm.StatePrelaunch, vm.StatePaused, vm.StateStopping:
	}
	return screen.Yellow
}

// troubles says what keeps VMs from what is wished of them, and what of it waits for their next start.
func troubles(s *session.Session, all []wire.VMSummary) {
	for _, v := range all {
		if v.Trouble != "" {
			s.Notice("%s: %s", v.Name, screen.Safe(v.Trouble))
		}
		if len(v.Pending) > 0 {
			s.Notice("%s: pending restart: %s", v.Name, strings.Join(v.Pending, ", "))
		}
	}
}
