package hosts

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/version"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// patience is how long the daemon may take to say its version: without one there is still ours to tell.
// Over SSH a person may have to type a password.
const (
	patience       = 2 * time.Second
	remotePatience = time.Minute
)

// Version returns `hv version`.
func Version(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of hv and of the daemon",
		Long:    "Prints the versions of hv and, where it can be reached, of the daemon and its API.",
		Example: "  hv version",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			limit := patience
			if s.Remote() {
				limit = remotePatience
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), limit)
			defer cancel()
			daemon, err := daemonVersion(ctx, s)
			if s.Output.ForPrograms() {
				return s.Output.Value(s.Out, struct {
					Client string        `json:"client"`
					Daemon *wire.Version `json:"daemon,omitempty"`
				}{version.String(), daemon})
			}
			fmt.Fprintf(s.Out, "hv   %s\n", version.String())
			if err != nil {
				s.Notice("hvd  not reached: %v", err)
				return nil
			}
			fmt.Fprintf(s.Out, "hvd  %s, API %s\n", daemon.Version, daemon.API)
			return nil
		},
	}
}

func daemonVersion(ctx context.Context, s *session.Session) (*wire.Version, error) {
	c, err := s.Client()
	if err != nil {
		return nil, err
	}
	v, err := c.Version(ctx)
	if err != nil {
		return nil, err
	}
	return &v, nil
}
