package agent

import (
	"context"
	"net/netip"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Bounds of what is kept of a guest's words: they stand in the store.
const (
	maxWord        = 128
	maxInterfaces  = 16
	maxAddresses   = 16 // of one interface, and in all
	maxFilesystems = 32
	maxUsers       = 16
)

// wanted are the commands that this product has a use for.
var wanted = []string{
	"guest-exec", "guest-exec-status", "guest-fsfreeze-freeze", "guest-fsfreeze-thaw", "guest-fstrim", "guest-get-fsinfo", "guest-get-host-name",
	"guest-get-osinfo", "guest-get-users", "guest-network-get-interfaces", "guest-set-time", "guest-set-user-password", "guest-shutdown",
}

// The answers of the agent, as far as they are read.
type (
	info struct {
		Version  string `json:"version"`
		Commands []struct {
			Name    string `json:"name"`
			Enabled bool   `json:"enabled"`
		} `json:"supported_commands"`
	}
	osInfo struct {
		ID      string `json:"id"`
		Name    string `json:"pretty-name"`
		Version string `json:"version-id"`
		Kernel  string `json:"kernel-release"`
	}
	netInterface struct {
		Name      string `json:"name"`
		MAC       string `json:"hardware-address"`
		Addresses []struct {
			Address string `json:"ip-address"`
			Prefix  int    `json:"prefix"`
		} `json:"ip-addresses"`
	}
	filesystem struct {
		Name       string `json:"name"`
		Mountpoint string `json:"mountpoint"`
		Type       string `json:"type"`
		Used       int64  `json:"used-bytes"`
		Total      int64  `json:"total-bytes"`
	}
	user struct {
		Name string `json:"user"`
	}
)

// Facts asks a VM's guest what it says of itself now.
func (a *Agents) Facts(ctx context.Context, ref model.Ref) (vm.GuestStatus, error) {
	var g vm.GuestStatus
	err := a.of(ctx, ref, func(s *session) (err error) {
		g, err = s.look(ctx)
		return err
	})
	return g, err
}

// look asks the guest about itself and passes on what it says. A guest that somebody froze who is gone is thawed.
func (s *session) look(ctx context.Context) (vm.GuestStatus, error) {
	var i info
	if err := s.ask(ctx, "guest-info", nil, &i); err != nil {
		return vm.GuestStatus{}, err
	}
	g := vm.GuestStatus{Seen: s.agents.Now(), Answers: true, Agent: clean(i.Version, maxWord)}
	can := map[string]bool{}
	for _, c := range i.Commands {
		can[c.Name] = c.Enabled
	}
	var state string
	if can["guest-fsfreeze-status"] && s.ask(ctx, "guest-fsfreeze-status", nil, &state) == nil && state == "frozen" {
		if s.ours() {
			g = s.stillFrozen(g)
			return g, nil
		}
		s.agents.Log.Warn("a guest was left frozen, and is thawed", "vm", s.uuid)
		if _, err := s.thaw(ctx); err != nil {
			return g, err
		}
	}
	for _, name := range wanted {
		if !can[name] {
			g.Lacks = append(g.Lacks, name)
		}
	}
	s.fill(ctx, can, &g)
	s.found(g)
	return g, nil
}

// stillFrozen is what is known of a guest that was frozen from here: it says nothing else meanwhile.
func (s *session) stillFrozen(g vm.GuestStatus) vm.GuestStatus {
	s.mu.Lock()
	if known := s.facts; known.Answers {
		known.Seen = g.Seen
		g = known
	}
	s.mu.Unlock()
	g.Frozen = true
	s.found(g)
	return g
}

func (s *session) found(g vm.GuestStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil { // its port was closed meanwhile
		return
	}
	s.facts = g
	s.agents.Found(s.uuid, g)
}

// fill asks for all that this agent answers. What it does not is left out.
func (s *session) fill(ctx context.Context, can map[string]bool, g *vm.GuestStatus) {
	ask := func(command string, into any) bool {
		if !can[command] {
			return false
		}
		err := s.ask(ctx, command, nil, into)
		if err != nil && fault.KindOf(err) != fault.Unavailable {
			s.agents.Log.Debug("a guest agent refuses", "vm", s.uuid, "command", command, "err", err)
		}
		return err == nil
	}
	var name struct {
		Host string `json:"host-name"`
	}
	if ask("guest-get-host-name", &name) {
		g.Hostname = clean(name.Host, maxWord)
	}
	var os osInfo
	if ask("guest-get-osinfo", &os) {
		g.OS = &vm.GuestOS{ID: clean(os.ID, maxWord), Name: clean(os.Name, maxWord), Version: clean(os.Version, maxWord), Kernel: clean(os.Kernel, maxWord)}
	}
	var nets []netInterface
	if ask("guest-network-get-interfaces", &nets) {
		g.Interfaces, g.Addresses = interfaces(nets)
	}
	var disks []filesystem
	if ask("guest-get-fsinfo", &disks) {
		g.Filesystems = filesystems(disks)
	}
	var users []user
	if ask("guest-get-users", &users) {
		for _, u := range users[:min(len(users), maxUsers)] {
			if n := clean(u.Name, maxWord); !slices.Contains(g.Users, n) {
				g.Users = append(g.Users, n)
			}
		}
	}
}

// interfaces are those of a guest, and its addresses by which others may reach it. What is no address is left out.
func interfaces(said []netInterface) (out []vm.GuestInterface, reach []string) {
	for _, n := range said {
		if len(out) == maxInterfaces {
			break
		}
		i := vm.GuestInterface{Name: clean(n.Name, maxWord), MAC: clean(n.MAC, maxWord)}
		for _, a := range n.Addresses {
			addr, err := netip.ParseAddr(a.Address)
			if err != nil || len(i.Addresses) == maxAddresses {
				continue
			}
			prefix := netip.PrefixFrom(addr.WithZone(""), a.Prefix)
			if !prefix.IsValid() {
				continue
			}
			i.Addresses = append(i.Addresses, prefix.String())
			if addr.IsGlobalUnicast() && len(reach) < maxAddresses {
				reach = append(reach, prefix.Addr().String())
			}
		}
		out = append(out, i)
	}
	return out, reach
}

func filesystems(said []filesystem) []vm.GuestFilesystem {
	var out []vm.GuestFilesystem
	for _, f := range said[:min(len(said), maxFilesystems)] {
		out = append(out, vm.GuestFilesystem{
			Mountpoint: clean(f.Mountpoint, maxWord), Type: clean(f.Type, maxWord), Device: clean(f.Name, maxWord),
			Used: max(f.Used, 0), Total: max(f.Total, 0),
		})
	}
	slices.SortStableFunc(out, func(a, b vm.GuestFilesystem) int { return len(a.Mountpoint) - len(b.Mountpoint) })
	return out
}
