package features

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/graph"
)

// drawn is `hv feature graph`.
func drawn(s *session.Session) *cobra.Command {
	var q question
	var form string
	cmd := &cobra.Command{
		Use:   "graph [ID…]",
		Short: "Draw what requires, improves, conflicts with and limits what",
		Long: `Draws how features hang together: what requires what, what makes what better, what conflicts and what limits each
other. With names, only these and what they have to do with. It asks no daemon; with --file each feature also has its
state under that declaration.

--format ascii is for the terminal, dot for Graphviz, mermaid for Markdown.`,
		Example:           "  hv feature graph liveMigration\n  hv feature graph --format dot | dot -Tsvg > features.svg",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: ids(0, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.OneForm(cmd); err != nil {
				return err
			}
			var wanted []catalogue.ID
			for _, name := range args {
				f, err := known(s, name)
				if err != nil {
					return err
				}
				wanted = append(wanted, f.ID)
			}
			var r *feature.Resolution
			if q != (question{}) {
				about, err := q.ask(cmd.Context(), s)
				if err != nil {
					return err
				}
				resolution := about.resolution()
				r = &resolution
			}
			g := graph.Of(catalogue.Default(), r, wanted...)
			if s.Output.ForPrograms() {
				return s.Output.Value(s.Out, g)
			}
			text, ok := g.Text(form)
			if !ok {
				return report.Usage("--format "+strings.Join(graph.Forms(), " | "), "--format %q: there is no such form", form)
			}
			if form != "ascii" {
				fmt.Fprint(s.Out, text)
				return nil
			}
			report.Folded(s.Out, text)
			return nil
		},
	}
	cmd.Flags().StringVar(&form, "format", graph.Forms()[0], "how it is drawn: "+strings.Join(graph.Forms(), ", "))
	session.Forms(cmd, "table", "json", "yaml", "nix")
	session.Values(cmd, "format", graph.Forms()...)
	q.flags(cmd)
	return cmd
}
