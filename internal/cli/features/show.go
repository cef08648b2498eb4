package features

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

func show(s *session.Session) *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show all that the catalogue says of a feature",
		Long: `Shows all that the catalogue says of a feature: what it is for, what it needs and exposes, what it costs, with what
it conflicts; and how it stands on the host, where a daemon or a file can be asked.`,
		Example:           "  hv feature show srIov\n  hv feature show webDashboard --file examples/home-lab.nix",
		Args:              session.Exactly("ID"),
		ValidArgsFunction: ids(1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := known(s, args[0])
			if err != nil {
				return err
			}
			about, err := q.ask(cmd.Context(), s)
			if q.file == "" && q.on == "" && report.CodeOf(err) == report.NoDaemon {
				return printShown(s, shownOf(f), nil) // the catalogue needs no daemon
			}
			if err != nil {
				return err
			}
			r := about.resolution()
			one := shownOf(f)
			one.State = r.StateOf(f.ID)
			return printShown(s, one, &r)
		},
	}
	q.flags(cmd)
	return cmd
}

// shown is a feature as the catalogue has it, and how it stands.
type shown struct {
	catalogue.Feature
	Relations []related             `json:"relations,omitempty"`
	Beside    []catalogue.Shortfall `json:"beside,omitempty"` // what is no feature: storage backends, other hypervisors
	State     string                `json:"state,omitempty"`
}

func shownOf(f catalogue.Feature) shown {
	return shown{Feature: f, Relations: relations(f.ID), Beside: slices.DeleteFunc(catalogue.Default().Shortfalls(f.ID), func(s catalogue.Shortfall) bool {
		return s.ID != "" || s.Source == string(catalogue.OperatingSystems) // told among the relations, and the platforms
	})}
}

// related is how a feature gets on with another.
type related struct {
	With   catalogue.ID    `json:"with"`
	Kind   catalogue.Kind  `json:"kind"`
	Scope  catalogue.Scope `json:"scope,omitempty"`
	Reason string          `json:"reason"`
	Remedy string          `json:"remedy"`
	Source string          `json:"source"`
}

func relations(id catalogue.ID) []related {
	var out []related
	for _, r := range catalogue.Default().Relations() {
		if r.A == id || r.B == id {
			out = append(out, related{r.Other(id), r.Kind, r.Scope, r.Reason, r.Remedy, r.Source})
		}
	}
	return out
}

func printShown(s *session.Session, f shown, r *feature.Resolution) error {
	switch {
	case s.Output.ForPrograms():
		return s.Output.Value(s.Out, f)
	case s.Output == output.Name:
		fmt.Fprintln(s.Out, f.ID)
		return nil
	}
	report.Prose(s.Out, string(f.ID)+": ", f.Description, "  ")
	var out output.Fields
	out.Add("state", f.State)
	if r != nil {
		var chains []string
		for _, c := range r.Chains(f.ID) {
			chains = append(chains, c.String())
		}
		out.Add("why", strings.Join(chains, ", "))
	}
	about(&out, f.Feature)
	for _, rel := range f.Relations {
		out.Add(string(rel.Kind), fmt.Sprintf("%s: %s; %s", with(rel), rel.Reason, rel.Remedy))
	}
	for _, b := range f.Beside {
		out.Add("with "+b.With, fmt.Sprintf("%s %s; %s", b.Mark.Symbol(), b.Reason, b.Remedy))
	}
	return out.Prose(s.Out)
}

func with(r related) string {
	if r.Scope != "" {
		return string(r.With) + " on one " + string(r.Scope)
	}
	return string(r.With)
}

// about is the columns of the catalogue.
func about(out *output.Fields, f catalogue.Feature) {
	set := string(f.Set)
	if set == "" {
		set = "none"
	}
	if f.Core {
		out.Add("core", "always on")
	}
	out.Add("risk", string(f.Risk)+", set "+set)
	out.Add("category", string(f.Category)+", since "+f.Since)
	for _, b := range f.Benefits {
		out.Add("benefit", b)
	}
	out.Add("on", f.On)
	out.Add("off", f.Off)
	out.Add("warning", f.Warning)
	out.Add("exposes", f.Exposes)
	for _, m := range f.Mitigations {
		out.Add("mitigation", m)
	}
	out.Add("requires", joined(f.Requires))
	for _, n := range f.Needs {
		out.Add("needs", n.Name()+"; if it is missing: "+n.Remedy())
	}
	out.Add("better with", joined(f.Optional))
	out.Add("options", strings.Join(f.Options, ", "))
	for _, p := range catalogue.Platforms() {
		if sup, _ := catalogue.Default().Support(f.ID, p); sup.Mark != catalogue.Full {
			out.Add("on "+string(p), sup.Mark.Symbol()+" "+sup.Reason)
		}
	}
	out.Add("impact", impact(f.Impact))
	for _, t := range f.Tunables {
		out.Add("setting", fmt.Sprintf("%s = %s (%s): %s", t.Name, t.Default, t.Range(), t.What))
	}
	out.Add("changes in", strings.Join(f.ChangesIn, ", "))
	var older []string
	for name, id := range catalogue.Standard().Aliases {
		if id == f.ID {
			older = append(older, name)
		}
	}
	slices.Sort(older)
	out.Add("older names", strings.Join(older, ", "))
}

func joined(list []catalogue.ID) string {
	var names []string
	for _, id := range list {
		names = append(names, string(id))
	}
	return strings.Join(names, ", ")
}

// impact is the load that a feature puts on a host, in words; empty where nothing is known.
func impact(i catalogue.Impact) string {
	if i.CPU == "" {
		return ""
	}
	text := fmt.Sprintf("CPU %s, memory %s, disk %s, network %s", i.CPU, i.Memory, i.Disk, i.Network)
	if i.Estimated {
		text += " (estimated: the specification does not name it)"
	}
	return text
}
