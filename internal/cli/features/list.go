package features

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
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

var (
	sets   = []string{"low", "moderate", "high"}
	levels = []string{"minimal", "low", "moderate", "high", "critical"}
)

func list(s *session.Session) *cobra.Command {
	var opt client.FeatureOptions
	var q question
	var why bool
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List features with their state and risk",
		Long: `Lists the features of the catalogue as they stand on the host: on, off, waiting for something of the host's, or
unavailable; and how much risk those that are effective add up to.

--set shows the set of one level as the specification has it, --max-risk what is at most that risky. --why shows the
whole chain that brings each feature in, from the declaration down. -o wide adds what each does. --file lists what a
declaration in a file comes to, without a daemon.`,
		Example: "  hv feature list\n  hv feature list --max-risk low\n  hv feature list --why --file examples/production.nix --host self",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := askable(opt); err != nil {
				return err
			}
			if !why && q == (question{}) {
				c, err := s.Client()
				if err != nil {
					return withoutDaemon(err, "")
				}
				f, err := c.Features(cmd.Context(), opt)
				if err != nil {
					return withoutDaemon(err, "")
				}
				items := make([]item, 0, len(f.Items))
				for _, i := range f.Items {
					items = append(items, item{Feature: i})
				}
				return printList(s, listed{items, f.Findings, f.Risk, f.RiskWhy}, opt == client.FeatureOptions{}, false)
			}
			about, err := q.ask(cmd.Context(), s)
			if err != nil {
				return err
			}
			if err := printList(s, resolved(about, opt), opt == client.FeatureOptions{}, why); err != nil {
				return err
			}
			about.against(s)
			return nil
		},
	}
	cmd.Flags().StringVar(&opt.Set, "set", "", "the set of a level: "+strings.Join(sets, ", "))
	cmd.Flags().StringVar(&opt.MaxRisk, "max-risk", "", "at most this risky: "+strings.Join(levels, ", "))
	cmd.Flags().BoolVar(&why, "why", false, "show the whole chain that brings each in")
	q.flags(cmd)
	session.Values(cmd, "set", sets...)
	session.Values(cmd, "max-risk", levels...)
	return cmd
}

func askable(opt client.FeatureOptions) error {
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

// item is one feature in a list. Chains say why in full.
type item struct {
	wire.Feature
	Chains []string `json:"chains,omitempty"`
}

// listed is the API's list of features, and for --why the chains.
type listed struct {
	Items    []item       `json:"items"`
	Findings finding.List `json:"findings,omitempty"`
	Risk     string       `json:"risk"`
	RiskWhy  []string     `json:"riskWhy"`
}

// resolved is what a declaration comes to, as a list.
func resolved(about subject, opt client.FeatureOptions) listed {
	r := about.resolution()
	out := listed{Items: []item{}, Findings: r.Findings, Risk: string(r.Risk.Level), RiskWhy: r.Risk.Words()}
	wanted := catalogue.All()
	switch {
	case opt.Set != "":
		wanted = catalogue.Set(catalogue.SetName(opt.Set))
	case opt.MaxRisk != "":
		wanted = catalogue.MaxRisk(catalogue.Risk(opt.MaxRisk))
	}
	for _, f := range wanted {
		i := item{Feature: wire.Feature{
			ID: string(f.ID), Name: f.Name, Category: string(f.Category), Risk: string(f.Risk), Set: string(f.Set), State: r.StateOf(f.ID), What: f.On,
		}}
		if e, ok := r.Lookup(f.ID); ok {
			for _, why := range e.Why {
				i.Why = append(i.Why, why.String())
			}
			for _, c := range r.Chains(f.ID) {
				i.Chains = append(i.Chains, c.String())
			}
		}
		out.Items = append(out.Items, i)
	}
	return out
}

func printList(s *session.Session, l listed, whole, why bool) error {
	switch {
	case s.Output.ForPrograms():
		return s.Output.Value(s.Out, l)
	case s.Output == output.Name:
		for _, item := range l.Items {
			fmt.Fprintln(s.Out, item.ID)
		}
		return nil
	}
	t := output.Table{Columns: []output.Column{
		{Title: "FEATURE"}, {Title: "STATE", Paint: declaration.StatePaint}, {Title: "RISK", Paint: declaration.RiskPaint}, {Title: "CATEGORY", Wide: why},
		{Title: "WHY", Cut: !why, Wrap: why},
		{Title: "SET", Wide: true}, {Title: "WHAT IT DOES", Wide: true},
	}}
	for _, item := range l.Items {
		reasons := item.Why
		if why && len(item.Chains) > 0 {
			reasons = item.Chains
		}
		text := strings.ReplaceAll(strings.Join(reasons, ", "), "hypervisor.featureManager.", "")
		t.Add(item.ID, item.State, item.Risk, item.Category, text, item.Set, item.What)
	}
	if err := s.Table(&t, "no feature is that little risky"); err != nil {
		return err
	}
	if whole {
		fmt.Fprintf(s.Out, "\nrisk: %s\n", s.Out.Paint(declaration.RiskPaint(l.Risk), l.Risk))
		for _, why := range l.RiskWhy {
			report.Prose(s.Out, "  ", screen.Safe(why), "    ")
		}
		s.Findings(l.Findings)
	}
	return nil
}
