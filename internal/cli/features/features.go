// Package features holds `hv feature`: what fits together, why, and how to get to yes.
//
// What lives here: asking a declaration and the facts of a host, and telling the answers. What does not: the answers
// themselves, which are pure (feature, its catalogue, matrix and graph), and reading a declaration's file
// (declaration).
package features

import (
	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

// Command returns `hv feature`.
func Command(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "feature",
		Short: "Show which features fit together, why, and how to get to yes",
		Long: `Shows which features a host offers and why each is on or off, what would follow from turning one on or off, how
to get one that is off, and how much risk all of it adds up to.

It answers for the declaration that stands on the host, or without any daemon for one in a file (--file), held
against a host's facts (--host self, or --host FACTS.json from hv host -o json).`,
		Example: "  hv feature list\n  hv feature why-not liveMigration --file examples/home-lab.nix",
	}
	cmd.AddCommand(list(s), show(s), explain(s), whyNot(s), whatIf(s), drawn(s), diff(s), reported(s), matrixOf(s))
	return cmd
}
