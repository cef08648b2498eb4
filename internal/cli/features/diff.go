package features

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/declaration"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

func diff(s *session.Session) *cobra.Command {
	var on string
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare what two declarations come to",
		Long: `Compares what two declarations come to on the same host: features that come and go, findings, risk. A and B are files;
"standing" is the declaration that stands on the daemon's host, @N its generation N.`,
		Example:           "  hv feature diff examples/home-lab.nix examples/production.nix\n  hv feature diff standing new.nix\n  hv feature diff @3 standing",
		Args:              session.Exactly("A", "B"),
		ValidArgsFunction: s.Sides("standing"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var both [2]subject
			for i, name := range args {
				q, err := side(name, on)
				if err != nil {
					return err
				}
				if both[i], err = q.ask(cmd.Context(), s); err != nil {
					return err
				}
			}
			d := feature.Compare(onSameHost(both[1], both[0]), onSameHost(both[0], both[1]))
			if s.Output.ForPrograms() {
				return s.Output.Value(s.Out, d)
			}
			fmt.Fprintf(s.Out, "from %s to %s\n", screen.Safe(both[0].name), screen.Safe(both[1].name))
			differs(s, d)
			report.Findings(s.Out, d.Said.Of(finding.Refused))
			if both[0].host == "" {
				both[1].against(s) // where either has a host, both were held against it
			}
			return nil
		},
	}
	declaration.HostFlag(cmd, &on, "hold both against a host: self, or a file of facts")
	return cmd
}

// side is what one of two words asks about: what stands, a generation, or a file.
func side(name, on string) (question, error) {
	q := question{on: on, instead: "name two files, they need no daemon: hv feature diff OLD.nix NEW.nix"}
	switch {
	case name == "standing":
	case strings.HasPrefix(name, "@"):
		var err error
		q.at, err = declaration.Generation(name)
		return q, err
	default:
		q.file = name
	}
	return q, nil
}

// onSameHost is what b comes to on the host that a was held against, where b was held against none: only the
// declarations shall differ.
func onSameHost(a, b subject) feature.Resolution {
	if a.host != "" && b.host == "" {
		return feature.Resolve(b.decl.FeatureManager, a.featureFacts())
	}
	return b.resolution()
}
