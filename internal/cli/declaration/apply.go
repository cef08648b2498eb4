package declaration

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/follow"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func apply(s *session.Session) *cobra.Command {
	a := applying{s: s}
	cmd := &cobra.Command{
		Use:   "apply FILE",
		Short: "Make a declaration the one that stands",
		Long: `Makes a declaration the one that stands on the host: its features and its VMs.

The file is evaluated here, with your rights; the daemon gets the value. First comes the plan: what is created,
changed live, pending a restart, stopped, kept; which features come and go, and what speaks against it. Then hv
asks (--yes answers), applies, and waits for the VMs. Only root may.

What is applied is the plan that was shown: where something has changed meanwhile hv plans anew and asks again.
--plan DIGEST insists on one that --dry-run -o json has printed. One declaration is applied at a time: hv says who
has the turn and waits, or with --no-wait is refused. The same declaration again changes nothing.`,
		Example: "  sudo hv config apply examples/home-lab.nix\n  sudo hv config apply examples/home-lab.nix --dry-run\n" +
			"  sudo hv config apply examples/home-lab.nix --yes -m 'monitoring for the lab'",
		Args:              session.Exactly("FILE"),
		ValidArgsFunction: session.Files("nix", "json", "yaml", "yml"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.usage("apply " + args[0]); err != nil {
				return err
			}
			d, err := read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			encoded, err := placed(d).Encode()
			if err != nil {
				return err
			}
			a.what, a.done, a.sources = "apply "+args[0], "applied "+args[0], d.Sources
			a.ask = func(ctx context.Context, c *client.Client, how client.Applying) (client.Result, error) {
				return c.ApplyConfig(ctx, encoded, how)
			}
			return a.run(cmd.Context())
		},
	}
	a.flags(cmd)
	return cmd
}

func (a *applying) flags(cmd *cobra.Command) {
	a.s.Mutates(cmd)
	a.s.Asks(cmd)
	cmd.Flags().StringVarP(&a.message, "message", "m", "", "why, for hv config history")
	cmd.Flags().StringVar(&a.plan, "plan", "", "apply only this plan, by its digest")
	session.Values(cmd, "message")
	session.Values(cmd, "plan")
}

// placed is d with the files that its places name as they are called from anywhere: it is kept, and read again
// from other folders.
func placed(d config.Declaration) config.Declaration {
	d.Sources = d.Sources.Renamed(func(file string) string {
		if abs, err := filepath.Abs(file); err == nil {
			return abs
		}
		return file
	})
	return d
}

// applying is one apply: of a file, or of an earlier generation.
type applying struct {
	s             *session.Session
	what, done    string // "apply host.nix", "applied host.nix"
	sources       config.SourceMap
	message, plan string
	ask           func(context.Context, *client.Client, client.Applying) (client.Result, error)
}

// maxRounds is how often a plan that has grown stale is made anew.
const maxRounds = 8

// aDigest is the digest of a plan.
var aDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// usage refuses flags that say nothing, before anything is read.
func (a *applying) usage(again string) error {
	if a.plan != "" && !aDigest.MatchString(a.plan) {
		return report.Usage("hv config "+again+" --dry-run -o json prints it, under config.digest", "--plan %q is no digest of a plan: sha256: and 64 hex digits", screen.Cut(a.plan, maxValue))
	}
	return nil
}

func (a *applying) run(ctx context.Context) error {
	c, err := a.s.Client()
	if err != nil {
		return err
	}
	for round := 1; ; round++ {
		p, err := a.look(ctx, c)
		if err != nil {
			return err
		}
		if a.s.DryRun {
			return a.dry(p)
		}
		if p.Config == nil {
			return fault.New(fault.Internal, "the daemon answered no plan").Try("use a client of the daemon's release: hv version")
		}
		if p.Config.Nothing && !p.Config.Moved {
			return a.nothing(p)
		}
		if !p.Config.Nothing {
			if !a.s.Quiet {
				tellPlan(a.s, a.s.Err, p)
			}
			if err := a.s.Confirm(ctx, a.what+"?"); err != nil {
				return err
			}
		}
		op, err := a.apply(ctx, c, p.Config.Digest)
		if fault.CodeOf(err) == codeStale && a.plan == "" && round < maxRounds {
			a.s.Notice("what would follow has changed meanwhile: here is the plan of now")
			continue
		}
		if err != nil {
			return a.failed(err)
		}
		if p.Config.Nothing {
			return a.nothing(p)
		}
		return a.finish(ctx, c, op)
	}
}

const (
	codeBusy  = "HV-CFG-003"
	codeStale = "HV-CFG-006"
)

// look asks for the plan. One that is refused is the error.
func (a *applying) look(ctx context.Context, c *client.Client) (wire.Preview, error) {
	result, err := a.ask(ctx, c, client.Applying{Change: client.Change{DryRun: true}, Plan: a.plan, Message: a.message})
	if err != nil {
		return wire.Preview{}, a.failed(err)
	}
	if result.Preview == nil {
		return wire.Preview{}, fault.New(fault.Internal, "the daemon answered no preview")
	}
	p := *result.Preview
	Locate(p.Findings, a.sources)
	if p.Refused && (!a.s.DryRun || !a.s.Output.ForPrograms()) {
		return p, a.failed(fault.New(fault.Denied, "the declaration is refused").Because(finding.Refusal{Findings: p.Findings}))
	}
	return p, nil
}

func (a *applying) failed(err error) error {
	if refusal, ok := refusalOf(err); ok {
		return fault.New(fault.KindOf(err), "cannot %s", a.what).Because(refusal)
	}
	if code := report.CodeOf(err); code == report.NoDaemon || code == report.Interrupted || code == report.TimeUp {
		return err
	}
	return fault.Wrap(err, "cannot %s", a.what)
}

// dry prints the plan as the result that it is.
func (a *applying) dry(p wire.Preview) error {
	if a.s.Output.ForPrograms() {
		if err := a.s.Output.Value(a.s.Out, p); err != nil || !p.Refused {
			return err
		}
		return report.Told(report.Refused)
	}
	if p.Config != nil && p.Config.Nothing {
		fmt.Fprintln(a.s.Out, "nothing to do")
		a.s.Findings(p.Findings)
		return nil
	}
	tellPlan(a.s, a.s.Out, p)
	return nil
}

func (a *applying) nothing(p wire.Preview) error {
	if a.s.Output.ForPrograms() {
		return a.s.Output.Value(a.s.Out, p)
	}
	a.s.Findings(p.Findings)
	fmt.Fprintln(a.s.Out, "nothing to do")
	return nil
}

// apply asks for the change that was planned. While another one is applied it says so, and waits.
func (a *applying) apply(ctx context.Context, c *client.Client, plan string) (operation.Operation, error) {
	how := client.Applying{Plan: plan, Message: a.message, NoWait: true}
	result, err := a.ask(ctx, c, how)
	if fault.CodeOf(err) == codeBusy && !a.s.NoWait {
		a.s.Notice("waiting: %s (Ctrl-C waits no longer, and changes nothing)", err)
		how.NoWait = false
		result, err = a.ask(ctx, c, how)
	}
	if err != nil {
		return operation.Operation{}, err
	}
	if result.Operation == nil {
		return operation.Operation{}, fault.New(fault.Internal, "the daemon answered no operation")
	}
	return *result.Operation, nil
}

// finish waits for the apply and for what it began for VMs.
func (a *applying) finish(ctx context.Context, c *client.Client, op operation.Operation) error {
	s := a.s
	if s.NoWait && !op.State.Ended() {
		fmt.Fprintf(s.Out, "operation %s (%s)\n", op.ID, op.Action)
		return nil
	}
	begun := follow.Applied(op) // only the answer names them
	op, err := follow.Operation(ctx, s, c, op.ID)
	if err != nil {
		return a.failed(err)
	}
	worst := report.Done
	if !s.NoWait {
		for _, id := range begun {
			of, err := follow.Operation(ctx, s, c, id)
			if err != nil {
				if !follow.WentOn(err) {
					err = fault.Wrap(err, "cannot %s %s %q", verbOf(of), of.Target.Kind, of.Target.Name)
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
		fmt.Fprintln(s.Out, a.done)
	}
	return report.Told(worst)
}

// verbOf says what an operation was to do. The edit of a VM that is declared no more is there to stop it.
func verbOf(op operation.Operation) string {
	if op.Action == "vm.edit" && op.Params["power"] == string(vm.Off) {
		return "stop"
	}
	_, verb, _ := strings.Cut(op.Action, ".")
	return verb
}
