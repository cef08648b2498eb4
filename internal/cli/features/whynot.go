package features

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

func whyNot(s *session.Session) *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "why-not ID",
		Short: "Say why a feature is off, and the smallest ways to have it",
		Long: `Says why a feature is not on under a declaration, and up to three smallest ways to have it, each as an edit of the
declaration in Nix, with what else that would change. Each way was resolved before it is shown: after it the feature is
on, and nothing refuses the declaration. For a feature that this build does not have, the ways declare it for the
release that brings it.

Exit: 0 there is a way, or the feature is on already; 1 there is none in this build or on this platform.`,
		Example:           "  hv feature why-not liveMigration\n  hv feature why-not liveMigration --file examples/production.nix",
		Args:              session.Exactly("ID"),
		ValidArgsFunction: ids(1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := known(s, args[0])
			if err != nil {
				return err
			}
			about, err := q.ask(cmd.Context(), s)
			if err != nil {
				return err
			}
			a, err := answered(about, f.ID)
			if err != nil {
				return err
			}
			if err := printAnswer(s, about, a); err != nil {
				return err
			}
			about.against(s)
			if a.Never {
				return report.Told(report.Refused)
			}
			return nil
		},
	}
	q.flags(cmd)
	return cmd
}

// answer is why a feature is not on, and how it would be.
type answer struct {
	ID  catalogue.ID     `json:"id"`
	On  bool             `json:"on"`            // it is on: there is nothing to do
	Why *finding.Finding `json:"why,omitempty"` // it is not
	// Never: no edit turns it on, here or in this build. The ways then declare it for the release that brings it.
	Never bool    `json:"never,omitempty"`
	Ways  []toYes `json:"ways"`
}

// toYes is one way, with its edit as a difference in Nix.
type toYes struct {
	feature.Yes
	Nix []string `json:"nix,omitempty"`

	lines []changed
}

func answered(about subject, id catalogue.ID) (answer, error) {
	r := about.resolution()
	a := answer{ID: id, On: r.On(string(id)), Ways: []toYes{}}
	if why, off := r.WhyOff(string(id)); off {
		a.Why = &why
	}
	yes, no := feature.WaysTo(about.decl.FeatureManager, about.featureFacts(), id)
	if no != nil {
		a.Why, a.Never = no, true
	}
	for _, y := range yes {
		lines, err := nixDiff(about.decl.FeatureManager, y.Edited)
		if err != nil {
			return a, err
		}
		if len(y.Way) == 0 {
			lines = nil
		}
		a.Ways = append(a.Ways, toYes{y, texts(lines), lines})
	}
	return a, nil
}

func printAnswer(s *session.Session, about subject, a answer) error {
	if s.Output.ForPrograms() {
		return s.Output.Value(s.Out, a)
	}
	if a.On {
		fmt.Fprintf(s.Out, "%s is on (%s)\n", a.ID, screen.Safe(about.name))
		return nil
	}
	if a.Why != nil {
		fmt.Fprintf(s.Out, "%s\n", screen.Safe(a.Why.What))
		if a.Why.Why != "" {
			fmt.Fprintf(s.Out, "  because %s\n", screen.Safe(a.Why.Why))
		}
	}
	what := "way"
	if a.Never {
		fmt.Fprintf(s.Out, "  no edit turns it on: %s\n", screen.Safe(a.Why.Remedy))
		what = "to declare it for the release that brings it, way"
	}
	for i, w := range a.Ways {
		fmt.Fprintf(s.Out, "\n%s %d of %d\n", what, i+1, len(a.Ways))
		for _, h := range w.Host {
			fmt.Fprintf(s.Out, "  on the host: %s\n", screen.Safe(h))
		}
		printDiff(s.Out, "  ", w.lines)
		tell(s, w.Difference, a.ID)
	}
	return nil
}

// tell says in a few lines what else changes, beside one feature.
func tell(s *session.Session, d feature.Difference, beside catalogue.ID) {
	for _, e := range d.Gained {
		if e.ID != beside {
			fmt.Fprintf(s.Out, "  turns on %s\n", e.ID)
		}
	}
	for _, id := range d.Lost {
		fmt.Fprintf(s.Out, "  turns off %s\n", id)
	}
	if d.Risk.Before.Level != d.Risk.After.Level {
		fmt.Fprintf(s.Out, "  the risk becomes %s (it is %s)\n", d.Risk.After.Level, d.Risk.Before.Level)
	}
	for _, f := range d.Said {
		switch f.Severity {
		case finding.Limited, finding.Consequence, finding.Waiting:
			fmt.Fprintf(s.Out, "  %s: %s\n", f.Severity, screen.Safe(f.What))
		case finding.Refused, finding.Unavailable, finding.Advice:
		}
	}
}
