package phases

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func unlock(s *session.Session) *cobra.Command {
	var keyFile string
	var cancel bool
	cmd := &cobra.Command{
		Use:   "unlock",
		Short: "Unlock a hardened host with its recovery key, after a delay",
		Long: `Unlocks a hardened host: everything may be changed again. It takes the recovery key, which hv phase harden has shown, and
time: the host stays hardened for the delay that was sealed (hypervisor.hardening.unlockDelay, 10m unless declared), so that
who did not ask for it sees it in hv phase show and in the audit log, and calls it off with --cancel, which needs no key.

The key is typed at the terminal and not shown, or read from --key-file; - is what comes in at stdin. It is never an
argument. After a wrong key nothing is looked at for a while, each time longer. Only root may.`,
		Example: "  sudo hv phase unlock\n  sudo hv phase unlock --key-file /media/stick/hv.key\n  sudo hv phase unlock --cancel",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cancel && keyFile != "" {
				return report.Usage("hv phase unlock --cancel", "--cancel needs no key")
			}
			if cancel {
				return change.Run(cmd.Context(), s, change.Change{Noun: "host", Name: "this", Verb: "keep hardened", Past: "stays hardened",
					Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
						return c.Relock(ctx, how)
					}})
			}
			return unlockHost(cmd.Context(), s, keyFile)
		},
	}
	s.Mutates(cmd)
	cmd.Flags().StringVar(&keyFile, "key-file", "", "read the recovery key from this file; - for stdin")
	cmd.Flags().BoolVar(&cancel, "cancel", false, "call off an unlock that has not taken effect")
	session.FileFlag(cmd, "key-file")
	return cmd
}

func unlockHost(ctx context.Context, s *session.Session, keyFile string) error {
	var text string
	if !s.DryRun {
		err := mustBeHardened(ctx, s)
		if err != nil {
			return err
		}
		if text, err = readKey(ctx, s, keyFile); err != nil {
			return err
		}
	}
	err := change.Run(ctx, s, change.Change{Noun: "host", Name: "this", Verb: "unlock", Past: "is being unlocked",
		Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			return c.Unlock(ctx, wire.Unlock{Key: text}, how)
		}})
	if err != nil || s.DryRun || s.Output.ForPrograms() {
		return err
	}
	c, err := s.Client()
	if err != nil {
		return err
	}
	if p, err := c.Phase(ctx); err == nil && p.Unlock != nil {
		s.Notice("everything may be changed %s; hv phase unlock --cancel keeps it hardened", when(s.Now(), p.Unlock.Due))
	}
	return nil
}

// mustBeHardened looks whether there is anything to unlock, before the key is asked for.
func mustBeHardened(ctx context.Context, s *session.Session) error {
	c, err := s.Client()
	if err != nil {
		return err
	}
	p, err := c.Phase(ctx)
	if err == nil && p.Name != string(phase.Hardened) {
		err = fault.New(fault.Precondition, "cannot unlock this host").Because(fault.New(fault.Precondition, "the host is not hardened").WithCode("HV-PHASE-005")).Try("hv phase show")
	}
	return err
}
