package hosts

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/declaration"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/fit"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// check returns `hv host check`.
func check(s *session.Session) *cobra.Command {
	var on, id string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say what the host can do, and what stands in the way",
		Long: `Says of each row of the specification's tables, of each feature and of each device that could be given to a VM
whether the host can: yes, limited, no, or not asked; why; and what to do about it. The remedy fits the cause: what
the firmware has off, what the kernel was not told, a module that is not loaded, a device that is missing.

The daemon is asked. Without one hv looks by itself, and what takes QEMU or root is not asked; so does --host self.
--host FACTS.json takes what hv host check -o json, or hv host -o json, printed elsewhere. -o json prints the facts
too: it is what --host reads here and in hv config check.

--feature shows one feature with each of its needs, and the devices that it could give away.

Exit: 0 told, with --feature also: it can, perhaps with limits; 1 with --feature: it cannot; 2 the file cannot be
read; 3 there is no such feature; 4 HV_HOST names a host whose daemon is not reached.`,
		Example: "  hv host check\n  hv host check --feature gpuPassthrough\n  hv host check -o json > facts.json && hv config check examples/home-lab.nix --host facts.json",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var of catalogue.Feature
			if id != "" {
				var notice string
				var err error
				if of, notice, err = catalogue.Lookup(id); err != nil {
					return err
				}
				if notice != "" {
					s.Notice("%s", notice)
				}
			}
			f, err := lookAt(cmd.Context(), s, on)
			if err != nil {
				return err
			}
			r := fit.Check(f)
			if id != "" {
				r = r.Only(of.ID)
			}
			return tell(s, r, id != "")
		},
	}
	cmd.Flags().StringVar(&on, "host", "", "which host: self, or a file of facts; the daemon's, where it is left out")
	cmd.Flags().StringVar(&id, "feature", "", "one feature, with its needs and devices")
	declaration.CompleteHost(cmd)
	session.Values(cmd, "feature", featureIDs()...)
	return cmd
}

func featureIDs() []string {
	var ids []string
	for _, f := range catalogue.All() {
		ids = append(ids, string(f.ID))
	}
	return ids
}

// lookAt returns the facts of the host that is meant. The daemon knows most; where this machine has none, we look
// ourselves.
func lookAt(ctx context.Context, s *session.Session, on string) (host.Facts, error) {
	if on != "" {
		return declaration.Facts(ctx, s, on)
	}
	c, err := s.Client() // where there is no socket at all it says so
	if err == nil {
		var h wire.Host
		if h, err = c.Host(ctx); err == nil {
			return h.Facts, nil
		}
	}
	if named := s.Env("HV_HOST") != ""; named || report.CodeOf(err) != report.NoDaemon {
		return host.Facts{}, err
	}
	s.Notice("no daemon is reached: what takes QEMU or root is not asked")
	return declaration.Facts(ctx, s, "self")
}

func tell(s *session.Session, r fit.Report, one bool) error {
	if s.Output.ForPrograms() {
		if err := s.Output.Value(s.Out, r); err != nil {
			return err
		}
		return ending(r, one)
	}
	if s.Output == output.Name {
		for _, f := range r.Features {
			if f.Answer == fit.Yes || f.Answer == fit.Limited {
				fmt.Fprintln(s.Out, f.ID)
			}
		}
		return ending(r, one)
	}
	p := printer{s}
	if one {
		p.feature(r)
	} else {
		p.report(r)
	}
	return ending(r, one)
}

// ending is how hv ends: one feature that the host cannot have is a no.
func ending(r fit.Report, one bool) error {
	if !one {
		return nil
	}
	if len(r.Features) != 1 {
		return fault.New(fault.Internal, "a report of %d features", len(r.Features))
	}
	if r.Features[0].Answer == fit.No {
		return report.Told(report.Refused)
	}
	return nil
}
