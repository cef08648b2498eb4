// Package declaration holds `hv config`: evaluate, check, apply and show what an owner declares.
//
// What lives here: reading the owner's files with the owner's rights, and telling what comes of them. What
// does not: the shape of a declaration (config), the language (nixlang), what features mean (feature).
package declaration

import (
	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

// Command returns `hv config`.
func Command(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check, apply and show what is declared of a host",
		Long: `Checks, applies and shows what is declared of a host: its features, its risk, its VMs.

A declaration is a file in Nix, JSON or YAML; see hv help declaration.`,
		Example: "  hv config check examples/home-lab.nix\n  hv config apply examples/home-lab.nix",
	}
	cmd.AddCommand(newFile(s), eval(s), check(s), diff(s), convert(s), apply(s), show(s), status(s), history(s), rollback(s))
	return cmd
}
