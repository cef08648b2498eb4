package declaration

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/host/probe"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// Facts returns what is known of a host: nothing where on is empty, of the host that hv runs on for "self", else what
// the file says that hv host or hv host check printed with -o json.
func Facts(ctx context.Context, s *session.Session, on string) (host.Facts, error) {
	switch on {
	case "":
		return host.Facts{}, nil
	case "self":
		return probe.Self(ctx, os.DirFS("/")), nil
	}
	text, err := readBounded(on)
	if err != nil {
		return host.Facts{}, unreadable(on, err)
	}
	facts, notices, err := config.ReadFacts(on, text)
	for _, n := range notices {
		s.Notice("%s", screen.Safe(n))
	}
	return facts, err
}

// CompleteHost completes the flag --host of a command.
func CompleteHost(cmd *cobra.Command) {
	if err := cmd.RegisterFlagCompletionFunc("host", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"self"}, cobra.ShellCompDirectiveDefault
	}); err != nil {
		panic("cli: " + err.Error()) // a command without that flag: every test that builds the commands sees it
	}
}
