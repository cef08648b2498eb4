// Package phases holds `hv phase`: whether a host may be configured, and the two ways between.
//
// What lives here: the recovery key as its owner sees it: made, shown once, typed. What does not: what is looked at
// and sealed (the daemon, hv-helper), and the key's form (internal/phase/recovery).
package phases

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Command returns `hv phase`.
func Command(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "phase",
		Short: "Show whether the host is hardened, harden it, unlock it",
		Long: `Shows the phase of the host, and changes it.

A host is in the phase setup until it is hardened: everything may change. A hardened host runs what it has and takes
nothing new: VMs start and stop, consoles open, media come out; nothing is made, deleted, edited or declared. It is
hv-helper that keeps the phase, in a file that is root's alone, and only the recovery key leads out, after a delay.`,
		Example: "  hv phase show\n  sudo hv phase harden --dry-run",
	}
	cmd.AddCommand(show(s), harden(s), unlock(s))
	return cmd
}

func show(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show the phase: since when, by whom, what was sealed",
		Long: `Shows the phase of the host, since when and by whom; of a hardened one what was sealed, what of it does not stand any
more, which recovery key leads out, and an unlock that waits, with its time.`,
		Example: "  hv phase show\n  hv phase show -o json",
		Args:    session.Exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			p, err := c.Phase(cmd.Context())
			switch {
			case err != nil:
				return err
			case s.Output.ForPrograms():
				return s.Output.Value(s.Out, p)
			case s.Output == output.Name:
				fmt.Fprintln(s.Out, p.Name)
				return nil
			}
			return tell(s, p)
		},
	}
}

func tell(s *session.Session, p wire.Phase) error {
	paint := screen.Yellow
	if p.Name == string(phase.Hardened) {
		paint = screen.Green
	}
	fmt.Fprintf(s.Out, "phase %s\n", s.Out.Paint(paint, p.Name))
	var out output.Fields
	if p.Since != nil {
		out.Add("since", output.Moment(s.Now(), *p.Since))
	}
	if p.By != nil {
		out.Add("by", output.Actor(*p.By))
	}
	if x := p.Sealed; x != nil {
		out.Add("sealed", fmt.Sprintf("generation %d (%s), %d VMs", x.Generation, phase.Short(x.Digest), x.VMs))
	}
	out.Add("stands", fmt.Sprintf("generation %d (%s)", p.Generation, phase.Short(p.Digest)))
	out.Add("recovery key", p.KeyID)
	if p.UnlockDelay > 0 {
		out.Add("unlock delay", (time.Duration(p.UnlockDelay) * time.Second).String())
	}
	if u := p.Unlock; u != nil {
		out.Add("unlock", fmt.Sprintf("asked for by %s, %s: everything may be changed %s", output.Actor(u.By), output.Moment(s.Now(), u.Asked), when(s.Now(), u.Due)))
	}
	if err := out.Write(s.Out); err != nil {
		return err
	}
	s.Findings(p.Findings)
	return nil
}

// when is a time to come.
func when(now, t time.Time) string {
	if left := t.Sub(now).Round(time.Second); left > 0 {
		return fmt.Sprintf("from %s on, in %s", t.Local().Format("2006-01-02 15:04:05 MST"), left)
	}
	return "in a moment"
}
