package features

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

func whatIf(s *session.Session) *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "what-if +ID -ID…",
		Short: "Say what would follow from turning features on and off",
		Long: `Says what would follow from turning features on (+ID) and off (-ID): which others come and go, what each VM of
the project would gain or lose, which running operations that touches, and the risk. Nothing is changed.

What something uses cannot be turned off: the answer names all of its users, features and VMs alike.

Exit: 0 it would be accepted, 1 it would be refused.`,
		Example:           "  hv feature what-if +liveMigration -remoteBackup\n  hv feature what-if +api --file examples/home-lab.nix --host facts.json",
		Args:              oneSigned,
		ValidArgsFunction: ids(0, "+|-"),
		RunE: func(cmd *cobra.Command, args []string) error {
			asked, err := signed(s, args)
			if err != nil {
				return err
			}
			about, err := q.ask(cmd.Context(), s)
			if err != nil {
				return err
			}
			w, err := about.consider(cmd.Context(), s.Project, asked)
			if err != nil {
				return err
			}
			if err := printWhatIf(s, w); err != nil {
				return err
			}
			about.against(s)
			if w.Refused {
				return report.Told(report.Refused)
			}
			return nil
		},
	}
	q.flags(cmd)
	return cmd
}

func oneSigned(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return report.Usage(cmd.CommandPath()+" +liveMigration", "%s: name a feature to turn on (+ID) or off (-ID)", cmd.CommandPath())
	}
	return nil
}

// step is one feature to turn on or off.
type step struct {
	id catalogue.ID
	on bool
}

func signed(s *session.Session, args []string) ([]step, error) {
	var out []step
	for _, arg := range args {
		sign, name := arg[:min(1, len(arg))], strings.TrimLeft(arg, "+-"+minus)
		if sign != "+" && sign != "-" && !strings.HasPrefix(arg, minus) {
			return nil, report.Usage("+"+arg+" turns it on, -"+arg+" off", "%q says neither on nor off", arg)
		}
		f, err := known(s, name)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(o step) bool { return o.id == f.ID && o.on != (sign == "+") }) {
			return nil, report.Usage("one of them", "%s is to be turned on and off", f.ID)
		}
		out = append(out, step{f.ID, sign == "+"})
	}
	return out, nil
}

// considered is what would follow.
type considered struct {
	Declaration string             `json:"declaration"` // the file, or the standing one
	Edits       finding.Way        `json:"edits"`
	Nix         []string           `json:"nix,omitempty"`
	Difference  feature.Difference `json:"difference"`
	Objects     []affected         `json:"objects"`
	Operations  []touched          `json:"operations"`
	Findings    finding.List       `json:"findings,omitempty"` // what refuses it
	Refused     bool               `json:"refused"`

	lines []changed
}

// affected is a VM, or another object, that gains or loses something.
type affected struct {
	Object  string       `json:"object"`
	Feature catalogue.ID `json:"feature"`
	At      string       `json:"at"`
	Effect  string       `json:"effect"` // gains, loses
	What    string       `json:"what"`
}

// touched is an operation that is running on something affected.
type touched struct {
	ID     string `json:"id"`
	Action string `json:"action"`
	Target string `json:"target"`
	State  string `json:"state"`
}

func (s subject) consider(ctx context.Context, project string, asked []step) (considered, error) {
	out := considered{Declaration: s.name, Edits: finding.Way{}, Objects: []affected{}, Operations: []touched{}}
	d := s.decl.FeatureManager
	for _, step := range asked {
		way := feature.TurnOff(d, step.id)
		if step.on {
			way = feature.TurnOn(d, step.id)
		}
		edited, err := feature.Edited(d, way)
		if err != nil {
			return out, err
		}
		d, out.Edits = edited, append(out.Edits, way...)
	}
	before, after := s.resolution(), feature.Resolve(d, s.featureFacts())
	out.Difference = feature.Compare(before, after)
	var err error
	if out.lines, err = nixDiff(s.decl.FeatureManager, d); err != nil {
		return out, err
	}
	if len(out.Edits) > 0 {
		out.Nix = texts(out.lines)
	} else {
		out.lines = nil
	}
	objects, err := s.objects(ctx, project)
	if err != nil {
		return out, err
	}
	users := feature.UsersOf(objects)
	out.Objects = append(out.Objects, effects(before, after, users)...)
	out.Findings = append(feature.StillUsed(before, after, users), after.Findings.Of(finding.Refused)...)
	out.Findings.Sort()
	out.Refused = out.Findings.Refuses()
	if s.daemon == nil {
		return out, nil
	}
	running, err := runningOperations(ctx, s.daemon)
	out.Operations = append(out.Operations, touching(running, out.Objects)...)
	return out, err
}

// effects is what each user of a feature gains or loses.
func effects(before, after feature.Resolution, users []feature.User) []affected {
	var out []affected
	for _, u := range users {
		switch was, is := before.On(string(u.ID)), after.On(string(u.ID)); {
		case was && !is:
			out = append(out, affected{u.Object, u.ID, u.At, "loses", u.Lost})
		case !was && is:
			out = append(out, affected{u.Object, u.ID, u.At, "gains", u.With})
		}
	}
	return out
}

// touching is the running operations that are on something affected, or are it.
func touching(running []operation.Operation, objects []affected) []touched {
	var out []touched
	for _, op := range running {
		if slices.ContainsFunc(objects, func(a affected) bool {
			return a.Object == op.Target.Kind+"/"+op.Target.Name || a.Object == "operation/"+op.ID
		}) {
			out = append(out, touched{op.ID, op.Action, op.Target.Kind + "/" + op.Target.Name, string(op.State)})
		}
	}
	return out
}

func printWhatIf(s *session.Session, w considered) error {
	if s.Output.ForPrograms() {
		return s.Output.Value(s.Out, w)
	}
	fmt.Fprintf(s.Out, "%s:\n", screen.Safe(w.Declaration))
	if len(w.Edits) == 0 {
		fmt.Fprintln(s.Out, "  nothing changes: it is so already")
		return nil
	}
	printDiff(s.Out, "  ", w.lines)
	fmt.Fprintln(s.Out, "\nfeatures")
	differs(s, w.Difference)
	fmt.Fprintln(s.Out, "\nVMs")
	if len(w.Objects) == 0 {
		fmt.Fprintln(s.Out, "  none gains or loses anything")
	}
	for _, o := range w.Objects {
		report.Prose(s.Out, "  ", fmt.Sprintf("%s %s %s (%s): %s", screen.Safe(o.Object), o.Effect, o.Feature, screen.Safe(o.At), o.What), "    ")
	}
	for i, op := range w.Operations {
		if i == 0 {
			fmt.Fprintln(s.Out, "\nrunning operations; they finish under what stood when they began")
		}
		fmt.Fprintf(s.Out, "  %s %s %s, %s\n", op.ID, op.Action, screen.Safe(op.Target), op.State)
	}
	fmt.Fprintln(s.Out)
	report.Findings(s.Out, w.Findings)
	if !w.Refused {
		fmt.Fprintln(s.Out, "nothing refuses it")
	}
	return nil
}

// differs tells what changes of the features, with new findings that refuse nothing, and the risk.
func differs(s *session.Session, d feature.Difference) {
	green, red := func(t string) string { return s.Out.Paint(screen.Green, t) }, func(t string) string { return s.Out.Paint(screen.Red, t) }
	for _, e := range d.Gained {
		report.Prose(s.Out, "  "+green("+ "+string(e.ID))+"  ", reasoned(e), "      ")
	}
	for _, id := range d.Lost {
		fmt.Fprintln(s.Out, "  "+red("- "+string(id)))
	}
	for _, m := range d.Changed {
		text := fmt.Sprintf("%s: %s → %s", m.ID, m.Before, m.After)
		if len(m.Held) > 0 {
			text += ": " + strings.Join(m.Held, ", ")
		}
		report.Prose(s.Out, "  ~ ", screen.Safe(text), "      ")
	}
	if len(d.Gained)+len(d.Lost)+len(d.Changed) == 0 {
		fmt.Fprintln(s.Out, "  none comes or goes")
	}
	for _, f := range d.Said {
		if f.Severity != finding.Refused {
			report.Prose(s.Out, "  ", string(f.Severity)+": "+screen.Safe(f.What), "    ")
		}
	}
	for _, f := range d.Gone {
		if f.Severity != finding.Advice {
			report.Prose(s.Out, "  ", "no longer "+string(f.Severity)+": "+screen.Safe(f.What), "    ")
		}
	}
	risk := string(d.Risk.After.Level)
	if d.Risk.Before.Level != d.Risk.After.Level {
		risk += ", it was " + string(d.Risk.Before.Level)
	}
	if len(d.Risk.Contributing) > 0 {
		risk += "; new in it: " + joined(d.Risk.Contributing)
	}
	if len(d.Risk.NoLonger) > 0 {
		risk += "; no longer in it: " + joined(d.Risk.NoLonger)
	}
	fmt.Fprintln(s.Out)
	report.Prose(s.Out, "risk: ", risk, "  ")
}

func reasoned(e feature.Effective) string {
	text := string(e.State)
	for _, r := range e.Why {
		text += ", " + r.String()
	}
	if len(e.Held) > 0 {
		text += "; held by: " + strings.Join(e.Held, ", ")
	}
	return screen.Safe(text)
}

// minus stands for the - of a feature that is turned off, on the way through the reading of flags, which would take
// -api for five of them.
const minus = "\u2212"

// Arguments makes -ID an argument of what-if instead of flags. A word with two dashes, and one letter alone, stay
// flags; so does what begins with a flag that takes a value, unless it is the name of a feature.
func Arguments(args []string) []string {
	at := slices.Index(args, "what-if")
	if at < 0 || !slices.Contains(args[:at], "feature") {
		return args
	}
	out := slices.Clone(args)
	for i := at + 1; i < len(out); i++ {
		name, dash := strings.CutPrefix(out[i], "-")
		if !dash || len(name) < 2 || name[0] == '-' || i > 0 && takesValue(out[i-1]) {
			continue
		}
		if _, _, err := catalogue.Lookup(name); err == nil || !strings.ContainsRune("ofqvh", rune(name[0])) {
			out[i] = minus + name
		}
	}
	return out
}

// takesValue reports whether the next word is a flag's value.
func takesValue(flag string) bool {
	switch flag {
	case "-o", "-f", "--output", "--file", "--host", "--color", "--project", "--timeout":
		return true
	}
	return false
}
