package guests

import (
	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/console"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
)

// Shell returns `hv shell`.
func Shell(s *session.Session) *cobra.Command {
	serial, run := console.Command(s), Exec(s)
	cmd := &cobra.Command{
		Use:   "shell NAME [-- PROGRAM [ARGUMENT…]]",
		Short: "Get into a VM's guest",
		Long: `Gets into a VM's guest, and says how. With a program behind -- it is run by the guest's agent, as hv vm exec does.

Without one it is the serial console, which asks for a login: an agent has no terminal to give, and the network of user
NICs leads out of a guest and not into it. Leave with Ctrl-] (^]).`,
		Example:           "  hv shell first\n  hv shell first -- uptime",
		Args:              someone,
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				run.SetContext(cmd.Context())
				return run.RunE(run, args)
			}
			s.Notice("into vm/%s by its serial console", args[0])
			serial.SetContext(cmd.Context())
			return serial.RunE(serial, args)
		},
	}
	return cmd
}

func someone(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || cmd.ArgsLenAtDash() > 1 {
		return report.Usage(cmd.CommandPath()+" NAME", "one VM is named, and a program behind --")
	}
	return nil
}
