package declaration

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
)

func convert(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "convert FILE -o nix|json|yaml",
		Short: "Write a declaration in another of the three forms",
		Long: `Writes a declaration in another of the three forms: Nix, JSON or YAML. What it says stays as it is, there and back.

Comments are lost, and how a value was computed: a function, an import, a variable. The file itself is not changed.
It needs no daemon.`,
		Example:           "  hv config convert examples/home-lab.nix -o yaml\n  hv config convert examples/declared-vms.nix -o json > host.json",
		Args:              session.Exactly("FILE"),
		ValidArgsFunction: session.Files("nix", "json", "yaml", "yml"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !s.Output.ForPrograms() {
				return report.Usage("hv config convert "+args[0]+" -o nix", "say into what: -o nix, -o json or -o yaml")
			}
			d, err := read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			text, err := d.Write(formatOf(s.Output))
			if err != nil {
				return err
			}
			if !strings.HasSuffix(strings.ToLower(args[0]), ".json") {
				s.Notice("comments, and how values were computed, are not in it")
			}
			_, err = s.Out.Write(text)
			return err
		},
	}
	session.Forms(cmd, "nix", "json", "yaml")
	return cmd
}

func formatOf(f output.Format) config.Format { return config.Format(f) }
