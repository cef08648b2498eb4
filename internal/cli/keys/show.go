package keys

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func find(cmd *cobra.Command, s *session.Session, name string) (wire.Key, error) {
	c, err := s.Client()
	if err != nil {
		return wire.Key{}, err
	}
	return c.Key(cmd.Context(), name)
}

func show(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show one key, and what is encrypted with it",
		Long: `Shows one key: what seals it, whether it is open, what keeps it from that, and which volumes are encrypted with it. Its secret
is nowhere shown. -o json prints the API's object and nothing else.`,
		Example:           "  hv key show house",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.Keys),
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := find(cmd, s, args[0])
			switch {
			case err != nil:
				return err
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, k)
			case s.Output == output.Name:
				fmt.Fprintln(s.Out, k.Metadata.Name)
				return nil
			}
			return tell(s, k)
		},
	}
}

func tell(s *session.Session, k wire.Key) error {
	fmt.Fprintf(s.Out, "key %s: %s\n", k.Metadata.Name, k.State)
	var f output.Fields
	f.Add("sealed by", k.Sealed)
	f.Add("program", strings.Join(k.Spec.Command, " "))
	f.Add("secret", fmt.Sprintf("number %d", k.Secret))
	f.Add("problem", k.Problem)
	f.Add("next step", k.Hint)
	f.Add("volumes", strings.Join(k.Volumes, ", "))
	f.Add("origin", string(k.Metadata.Origin))
	f.Add("uid", k.Metadata.UID)
	return f.Write(s.Out)
}
