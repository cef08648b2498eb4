package guests

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Guest returns `hv vm guest`.
func Guest(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "guest NAME",
		Short: "Ask a VM's guest what it is",
		Long: `Asks a VM's guest, by its qemu-guest-agent, what it says of itself now: name, operating system, addresses, file
systems, who is logged in, and what its agent does not do. What it said last stands in hv vm show, with its age.

It is the guest's word: whoever owns the guest can have it say anything.`,
		Example:           "  hv vm guest first\n  hv vm guest first -o json",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			g, err := c.Guest(cmd.Context(), s.Ref(args[0]))
			if err != nil {
				return err
			}
			if s.Output.ForPrograms() {
				return s.Output.Value(s.Out, g)
			}
			var f output.Fields
			Fields(s, &f, &g)
			return f.Write(s.Out)
		},
	}
}

// Fields adds what a guest says of itself.
func Fields(s *session.Session, f *output.Fields, g *vm.GuestStatus) {
	if g == nil {
		return
	}
	f.Add("guest", cmp.Or(g.Hostname, "without a name")+", "+output.Moment(s.Now(), g.Seen))
	if !g.Answers {
		f.Add("guest agent", "does not answer now")
	} else {
		f.Add("guest agent", g.Agent)
	}
	if o := g.OS; o != nil {
		f.Add("guest OS", cmp.Or(o.Name, strings.TrimSpace(o.ID+" "+o.Version)))
		f.Add("guest kernel", o.Kernel)
	}
	f.Add("addresses", strings.Join(g.Addresses, " "))
	for _, i := range g.Interfaces {
		f.Add("interface", strings.TrimSpace(i.Name+" "+i.MAC+" "+strings.Join(i.Addresses, " ")))
	}
	for _, d := range g.Filesystems {
		what := d.Mountpoint + " " + d.Type + " " + d.Device
		if d.Total > 0 {
			what += fmt.Sprintf(", %s of %s used", model.Bytes(d.Used), model.Bytes(d.Total))
		}
		f.Add("file system", what)
	}
	f.Add("logged in", strings.Join(g.Users, " "))
	if g.Frozen {
		f.Add("frozen", "its file systems take no writes just now")
	}
	f.Add("agent lacks", strings.Join(g.Lacks, " "))
}

// Password returns `hv vm set-password`.
func Password(s *session.Session) *cobra.Command {
	var user string
	var crypted bool
	cmd := &cobra.Command{
		Use:   "set-password NAME",
		Short: "Give a user of a VM's guest a password",
		Long: `Gives a user of a VM's guest a password, by its qemu-guest-agent. It is asked for at the terminal, or read from the
standard input: never from the command line, and it stands in no log. --crypted says that it is the hash of one, as
mkpasswd prints it.`,
		Example:           "  hv vm set-password first --user debian\n  mkpasswd | hv vm set-password first --user debian --crypted",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := secret(cmd, s, user)
			if err != nil {
				return err
			}
			c, err := s.Client()
			if err != nil {
				return err
			}
			if err := c.SetGuestPassword(cmd.Context(), s.Ref(args[0]), wire.GuestPassword{User: user, Password: password, Crypted: crypted}); err != nil {
				return err
			}
			s.Notice("user %s of vm/%s has the password", user, args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&user, "user", "root", "whose")
	cmd.Flags().BoolVar(&crypted, "crypted", false, "it is a hash, not the password")
	session.Values(cmd, "user", "root", "debian")
	return cmd
}

// secret is a password from the terminal, asked twice, or the first line of the standard input.
func secret(cmd *cobra.Command, s *session.Session, user string) (string, error) {
	if !s.Interactive() {
		text, err := io.ReadAll(io.LimitReader(s.In, vm.MaxPassword+2))
		if err != nil {
			return "", fault.New(fault.Unavailable, "the standard input cannot be read").Because(err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		if line == "" || len(line) > vm.MaxPassword {
			return "", report.Usage("echo … | hv vm set-password", "the standard input has no password of 1 to %d letters", vm.MaxPassword)
		}
		return line, nil
	}
	first, err := s.AskHidden(cmd.Context(), "password of "+user+":")
	if err != nil {
		return "", err
	}
	again, err := s.AskHidden(cmd.Context(), "once more:")
	if err != nil {
		return "", err
	}
	if first != again || first == "" {
		return "", report.Usage("try again", "the two are not the same, or empty")
	}
	return first, nil
}

// Time returns `hv vm set-time`.
func Time(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "set-time NAME",
		Short: "Give a VM's guest the host's time",
		Long: `Gives a VM's guest the host's time, by its qemu-guest-agent. A guest that was paused or suspended gets it by itself when
it goes on.`,
		Example:           "  hv vm set-time first",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			if err := c.SetGuestTime(cmd.Context(), s.Ref(args[0])); err != nil {
				return err
			}
			s.Notice("the guest of vm/%s has the host's time", args[0])
			return nil
		},
	}
}

// Trim returns `hv vm trim`.
func Trim(s *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "trim NAME",
		Short: "Have a VM's guest give back what its files do not use",
		Long: `Has a VM's guest tell its disks which blocks no file uses any more (fstrim), by its qemu-guest-agent; the pool gets
that room back. A guest that has not done it within ten seconds goes on by itself, and hv says so.`,
		Example:           "  hv vm trim first",
		Args:              session.Exactly("NAME"),
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			got, err := c.TrimGuest(cmd.Context(), s.Ref(args[0]))
			if err != nil {
				return err
			}
			if s.Output.ForPrograms() {
				return s.Output.Value(s.Out, got)
			}
			s.Notice("the guest of vm/%s has given back %s", args[0], model.Bytes(got.Trimmed))
			return nil
		},
	}
}
