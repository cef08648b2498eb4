package declaration

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func show(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show the declaration that stands",
		Long: `Shows the declaration that stands on the host: since when, by whom, and its value in Nix.

-o json prints the API's object, with the declaration and its source map.`,
		Example: "  hv config show\n  hv config show -o json",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			standing, err := c.Config(cmd.Context())
			if err != nil {
				return err
			}
			if s.Output.ForPrograms() {
				return s.Output.Value(s.Out, standing)
			}
			if len(standing.Declaration) == 0 {
				s.Notice("no declaration stands: the defaults hold; hv config apply FILE makes one stand")
				return nil
			}
			fmt.Fprintf(s.Out, "# generation %d, %s", standing.Generation, standing.Source)
			if standing.Applied != nil {
				fmt.Fprintf(s.Out, " %s by %s", standing.Applied.Local().Format(time.DateTime), output.Actor(standing.By))
			}
			fmt.Fprintln(s.Out)
			if err := printDeclared(s, standing.Declaration); err != nil {
				return err
			}
			s.Findings(standing.Findings)
			return nil
		},
	}
}

// printDeclared prints the value of a declaration without the places that travel with it.
func printDeclared(s *session.Session, encoded json.RawMessage) error {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &parts); err != nil {
		return fault.New(fault.Unreadable, "cannot read the standing declaration").Because(err)
	}
	if value, ok := parts["value"]; ok {
		encoded = value
	}
	return output.Nix.Value(s.Out, encoded)
}
