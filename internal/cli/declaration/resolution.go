package declaration

import (
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// resolution prints what the features come to: each with why it is there and what holds it, what was left
// out, and the risk of the whole.
func resolution(s *session.Session, r feature.Resolution) error {
	t := &output.Table{Columns: []output.Column{
		{Title: "FEATURE"}, {Title: "STATE", Paint: StatePaint}, {Title: "RISK", Paint: RiskPaint}, {Title: "WHY", Cut: true}, {Title: "HELD BY", Cut: true},
	}}
	for _, e := range r.Effective {
		f, _ := catalogue.Default().Get(e.ID)
		t.Add(string(e.ID), string(e.State), string(f.Risk), reasons(e.Why), held(e))
	}
	if err := t.Write(s.Out, s.Output == output.Wide); err != nil {
		return err
	}
	for i, left := range r.LeftOut {
		if i == 0 {
			fmt.Fprintln(s.Out, "\nleft out")
		}
		fmt.Fprintf(s.Out, "  %s: %s\n", left.ID, screen.Safe(left.Why))
	}
	risk(s, r.Risk)
	return nil
}

func reasons(all []feature.Reason) string {
	var out []string
	for _, r := range all {
		out = append(out, strings.Replace(r.String(), "hypervisor.featureManager.", "", 1))
	}
	return strings.Join(out, ", ")
}

func held(e feature.Effective) string {
	out := append([]string(nil), e.Held...)
	for _, n := range e.NotAsked {
		out = append(out, n.Name()+" (not asked)")
	}
	return strings.Join(out, ", ")
}

// risk says how much the whole exposes, what contributes, and what keeps it in bounds.
func risk(s *session.Session, t feature.TotalRisk) {
	fmt.Fprintf(s.Out, "\nrisk: %s", s.Out.Paint(RiskPaint(string(t.Level)), string(t.Level)))
	if t.Now != t.Level {
		fmt.Fprintf(s.Out, " once all of it is on, %s now", t.Now)
	}
	fmt.Fprintln(s.Out)
	for _, c := range t.Contributors {
		text := string(c.ID)
		if c.Exposes != "" {
			text += ": " + c.Exposes
		}
		fmt.Fprintln(s.Out, "  "+screen.Safe(text))
		for _, m := range c.Mitigations {
			report.Prose(s.Out, "    mitigation: ", screen.Safe(m), "      ")
		}
		if c.Acknowledged != "" {
			fmt.Fprintf(s.Out, "    acknowledged: %s\n", screen.Safe(c.Acknowledged))
		}
	}
}

// StatePaint is the colour of a feature's state.
func StatePaint(state string) screen.Paint {
	switch state {
	case "on":
		return screen.Green
	case "off":
		return screen.Dim
	case "refused":
		return screen.Red
	}
	return screen.Yellow
}

// RiskPaint is the colour of a level of risk.
func RiskPaint(level string) screen.Paint {
	switch catalogue.Risk(level) {
	case catalogue.Critical, catalogue.High:
		return screen.Red
	case catalogue.Moderate:
		return screen.Yellow
	case catalogue.Low, catalogue.Minimal:
	}
	return screen.Dim
}
