// Package guests holds the commands that speak to the agents in VMs' guests.
//
// What lives here: how it is asked and shown. What does not: the agents (internal/guest/agent, in the daemon).
package guests

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// bySignal is added to a signal's number to get the code of a program that it ended, as shells do.
const bySignal = 128

// Exec returns `hv vm exec`.
func Exec(s *session.Session) *cobra.Command {
	var env []string
	var stdin bool
	cmd := &cobra.Command{
		Use:   "exec NAME -- PROGRAM [ARGUMENT…]",
		Short: "Run a program in a VM's guest",
		Long: `Runs a program in a VM's guest, by its qemu-guest-agent and as that one's user, which on Linux is root. No shell reads
the words: sh -c '…' has one. hv ends with the program's exit code, and with 128 and the signal's number where a
signal ended it.

What the program writes comes while it runs, and the program waits for whoever reads it. Ctrl-C ends the program too: its
session gets SIGTERM, and SIGKILL after three seconds. With --timeout hv gives up waiting and exits with 5; the program goes on, and what it
writes from then on is lost, as when the daemon is started anew. It needs a shell in the guest, with mkfifo and dd; without (Windows)
what is written comes at the end, up to 16 MiB of each stream, which is said, and Ctrl-C leaves the program running. With -o json
all of it comes at the end too.

There is no terminal: for that there is hv shell. -i sends this command's standard input, up to 512 KiB.

Who ran which program in which VM stands in the audit log; the arguments do not.`,
		Example:           "  hv vm exec first -- hostname\n  hv vm exec first -- journalctl -f\n  hv vm exec first -- sh -c 'df -h / | tail -n 1'\n  hv vm exec -i first -- tee /etc/motd < motd",
		Args:              withProgram,
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			what := vm.ExecRequest{Command: args[1:], Env: env}
			if s.Timeout > 0 {
				what.Timeout = int(max(s.Timeout/time.Second, 1))
			}
			if stdin {
				input, err := io.ReadAll(io.LimitReader(s.In, vm.MaxExecInput+1))
				if err != nil {
					return fault.New(fault.Unavailable, "the standard input cannot be read").Because(err)
				}
				if what.Input = input; len(input) > vm.MaxExecInput {
					return report.Usage("copy larger files by ssh", "-i sends up to %d KiB", vm.MaxExecInput>>10)
				}
			}
			c, err := s.Client()
			if err != nil {
				return err
			}
			ran := c.Exec
			if !s.Output.ForPrograms() {
				ran = func(ctx context.Context, ref model.Ref, what vm.ExecRequest) (vm.ExecResult, error) {
					return c.ExecStream(ctx, ref, what, func(p vm.ExecPart) error { return passOn(s, p) })
				}
			}
			got, err := ran(cmd.Context(), s.Ref(args[0]), what)
			if err != nil {
				if fault.CodeOf(err) == "HV-GUEST-007" {
					return &report.Ended{Code: report.TimeUp, Err: err}
				}
				return err
			}
			return told(s, got)
		},
	}
	cmd.Flags().StringArrayVarP(&env, "env", "e", nil, "a variable of its environment, NAME=VALUE; may be repeated")
	session.Values(cmd, "env", "LC_ALL=C")
	cmd.Flags().BoolVarP(&stdin, "stdin", "i", false, "send the standard input")
	return cmd
}

func withProgram(cmd *cobra.Command, args []string) error {
	if len(args) < 2 || cmd.ArgsLenAtDash() > 1 {
		return report.Usage(cmd.CommandPath()+" NAME -- PROGRAM", "one VM is named, and the program behind --")
	}
	return nil
}

// passOn writes what a program has written as it was.
func passOn(s *session.Session, p vm.ExecPart) error {
	if p.AtEnd {
		s.Notice("the guest has no shell with mkfifo and dd: what the program writes comes when it has ended")
	}
	_, errOut := s.Out.Foreign().Write(p.Output)
	_, errErr := s.Err.Foreign().Write(p.Errors)
	return errors.Join(errOut, errErr)
}

// told ends as the program did.
func told(s *session.Session, got vm.ExecResult) error {
	if s.Output.ForPrograms() {
		if err := s.Output.Value(s.Out, got); err != nil {
			return err
		}
	}
	if got.Truncated {
		s.Notice("it wrote more than its agent keeps: what is above was cut")
	}
	if got.Signal != 0 {
		return report.Told(report.Code(bySignal + got.Signal))
	}
	return report.Told(report.Code(got.ExitCode))
}
