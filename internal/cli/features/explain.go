package features

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/declaration"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

func explain(s *session.Session) *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "Explain why a feature is on or off here",
		Long: `Explains why a feature is on, waiting, unavailable or off under a declaration: the chains that bring it in, what holds
it back, which features and VMs use it, and every finding that names it.`,
		Example:           "  hv feature explain localBackup\n  hv feature explain localBackup --file examples/production.nix",
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
			objects, err := about.objects(cmd.Context(), s.Project)
			if err != nil {
				return err
			}
			if err := printExplained(s, about, explained(about.resolution(), f.ID, feature.UsersOf(objects))); err != nil {
				return err
			}
			about.against(s)
			return nil
		},
	}
	q.flags(cmd)
	return cmd
}

// explanation is why a feature stands as it does.
type explanation struct {
	ID       catalogue.ID    `json:"id"`
	State    string          `json:"state"`
	Chains   []feature.Chain `json:"chains,omitempty"`
	Held     []string        `json:"held,omitempty"`   // by what, where it is not on
	UsedBy   []catalogue.ID  `json:"usedBy,omitempty"` // effective features that require it
	Objects  []feature.User  `json:"objects,omitempty"`
	Findings finding.List    `json:"findings,omitempty"` // that name it
	// Why it is off, and the edit that turns it on, where no finding says so. Nobody asked for it, and so nothing is refused.
	Why *finding.Finding `json:"why,omitempty"`
}

func explained(r feature.Resolution, id catalogue.ID, users []feature.User) explanation {
	e := explanation{ID: id, State: r.StateOf(id), Chains: r.Chains(id), UsedBy: r.Users(id)}
	if effective, ok := r.Lookup(id); ok {
		e.Held = effective.Held
	}
	for _, u := range users {
		if u.ID == id {
			e.Objects = append(e.Objects, u)
		}
	}
	for _, f := range r.Findings {
		if slices.Contains(f.Subject, string(id)) {
			e.Findings = append(e.Findings, f)
		}
	}
	if why, off := r.WhyOff(string(id)); off && !slices.ContainsFunc(e.Findings, func(f finding.Finding) bool { return f.Code == why.Code }) {
		why.Severity = finding.Advice
		e.Why = &why
	}
	e.Findings.Sort()
	return e
}

func printExplained(s *session.Session, about subject, e explanation) error {
	if s.Output.ForPrograms() {
		return s.Output.Value(s.Out, e)
	}
	state := s.Out.Paint(declaration.StatePaint(e.State), e.State)
	fmt.Fprintf(s.Out, "%s is %s (%s)\n", e.ID, state, screen.Safe(about.name))
	for _, c := range e.Chains {
		fmt.Fprintln(s.Out, "  because "+screen.Safe(c.String()))
	}
	for _, h := range e.Held {
		fmt.Fprintln(s.Out, "  held back: "+screen.Safe(h))
	}
	if len(e.UsedBy) > 0 {
		fmt.Fprintln(s.Out, "  required by "+joined(e.UsedBy))
	}
	for _, u := range e.Objects {
		fmt.Fprintf(s.Out, "  used by %s (%s): %s\n", screen.Safe(u.Object), screen.Safe(u.At), u.With)
	}
	if e.Why != nil {
		printOff(s, e.ID, *e.Why)
	}
	report.Findings(s.Out, e.Findings)
	return nil
}

// printOff tells what a feature that nobody asked for is: off, and how it would be on.
func printOff(s *session.Session, id catalogue.ID, why finding.Finding) {
	if !strings.HasSuffix(why.What, " is off") { // that was said
		fmt.Fprintln(s.Out, "  "+screen.Safe(why.What))
	}
	if why.Why != "" {
		fmt.Fprintln(s.Out, "  "+screen.Safe(why.Why))
	}
	if !catalogue.Default().InBuild(id) {
		fmt.Fprintf(s.Out, "  to declare it for the release that brings it: hv feature why-not %s\n", id)
		return
	}
	fmt.Fprintln(s.Out, "  to turn it on: "+screen.Safe(why.Remedy))
}
