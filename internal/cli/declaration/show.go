package declaration

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func show(s *session.Session) *cobra.Command {
	var generation int64
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the declaration that stands, or an earlier one",
		Long: `Shows the declaration that stands on the host: since when, by whom, and its value in Nix; with --generation one
that stood before (hv config history).

-o nix prints the value alone, as a file that can be applied; -o json and yaml the API's object, with the
declaration and its source map.`,
		Example: "  hv config show\n  hv config show --generation 3\n  hv config show -o nix > host.nix",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			var shown wire.Config
			if cmd.Flags().Changed("generation") {
				if generation < 1 {
					return report.Usage("hv config history lists them", "--generation %d: there is no such generation", generation)
				}
				shown, err = c.Generation(cmd.Context(), generation)
			} else {
				shown, err = c.Config(cmd.Context())
			}
			if err != nil {
				return err
			}
			return printConfig(s, shown)
		},
	}
	cmd.Flags().Int64Var(&generation, "generation", 0, "that of this number")
	if err := cmd.RegisterFlagCompletionFunc("generation", s.Live(0, s.Generations)); err != nil {
		panic("cli: " + err.Error())
	}
	return cmd
}

func printConfig(s *session.Session, shown wire.Config) error {
	if s.Output.ForPrograms() && s.Output != output.Nix {
		return s.Output.Value(s.Out, shown)
	}
	if len(shown.Declaration) == 0 {
		s.Findings(shown.Findings)
		s.Notice("no declaration stands: the defaults hold; hv config apply FILE makes one stand")
		return nil
	}
	d, err := declared(shown.Declaration)
	if err != nil {
		return err
	}
	text, err := d.Write(config.Nix)
	if err != nil {
		return err
	}
	if s.Output != output.Nix {
		fmt.Fprintf(s.Out, "# generation %d, %s", shown.Generation, screen.Safe(shown.Source))
		if shown.Applied != nil {
			fmt.Fprintf(s.Out, " %s by %s", shown.Applied.Local().Format(time.DateTime), output.Actor(shown.By))
		}
		fmt.Fprintln(s.Out)
		if shown.Restores > 0 {
			fmt.Fprintf(s.Out, "# what generation %d declared\n", shown.Restores)
		}
		if shown.Message != "" {
			fmt.Fprintln(s.Out, "# "+screen.Safe(shown.Message))
		}
	}
	if _, err := s.Out.Write(text); err != nil {
		return err
	}
	s.Findings(shown.Findings)
	return nil
}

// declared reads a declaration as it travels.
func declared(encoded json.RawMessage) (config.Declaration, error) {
	d, err := config.Decode(encoded)
	if err != nil {
		return d, fault.New(fault.Unreadable, "cannot read the declaration that the daemon has").Because(err)
	}
	return d, nil
}
