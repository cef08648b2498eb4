package declaration

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/follow"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func apply(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply FILE",
		Short: "Make a declaration the one that stands",
		Long: `Makes a declaration the one that stands on the host: its features and its VMs.

The file is evaluated here, with your rights; the daemon gets the value. First it says what will change and what
speaks against it, then hv asks (--yes answers), applies, and waits for the VMs. Only root applies.`,
		Example:           "  sudo hv config apply examples/home-lab.nix\n  sudo hv config apply examples/home-lab.nix --dry-run",
		Args:              session.Exactly("FILE"),
		ValidArgsFunction: session.Files("nix", "json", "yaml", "yml"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			encoded, err := d.Encode()
			if err != nil {
				return err
			}
			return applyValue(cmd.Context(), s, args[0], encoded, d.Sources)
		},
	}
	s.Mutates(cmd)
	s.Asks(cmd)
	return cmd
}

func applyValue(ctx context.Context, s *session.Session, file string, encoded []byte, sources config.SourceMap) error {
	c, err := s.Client()
	if err != nil {
		return err
	}
	doing := "cannot apply " + file
	result, err := c.ApplyConfig(ctx, encoded, client.Change{DryRun: true})
	if err != nil {
		return fault.Wrap(err, "%s", doing)
	}
	if result.Preview == nil {
		return fault.New(fault.Internal, "the daemon answered no preview")
	}
	p := *result.Preview
	Locate(p.Findings, sources)
	if s.DryRun && s.Output.ForPrograms() {
		if err := s.Output.Value(s.Out, p); err != nil || !p.Refused {
			return err
		}
		return report.Told(report.Refused)
	}
	if p.Refused {
		return fault.New(fault.Denied, "%s", doing).Because(finding.Refusal{Findings: p.Findings})
	}
	tellPreview(s, p)
	if s.DryRun {
		return nil
	}
	if len(p.Changes) > 0 {
		if err := s.Confirm(ctx, "apply "+file+"?"); err != nil {
			return err
		}
	}
	if result, err = c.ApplyConfig(ctx, encoded, client.Change{}); err != nil {
		return fault.Wrap(err, "%s", doing)
	}
	if result.Operation == nil {
		return fault.New(fault.Internal, "the daemon answered no operation")
	}
	return finish(ctx, s, c, file, *result.Operation)
}

// tellPreview says what will happen: on stdout for a dry run, whose result that is.
func tellPreview(s *session.Session, p wire.Preview) {
	to := s.Err
	if s.DryRun {
		to = s.Out
	} else if s.Quiet {
		return
	}
	if len(p.Changes) == 0 {
		fmt.Fprintln(to, "nothing changes")
	}
	for _, c := range p.Changes {
		fmt.Fprintln(to, changeLine(to, c))
	}
	change.Plan(to, p.Plan)
	s.Findings(p.Findings)
}

// changeLine is a change in one line: + what comes, - what goes, ~ what becomes another.
func changeLine(s screen.Screen, c wire.Change) string {
	switch c.Kind {
	case "added":
		return s.Paint(screen.Green, "+ "+screen.Safe(c.Path)+" = "+short(c.Path, c.New))
	case "removed":
		return s.Paint(screen.Red, "- "+screen.Safe(c.Path)+" = "+short(c.Path, c.Old))
	}
	return s.Paint(screen.Yellow, "~ "+screen.Safe(c.Path)+": "+short(c.Path, c.Old)+" → "+short(c.Path, c.New))
}

// maxValue is the most of a value that a line of a change shows, in characters.
const maxValue = 100

// short is a value in a line: memory as a size, whatever else as JSON, cut.
func short(path string, v any) string {
	if n, ok := v.(float64); ok && strings.HasSuffix(path, ".memory") {
		return model.Bytes(n).String()
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return screen.Safe(screen.Cut(string(text), maxValue))
}

// finish waits for the apply and for what it began for VMs.
func finish(ctx context.Context, s *session.Session, c *client.Client, file string, op operation.Operation) error {
	if s.NoWait && !op.State.Ended() {
		fmt.Fprintf(s.Out, "operation %s (config.apply)\n", op.ID)
		return nil
	}
	begun := follow.Applied(op) // only the answer names them
	op, err := follow.Operation(ctx, s, c, op.ID)
	if err != nil {
		return fault.Wrap(err, "cannot apply %s", file)
	}
	worst := report.Done
	if !s.NoWait {
		for _, id := range begun {
			of, err := follow.Operation(ctx, s, c, id)
			if err != nil {
				if !follow.WentOn(err) {
					_, verb, _ := strings.Cut(of.Action, ".")
					err = fault.Wrap(err, "cannot %s %s %q", verb, of.Target.Kind, of.Target.Name)
				}
				s.Fail(err)
				worst = report.Worst(worst, report.CodeOf(err))
			}
		}
	}
	if s.Output.ForPrograms() {
		if err := s.Output.Value(s.Out, op); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(s.Out, "applied %s\n", file)
	}
	return report.Told(worst)
}
