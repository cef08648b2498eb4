package features

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/matrix"
	"github.com/hyper-nixos/hyper-nixos/internal/version"
)

var matrixForms = []string{"table", "md", "json", "html"}

// matrixOf is `hv feature matrix`. It asks no daemon: the matrix is the program's own.
func matrixOf(s *session.Session) *cobra.Command {
	var form string
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: "Show what fits together: features, platforms, hardware, storage, networks",
		Long: `Shows the compatibility matrix of this release: which features can be used together, what each requires, on which
systems, hypervisors, CPUs and storage it works, what the phases and the network modes allow, and what each costs.
Each mark that falls short has a reason and a way to yes. It asks no daemon.

--format md is docs/compatibility-matrix.md, html one page that needs nothing beside it, json what programs read.`,
		Example: "  hv feature matrix\n  hv feature matrix --format html > matrix.html",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.OneForm(cmd); err != nil {
				return err
			}
			doc := matrix.New(catalogue.Default(), version.Release)
			switch {
			case !slices.Contains(matrixForms, form):
				return report.Usage("--format "+strings.Join(matrixForms, " | "), "--format %q: there is no such form", form)
			case form == "md":
				fmt.Fprint(s.Out, doc.Markdown())
			case form == "html":
				fmt.Fprint(s.Out, doc.HTML())
			case form == "json":
				e := json.NewEncoder(s.Out)
				e.SetIndent("", "  ")
				return e.Encode(doc)
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, doc)
			default:
				report.Folded(s.Out, doc.Text(s.Out.Page()))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&form, "format", matrixForms[0], "how it is written: "+strings.Join(matrixForms, ", "))
	session.Forms(cmd, "table", "json", "yaml", "nix")
	session.Values(cmd, "format", matrixForms...)
	return cmd
}
