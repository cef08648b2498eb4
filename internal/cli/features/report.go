package features

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

var reportForms = []string{"md", "html", "json"}

// reported is `hv feature report`.
func reported(s *session.Session) *cobra.Command {
	var q question
	var form string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write down what a declaration comes to, whole",
		Long: `Writes down what a declaration comes to: each feature with why it is there and what holds it, every finding with its
remedy, the risk with what mitigates it, and the load that the specification expects of what is on.

--format md is Markdown, html one page that needs nothing beside it, json what programs read.`,
		Example: "  hv feature report > features.md\n  hv feature report --file examples/production.nix --host self --format html > features.html",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.OneForm(cmd); err != nil {
				return err
			}
			about, err := q.ask(cmd.Context(), s)
			if err != nil {
				return err
			}
			w := whole(about)
			switch {
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, w)
			case form == "json":
				return output.JSON.Value(s.Out, w)
			case form == "md":
				fmt.Fprint(s.Out, w.markdown())
			case form == "html":
				fmt.Fprint(s.Out, w.html())
			default:
				return report.Usage("--format "+strings.Join(reportForms, " | "), "--format %q: there is no such form", form)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&form, "format", reportForms[0], "how it is written: "+strings.Join(reportForms, ", "))
	session.Forms(cmd, "table", "json", "yaml", "nix")
	session.Values(cmd, "format", reportForms...)
	q.flags(cmd)
	return cmd
}

// document is a report.
type document struct {
	Declaration   string              `json:"declaration"`
	Host          string              `json:"host,omitempty"` // absent: held against none
	Profile       string              `json:"profile"`
	RiskTolerance catalogue.Tolerance `json:"riskTolerance"`
	Refused       bool                `json:"refused"`
	Features      []entry             `json:"features"`
	LeftOut       []feature.LeftOut   `json:"leftOut,omitempty"`
	Risk          feature.TotalRisk   `json:"risk"`
	Impact        catalogue.Impact    `json:"impact"` // the highest of what is on, each for itself
	Findings      finding.List        `json:"findings"`
}

// entry is one effective feature.
type entry struct {
	ID     catalogue.ID     `json:"id"`
	State  feature.State    `json:"state"`
	Risk   catalogue.Risk   `json:"risk"`
	Chains []feature.Chain  `json:"chains"`
	Held   []string         `json:"held,omitempty"`
	Impact catalogue.Impact `json:"impact"`
}

func whole(about subject) document {
	r := about.resolution()
	d := document{
		Declaration: about.name, Host: about.host, Profile: r.Profile, RiskTolerance: r.RiskTolerance, Refused: about.report.Refused(),
		LeftOut: r.LeftOut, Risk: r.Risk, Findings: append(finding.List{}, about.report.Findings...),
	}
	for _, e := range r.Effective {
		f, _ := catalogue.Default().Get(e.ID)
		d.Features = append(d.Features, entry{e.ID, e.State, f.Risk, r.Chains(e.ID), e.Held, f.Impact})
		if e.State == feature.On {
			d.Impact = highest(d.Impact, f.Impact)
		}
	}
	return d
}

// highest is the higher load of each kind. Loads are never added up: two lows are no medium.
func highest(a, b catalogue.Impact) catalogue.Impact {
	more := func(a, b string) string {
		order := []string{"", "low", "medium", "high"}
		for i := len(order) - 1; i > 0; i-- {
			if a == order[i] || b == order[i] {
				return order[i]
			}
		}
		return ""
	}
	return catalogue.Impact{CPU: more(a.CPU, b.CPU), Memory: more(a.Memory, b.Memory), Disk: more(a.Disk, b.Disk), Network: more(a.Network, b.Network)}
}
