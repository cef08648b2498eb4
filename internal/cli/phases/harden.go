package phases

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func harden(s *session.Session) *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use:   "harden",
		Short: "Harden the host: it runs what it has and takes nothing new",
		Long: `Hardens the host. First everything is looked at that has to be true, and all that is not is told: somebody can run the
host afterwards; a network listener has TLS and a second factor; the audit log is whole; nothing of the standing
declaration is refused; nothing is being configured. --dry-run does that alone.

Then the recovery key is made, here, and shown once: on the terminal, or written to --key-file, which must not exist yet.
Keep it away from this host. Only its hash is sent and kept. Without a terminal this wants --yes and --key-file.

Only root may.`,
		Example: "  sudo hv phase harden --dry-run\n  sudo hv phase harden\n  sudo hv phase harden --yes --key-file /media/stick/hv.key",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return hardenHost(cmd.Context(), s, keyFile)
		},
	}
	s.Mutates(cmd)
	s.Asks(cmd)
	cmd.Flags().StringVar(&keyFile, "key-file", "", "write the recovery key to this new file (0600), and not to the terminal")
	session.FileFlag(cmd, "key-file")
	return cmd
}

// hardening is the change; hash is of the key, none for a dry run. What the request itself came to is noted in said.
func hardening(hash string, said *error) change.Change {
	return change.Change{Noun: "host", Name: "this", Verb: "harden", Past: "is hardened",
		Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
			res, err := c.Harden(ctx, wire.Harden{KeyHash: hash}, how)
			*said = err
			return res, err
		}}
}

// refused reports whether an error is the daemon's own answer that it did not do what it was asked. A connection that
// broke, a call that was given up, and a daemon that failed on the way do not say that: it may have been done, or
// still be under way.
func refused(err error) bool {
	if _, answered := errors.AsType[*client.Failure](err); !answered {
		return false
	}
	return slices.Contains([]fault.Kind{fault.Denied, fault.Precondition, fault.Invalid, fault.Conflict}, fault.KindOf(err))
}

func hardenHost(ctx context.Context, s *session.Session, keyFile string) error {
	var said error
	if s.DryRun {
		return change.Run(ctx, s, hardening("", &said))
	}
	if keyFile == "" && !s.Err.IsTerminal() {
		return report.Usage("hv phase harden --yes --key-file FILE", "the recovery key is shown once, and there is no terminal to show it on")
	}
	if err := look(ctx, s); err != nil {
		return err
	}
	s.Notice("a hardened host makes, deletes, edits and declares nothing; only the recovery key leads out, after a delay")
	if err := s.Confirm(ctx, "harden this host?"); err != nil {
		return err
	}
	k, err := makeKey()
	if err != nil {
		return err
	}
	if err := k.handOver(ctx, s, keyFile); err != nil {
		return err
	}
	err = change.Run(ctx, s, hardening(string(k.hash), &said))
	if err == nil {
		s.Notice("its recovery key is %s: keep it away from this host", k.hash.ID())
		return nil
	}
	return errors.Join(err, k.afterwards(context.WithoutCancel(ctx), s, refused(said)))
}

// afterwards finds out what became of a key where hardening was not answered with a yes: it may have been done all
// the same, or be done yet, and then the key is needed. Only after a refusal of that very request it is not.
func (k key) afterwards(ctx context.Context, s *session.Session, refused bool) error {
	c, err := s.Client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p, err := c.Phase(ctx)
	switch {
	case err == nil && p.KeyID == k.hash.ID():
		s.Notice("the host is hardened all the same: its recovery key is %s, which was %s", k.hash.ID(), k.where)
		return nil
	case err == nil && refused:
		s.Notice("the recovery key is of no use: the host was not hardened with it")
		return k.takeBack()
	case err == nil:
		s.Notice("the host is not hardened with recovery key %s yet, and the request may still be on its way", k.hash.ID())
	default:
		s.Notice("whether the host is hardened is not known. If hv phase show names the recovery key %s, it is the one that was %s", k.hash.ID(), k.where)
	}
	s.Notice("keep the key, which was %s, until hv phase show names another, or names none after hvd was started again", k.where)
	return nil
}

// patience is how long the daemon may take to say what became of a call.
const patience = 10 * time.Second

// look has the daemon look at everything, and ends the call where something is wrong.
func look(ctx context.Context, s *session.Session) error {
	c, err := s.Client()
	if err != nil {
		return err
	}
	result, err := c.Harden(ctx, wire.Harden{}, client.Change{DryRun: true})
	if err != nil {
		return err
	}
	if result.Preview == nil {
		return fault.New(fault.Internal, "the daemon answered no plan")
	}
	p := *result.Preview
	if p.Refused {
		report.Findings(s.Err, p.Findings)
		return fault.New(fault.Precondition, "the host cannot be hardened yet").Try("mend what is listed, then: hv phase harden --dry-run")
	}
	for _, step := range p.Plan {
		s.Notice("%s", step.Name)
	}
	return nil
}
