package declaration

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func diff(s *session.Session) *cobra.Command {
	var on string
	cmd := &cobra.Command{
		Use:   "diff {A | A B}",
		Short: "Say what differs between two declarations",
		Long: `Says what differs between two declarations: options by their path, features by what they come to, VMs. Lists of
features are sets: their order is no difference, nor is the form, Nix, JSON or YAML.

A and B are files, or @N for generation N of the host. A file alone is held against what stands; @N alone says what
has changed since. Two files need no daemon. --host holds the features against a host, as in hv config check.

Exit: 0 nothing differs, 1 something does, 2 a file cannot be read.`,
		Example: "  hv config diff examples/home-lab.nix examples/development.nix\n  hv config diff host.nix\n  hv config diff @3",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return report.Usage("hv config diff OLD.nix NEW.nix", "name two declarations, or one to hold against what stands")
			}
			return nil
		},
		ValidArgsFunction: s.Sides(),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := Facts(cmd.Context(), s, on)
			if err != nil {
				return err
			}
			from, to, err := sides(cmd.Context(), s, args)
			if err != nil {
				return err
			}
			d := compare(from, to, f)
			if s.Output.ForPrograms() {
				err = s.Output.Value(s.Out, d)
			} else {
				d.print(s, from, to)
			}
			if err == nil && !d.Same {
				return report.Told(report.Refused)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&on, "host", "", "hold the features against a host: self, or a file of facts")
	CompleteHost(cmd)
	return cmd
}

// side is one of two declarations that are compared.
type side struct {
	name string
	decl config.Declaration
}

func sides(ctx context.Context, s *session.Session, args []string) (from, to side, err error) {
	names := args
	switch {
	case len(args) == 2:
	case strings.HasPrefix(args[0], "@"):
		names = []string{args[0], ""}
	default:
		names = []string{"", args[0]}
	}
	if from, err = load(ctx, s, names[0]); err == nil {
		to, err = load(ctx, s, names[1])
	}
	return from, to, err
}

// load reads a file, a generation of the host's, or for no name what stands.
func load(ctx context.Context, s *session.Session, name string) (side, error) {
	if name != "" && !strings.HasPrefix(name, "@") {
		d, err := read(ctx, name)
		return side{name, d}, err
	}
	c, err := s.Client()
	if err != nil {
		return side{}, err
	}
	var got wire.Config
	if name == "" {
		got, err = c.Config(ctx)
		name = "what stands"
	} else {
		var n int64
		if n, err = Generation(name); err == nil {
			got, err = c.Generation(ctx, n)
		}
	}
	if err != nil || len(got.Declaration) == 0 {
		return side{name: name + " (nothing is declared)"}, err
	}
	d, err := declared(got.Declaration)
	return side{fmt.Sprintf("%s (generation %d)", name, got.Generation), d}, err
}

// difference is what hv config diff prints for programs.
type difference struct {
	From     string          `json:"from"`
	To       string          `json:"to"`
	Same     bool            `json:"same"`
	Changes  []config.Change `json:"changes"`
	Features []stateChange   `json:"features"`
	VMs      vmChanges       `json:"vms"`
}

type stateChange struct {
	ID  string `json:"id"`
	Was string `json:"was"`
	Is  string `json:"is"`
}

type vmChanges struct {
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
	Changed []string `json:"changed"`
}

func compare(from, to side, f host.Facts) difference {
	d := difference{From: from.name, To: to.name, Changes: config.Diff(from.decl, to.decl), Features: []stateChange{}, VMs: vmChanges{[]string{}, []string{}, []string{}}}
	d.Same = len(d.Changes) == 0
	if d.Changes == nil {
		d.Changes = []config.Change{}
	}
	known := config.FeatureFacts(f)
	was, is := feature.Resolve(from.decl.FeatureManager, known), feature.Resolve(to.decl.FeatureManager, known)
	for _, one := range catalogue.All() {
		if a, b := stateOf(was, one.ID), stateOf(is, one.ID); a != b {
			d.Features = append(d.Features, stateChange{string(one.ID), a, b})
		}
	}
	for _, name := range from.decl.Names() {
		if _, still := to.decl.VMs[name]; !still {
			d.VMs.Removed = append(d.VMs.Removed, name)
		} else if len(config.Diff(only(from.decl, name), only(to.decl, name))) > 0 {
			d.VMs.Changed = append(d.VMs.Changed, name)
		}
	}
	for _, name := range to.decl.Names() {
		if _, was := from.decl.VMs[name]; !was {
			d.VMs.Added = append(d.VMs.Added, name)
		}
	}
	return d
}

// only is what a declaration says of one VM.
func only(d config.Declaration, name string) config.Declaration {
	return config.Declaration{VMs: map[string]vm.Definition{name: d.VMs[name]}}
}

func stateOf(r feature.Resolution, id catalogue.ID) string {
	if e, ok := r.Lookup(id); ok {
		return string(e.State)
	}
	return "off"
}

func (d difference) print(s *session.Session, from, to side) {
	if d.Same {
		s.Notice("nothing differs between %s and %s", screen.Safe(d.From), screen.Safe(d.To))
		return
	}
	fmt.Fprintln(s.Out, s.Out.Paint(screen.Bold, "--- "+screen.Safe(d.From)))
	fmt.Fprintln(s.Out, s.Out.Paint(screen.Bold, "+++ "+screen.Safe(d.To)))
	section := ""
	for _, l := range config.Lines(from.decl, to.decl) {
		if l.Section != section {
			section = l.Section
			fmt.Fprintln(s.Out, s.Out.Paint(screen.Cyan, "@@ "+screen.Safe(section)+" @@"))
		}
		paint := screen.Green
		if l.Sign == '-' {
			paint = screen.Red
		}
		fmt.Fprintln(s.Out, s.Out.Paint(paint, string(l.Sign)+" "+screen.Safe(l.Text)))
	}
	for i, f := range d.Features {
		if i == 0 {
			fmt.Fprintln(s.Out, s.Out.Paint(screen.Cyan, "@@ what the features come to @@"))
		}
		fmt.Fprintf(s.Out, "  %s: %s → %s\n", f.ID, s.Out.Paint(StatePaint(f.Was), f.Was), s.Out.Paint(StatePaint(f.Is), f.Is))
	}
	var sum []string
	for _, part := range []struct {
		what  string
		names []string
	}{{"added", d.VMs.Added}, {"removed", d.VMs.Removed}, {"changed", d.VMs.Changed}} {
		if len(part.names) > 0 {
			sum = append(sum, fmt.Sprintf("%d %s (%s)", len(part.names), part.what, screen.Cut(strings.Join(part.names, ", "), maxValue)))
		}
	}
	if len(sum) > 0 {
		s.Notice("VMs: %s", strings.Join(sum, ", "))
	}
}
