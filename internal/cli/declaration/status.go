package declaration

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func status(s *session.Session) *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:     "status",
		Aliases: []string{"drift"},
		Short:   "Hold what runs against what is declared",
		Long: `Holds what runs against what is declared: VMs that are wished otherwise, run with something older, are off though
to be on, run though to be off, or are missing; features that wait; and what was declared once and is kept.

With --exit-code it exits with 1 where anything differs.`,
		Example: "  hv config status\n  hv config status --exit-code -q",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			st, err := c.ConfigStatus(cmd.Context())
			if err != nil {
				return err
			}
			if s.Output.ForPrograms() {
				err = s.Output.Value(s.Out, st)
			} else {
				err = printStatus(s, st)
			}
			if err == nil && strict && !st.InStep {
				return report.Told(report.Refused)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&strict, "exit-code", false, "exit 1 where anything differs")
	return cmd
}

func printStatus(s *session.Session, st wire.ConfigStatus) error {
	if st.Generation == 0 {
		fmt.Fprintln(s.Out, "no declaration stands: the defaults hold")
	} else {
		fmt.Fprintln(s.Out, standsLine(s, st))
	}
	if a := st.Applying; a != nil {
		fmt.Fprintf(s.Out, "%s is applying one, since %s\n", output.Actor(a.By), a.Since.Local().Format(time.TimeOnly))
	}
	if !st.Complete && st.Applying == nil {
		fmt.Fprintln(s.Out, s.Out.Paint(screen.Yellow, "it was cut off: not all of its VMs were wished for. Apply it again, or restart hvd"))
	}
	if len(st.Drift) == 0 {
		fmt.Fprintln(s.Out, asDeclared(st.VMs, st.Manual))
	} else if err := drifts(s, st.Drift); err != nil {
		return err
	}
	for i, l := range st.Released {
		if i == 0 {
			fmt.Fprintln(s.Out, "\ndeclared once, and kept")
		}
		line := fmt.Sprintf("  %s: %s", l.Name, l.State)
		if len(l.Volumes) > 0 {
			line += ", with " + strings.Join(l.Volumes, ", ")
		}
		fmt.Fprintln(s.Out, screen.Safe(line))
	}
	for i, f := range st.Features {
		if i == 0 {
			fmt.Fprintln(s.Out, "\nfeatures that are declared and not on")
		}
		fmt.Fprintf(s.Out, "  %s: %s%s\n", f.ID, s.Out.Paint(StatePaint(f.State), f.State), heldBy(f.Held))
	}
	s.Findings(st.Findings)
	return nil
}

func standsLine(s *session.Session, st wire.ConfigStatus) string {
	line := fmt.Sprintf("generation %d (%s)", st.Generation, brief(st.Digest))
	if st.Applied != nil {
		line += fmt.Sprintf(", applied %s ago by %s", output.Age(s.Now(), *st.Applied), output.Actor(st.By))
	}
	if st.Source != "applied" {
		line += ", from " + st.Source
	}
	if st.Message != "" {
		line += ": " + st.Message
	}
	return screen.Safe(line)
}

func heldBy(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return ", " + screen.Safe(strings.Join(all, ", "))
}

func drifts(s *session.Session, all []wire.Drift) error {
	t := output.Table{Columns: []output.Column{{Title: "OF"}, {Title: "DRIFT", Paint: func(string) screen.Paint { return screen.Yellow }}, {Title: "WHAT", Cut: true}, {Title: "TRY", Cut: true}}}
	for _, d := range all {
		what := d.What
		if d.Why != "" {
			what += ": " + d.Why
		}
		of := "vm " + d.VM
		switch {
		case d.Key != "":
			of = "key " + d.Key
		case d.Source != "":
			of = "image source " + d.Source
		}
		t.Add(of, d.Kind, what, d.Remedy)
	}
	return t.Write(s.Out, true)
}

func asDeclared(declared, manual int) string {
	if declared == 1 {
		return fmt.Sprintf("1 declared VM is as it is declared, %d made by hand", manual)
	}
	return fmt.Sprintf("%d declared VMs are as they are declared, %d made by hand", declared, manual)
}
