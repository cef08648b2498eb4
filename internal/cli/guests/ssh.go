package guests

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// answersSSH is how long a server of SSH has to say that it is one.
const answersSSH = 2 * time.Second

const sshPort = "22"

// door is how a guest is reached by SSH: with the user's own program, keys and settings. Nothing of it is kept.
type door struct {
	user, address, identity string
}

// addresses are those at which the guest of a VM may have a server: what was given, or what the guest has on networks
// that lead to it. On network "user" it has the host's own addresses: who is met there is the host, or a stranger. What the
// guest says is its word alone: where it names an address of ours, we would meet ourselves, and run there what was meant for it.
func (d door) addresses(v wire.VM, ours []netip.Addr) []string {
	if d.address != "" {
		return []string{d.address}
	}
	var out []string
	if v.Status.Guest == nil {
		return nil
	}
	for _, i := range v.Status.Guest.Interfaces {
		leads := false
		for _, nic := range v.Effective.NICs {
			leads = leads || strings.EqualFold(nic.MAC, i.MAC) && nic.Network != vm.UserNetwork
		}
		for _, a := range i.Addresses {
			p, err := netip.ParsePrefix(a)
			if at := p.Addr().Unmap(); leads && err == nil && at.IsGlobalUnicast() && !slices.Contains(ours, at) {
				out = append(out, at.String())
			}
		}
	}
	return out
}

// ownAddresses are those of the host that this runs on.
func ownAddresses() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fault.New(fault.Internal, "cannot see which addresses are this host's own").Because(err)
	}
	var out []netip.Addr
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr().Unmap())
		}
	}
	return out, nil
}

// answers returns the first of some addresses at which a server of SSH answers, empty where none does.
func answers(ctx context.Context, addresses []string) string {
	ctx, cancel := context.WithTimeout(ctx, answersSSH)
	defer cancel()
	found := make(chan string, len(addresses))
	for _, a := range addresses {
		go func() {
			if greets(ctx, a) != nil {
				a = ""
			}
			found <- a
		}()
	}
	for range addresses {
		if a := <-found; a != "" {
			return a
		}
	}
	return ""
}

// greets reads how a server begins (RFC 4253, 4.2).
func greets(ctx context.Context, address string) error {
	host, port := hostPort(address)
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	line, err := bufio.NewReader(io.LimitReader(conn, 255)).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "SSH-") {
		err = errors.New("it is no server of SSH")
	}
	return err
}

func hostPort(address string) (host, port string) {
	if host, port, err := net.SplitHostPort(address); err == nil {
		return host, port
	}
	return strings.Trim(address, "[]"), sshPort
}

// arguments are those of ssh. The host's key is kept by the VM and not by its address, which another may have tomorrow.
func (d door) arguments(v wire.VM, address string, program []string) []string {
	host, port := hostPort(address)
	args := []string{"-o", "HostKeyAlias=hv-" + v.Effective.UUID, "-p", port}
	if d.user != "" {
		args = append(args, "-l", d.user)
	}
	if d.identity != "" {
		args = append(args, "-i", d.identity)
	}
	args = append(args, "--", host)
	for _, word := range program { // ssh has a shell in the guest read them, an agent has not
		args = append(args, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
	}
	return args
}

// enter becomes ssh, as far as its ending goes.
func (d door) enter(ctx context.Context, s *session.Session, v wire.VM, address string, program []string) error {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		return fault.New(fault.Precondition, "there is no ssh here").Because(err).Try("apt-get install openssh-client, or hv shell %s --via serial", v.Metadata.Name)
	}
	s.Notice("into vm/%s by ssh at %s", v.Metadata.Name, address)
	cmd := exec.CommandContext(ctx, ssh, d.arguments(v, address, program)...) // #nosec G204 -- the user's own ssh, with the user's rights
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out.Foreign(), s.Err.Foreign()
	if s.Interactive() && len(program) == 0 {
		cmd.Stdout, cmd.Stderr = s.World.Out, s.World.Err // a terminal, and the guest's to write on as on its console
	}
	err = cmd.Run()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok && ended.ExitCode() > 0 {
		return report.Told(report.Code(ended.ExitCode()))
	}
	if err != nil {
		return fault.New(fault.Unavailable, "ssh ended").Because(err)
	}
	return nil
}
