package change

import (
	"context"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// preview asks what each change would do, and prints that.
func preview(ctx context.Context, s *session.Session, c *client.Client, all []Change) error {
	worst := report.Done
	var previews []*wire.Preview
	for _, one := range all {
		result, err := one.Do(ctx, c, client.Change{DryRun: true})
		if err == nil && result.Preview == nil {
			err = fault.New(fault.Internal, "the daemon answered no plan")
		}
		if err != nil {
			if len(all) == 1 {
				return one.named(err)
			}
			s.Fail(one.named(err))
			worst = report.Worst(worst, report.CodeOf(err))
			continue
		}
		if result.Preview.Refused {
			worst = report.Worst(worst, report.Refused)
		}
		previews = append(previews, result.Preview)
		if !s.Output.ForPrograms() {
			one.plan(s, *result.Preview)
		}
	}
	if s.Output.ForPrograms() {
		if err := printPreviews(s, previews, len(all) > 1); err != nil {
			return err
		}
	}
	return report.Told(worst)
}

func printPreviews(s *session.Session, all []*wire.Preview, many bool) error {
	if many || len(all) == 0 {
		return s.Output.Value(s.Out, all)
	}
	return s.Output.Value(s.Out, all[0])
}

func (c Change) plan(s *session.Session, p wire.Preview) {
	switch {
	case p.Refused:
		fmt.Fprintf(s.Out, "%s/%s: %s would be refused\n", c.Noun, c.Name, c.Verb)
	case len(p.Plan) == 0:
		fmt.Fprintf(s.Out, "%s/%s: %s would change nothing\n", c.Noun, c.Name, c.Verb)
	default:
		fmt.Fprintf(s.Out, "%s/%s: %s would\n", c.Noun, c.Name, c.Verb)
	}
	Plan(s.Out, p.Plan)
	report.Findings(s.Err, p.Findings)
}

// Plan prints the steps of a plan, numbered, each with its details. Those are a command's arguments: an
// option and its value share a line.
func Plan(s screen.Screen, steps []wire.PlanStep) {
	for i, step := range steps {
		fmt.Fprintf(s, "%3d. %s\n", i+1, screen.Safe(step.Name))
		for d := range step.Detail {
			before := "\n       "
			switch {
			case d == 0:
				before = "       "
			case isOption(step.Detail[d-1]) && !isOption(step.Detail[d]):
				before = " "
			}
			fmt.Fprint(s, before+screen.Safe(step.Detail[d]))
		}
		if len(step.Detail) > 0 {
			fmt.Fprintln(s)
		}
	}
}

func isOption(arg string) bool { return strings.HasPrefix(arg, "-") }
