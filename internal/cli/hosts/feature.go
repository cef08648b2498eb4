package hosts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/declaration"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

var (
	sets   = []string{"low", "moderate", "high"}
	levels = []string{"minimal", "low", "moderate", "high", "critical"}
)

// Features returns `hv feature`.
func Features(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "feature",
		Short:   "Show which features the host offers",
		Long:    "Shows which features the host offers, why each is on, and how much risk they add up to.",
		Example: "  hv feature list",
	}
	cmd.AddCommand(features(s), matrixOf(s))
	return cmd
}

func features(s *session.Session) *cobra.Command {
	var opt client.FeatureOptions
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List features with their state and risk",
		Long: `Lists the features of the catalogue as they stand on the host: on, off, waiting for something of the host's, or
unavailable; and how much risk those that are effective add up to.

--set shows the set of one level as the specification has it, --max-risk what is at most that risky. -o wide adds
what each does.`,
		Example: "  hv feature list\n  hv feature list --max-risk low",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := known(opt); err != nil {
				return err
			}
			c, err := s.Client()
			if err != nil {
				return err
			}
			f, err := c.Features(cmd.Context(), opt)
			if err != nil {
				return err
			}
			return printFeatures(s, f, opt == client.FeatureOptions{})
		},
	}
	cmd.Flags().StringVar(&opt.Set, "set", "", "the set of a level: "+strings.Join(sets, ", "))
	cmd.Flags().StringVar(&opt.MaxRisk, "max-risk", "", "at most this risky: "+strings.Join(levels, ", "))
	session.Values(cmd, "set", sets...)
	session.Values(cmd, "max-risk", levels...)
	return cmd
}

func known(opt client.FeatureOptions) error {
	switch {
	case opt.Set != "" && opt.MaxRisk != "":
		return report.Usage("one of them", "--set and --max-risk cannot be asked for together")
	case opt.Set != "" && !slices.Contains(sets, opt.Set):
		return report.Usage("--set "+strings.Join(sets, " | "), "--set %q: there is no such set", opt.Set)
	case opt.MaxRisk != "" && !slices.Contains(levels, opt.MaxRisk):
		return report.Usage("--max-risk "+strings.Join(levels, " | "), "--max-risk %q: there is no such level", opt.MaxRisk)
	}
	return nil
}

func printFeatures(s *session.Session, f wire.Features, whole bool) error {
	switch {
	case s.Output.ForPrograms():
		return s.Output.Value(s.Out, f)
	case s.Output == output.Name:
		for _, item := range f.Items {
			fmt.Fprintln(s.Out, item.ID)
		}
		return nil
	}
	t := output.Table{Columns: []output.Column{
		{Title: "FEATURE"}, {Title: "STATE", Paint: declaration.StatePaint}, {Title: "RISK", Paint: declaration.RiskPaint}, {Title: "CATEGORY"}, {Title: "WHY", Cut: true},
		{Title: "SET", Wide: true}, {Title: "WHAT IT DOES", Wide: true},
	}}
	for _, item := range f.Items {
		why := strings.ReplaceAll(strings.Join(item.Why, ", "), "hypervisor.featureManager.", "")
		t.Add(item.ID, item.State, item.Risk, item.Category, why, item.Set, item.What)
	}
	if err := s.Table(&t, "no feature is that little risky"); err != nil {
		return err
	}
	if whole {
		fmt.Fprintf(s.Out, "\nrisk: %s\n", s.Out.Paint(declaration.RiskPaint(f.Risk), f.Risk))
		for _, why := range f.RiskWhy {
			fmt.Fprintln(s.Out, "  "+screen.Safe(why))
		}
		s.Findings(f.Findings)
	}
	return nil
}
