package guests

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/console"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// The ways into a guest.
const (
	bySSH    = "ssh"
	byAgent  = "agent"
	bySerial = "serial"
)

// Shell returns `hv shell`.
func Shell(s *session.Session) *cobra.Command {
	serial, run := console.Command(s), Exec(s)
	var d door
	var via string
	cmd := &cobra.Command{
		Use:   "shell NAME [-- PROGRAM [ARGUMENT…]]",
		Short: "Get into a VM's guest",
		Long: `Gets into a VM's guest by what answers, and says how. A shell is ssh's where a server of SSH answers, and else the
serial console, which asks for a login; leave that one with Ctrl-] (^]). A program behind -- is run by the guest's agent where it
answers, as hv vm exec does, and else by ssh. --via takes one way and no other.

ssh is your own program, with your keys and settings; --user and --identity are handed on to it, and hv keeps none of them. It is tried
at addresses of the guest on networks that lead to it, and at --address. The network of user NICs leads out of a guest and not
into it: the addresses there are the host's own, and are not tried. Give the address by which you reach the guest, such as that
of a tunnel. The guest's key is kept under the VM's UUID and not under its address.`,
		Example:           "  hv shell first\n  hv shell first -- uptime\n  hv shell first --via ssh --address 10.0.0.7 --user debian",
		Args:              someone,
		ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, program := args[0], args[1:]
			if err := fits(via, name, program); err != nil {
				return err
			}
			if via != byAgent && via != bySerial {
				entered, err := bySSHIf(cmd, s, d, via, name, program)
				if entered || err != nil {
					return err
				}
			}
			if len(program) > 0 {
				run.SetContext(cmd.Context())
				return run.RunE(run, args)
			}
			s.Notice("into vm/%s by its serial console", name)
			serial.SetContext(cmd.Context())
			return serial.RunE(serial, args)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&via, "via", "", "the only way to take: ssh, agent or serial")
	fl.StringVar(&d.address, "address", "", "where the guest is reached by ssh: ADDRESS or ADDRESS:PORT")
	fl.StringVar(&d.user, "user", "", "log in by ssh as this user of the guest")
	fl.StringVar(&d.identity, "identity", "", "a private key for ssh, by its file")
	if err := cmd.MarkFlagFilename("identity"); err != nil {
		panic("cli: " + err.Error())
	}
	session.Values(cmd, "via", bySSH, byAgent, bySerial)
	session.Values(cmd, "user", "root", "debian")
	session.Values(cmd, "address")
	return cmd
}

// fits refuses ways that cannot do what is asked.
func fits(via, name string, program []string) error {
	switch {
	case via != "" && !slices.Contains([]string{bySSH, byAgent, bySerial}, via):
		return report.Usage("--via ssh, agent or serial", "--via %q is no way into a guest", via)
	case via == byAgent && len(program) == 0:
		return report.Usage("hv shell "+name+" --via agent -- PROGRAM", "an agent has no terminal to give: it runs a program")
	case via == bySerial && len(program) > 0:
		return report.Usage("hv shell "+name+" -- "+strings.Join(program, " "), "a serial console runs no program: it asks for a login")
	}
	return nil
}

// bySSHIf gets in by ssh, where that is the way that answers, or the only one that is to be taken.
func bySSHIf(cmd *cobra.Command, s *session.Session, d door, via, name string, program []string) (entered bool, err error) {
	c, err := s.Client()
	if err != nil {
		return false, err
	}
	v, err := c.VM(cmd.Context(), s.Ref(name))
	if err != nil {
		return false, err
	}
	g := v.Status.Guest
	if via == "" && d.address == "" && (s.Remote() || len(program) > 0 && g != nil && g.Answers) {
		return false, nil // what the guest has is near its host; and an agent that answers is asked first
	}
	ours, err := ownAddresses()
	if err != nil {
		return false, err
	}
	all := d.addresses(v, ours)
	at := answers(cmd.Context(), all)
	switch {
	case at != "":
		return true, d.enter(cmd.Context(), s, v, at, program)
	case via != bySSH:
		if d.address != "" {
			s.Notice("nothing answers by ssh at %s", d.address)
		}
		return false, nil
	case len(all) == 0:
		return false, fault.New(fault.Precondition, "vm %q has no address that leads to it", name).
			Try("hv shell %s --via ssh --address ADDRESS; or --via serial", name).WithCode("HV-GUEST-020")
	}
	return false, fault.New(fault.Unavailable, "no server of SSH answers at %s", strings.Join(all, ", ")).
		Try("hv shell %s --via serial", name).WithCode("HV-GUEST-021")
}

func someone(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || cmd.ArgsLenAtDash() > 1 {
		return report.Usage(cmd.CommandPath()+" NAME", "one VM is named, and a program behind --")
	}
	return nil
}
