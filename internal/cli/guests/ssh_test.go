package guests

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// server greets whoever comes with a line; without one it says nothing.
func server(t *testing.T, line string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all []net.Conn
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all = append(all, c)
			_, _ = fmt.Fprint(c, line) // who comes may have gone
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-served
		for _, c := range all {
			_ = c.Close()
		}
	})
	return l.Addr().String()
}

func TestOnlyAServerOfSSHAnswersByIt(t *testing.T) {
	ssh, other, silent := server(t, "SSH-2.0-OpenSSH_9.2\r\n"), server(t, "HTTP/1.1 400\r\n"), server(t, "")
	if got := answers(t.Context(), []string{other, silent, "127.0.0.1:1", ssh}); got != ssh {
		t.Errorf("%q answers, want %s", got, ssh)
	}
	if got := answers(t.Context(), []string{other, "127.0.0.1:1"}); got != "" {
		t.Errorf("%q answers", got)
	}
	if got := answers(t.Context(), nil); got != "" {
		t.Errorf("%q answers, and nobody was asked", got)
	}
}

func TestSSHIsTriedWhereANetworkLeadsToTheGuest(t *testing.T) {
	v := wire.VM{
		Effective: vm.Spec{UUID: "u", NICs: map[string]vm.NIC{"lan": {Network: vm.UserNetwork, MAC: "52:54:00:00:00:01"}, "dmz": {Network: "dmz", MAC: "52:54:00:00:00:02"}}},
		Status: vm.Status{Guest: &vm.GuestStatus{Interfaces: []vm.GuestInterface{
			{Name: "lo", Addresses: []string{"127.0.0.1/8"}}, {Name: "docker0", MAC: "02:42:00:00:00:01", Addresses: []string{"172.17.0.1/16"}},
			{Name: "eth0", MAC: "52:54:00:00:00:01", Addresses: []string{"192.0.2.7/24"}},
			{Name: "eth1", MAC: "52:54:00:00:00:02", Addresses: []string{"198.51.100.7/24", "fe80::1/64", "2001:db8::7/64"}},
		}}},
	}
	if got := (door{}).addresses(v, nil); !slices.Equal(got, []string{"198.51.100.7", "2001:db8::7"}) {
		t.Errorf("tried are %v", got)
	}
	if got := (door{address: "tunnel:2222"}).addresses(v, nil); !slices.Equal(got, []string{"tunnel:2222"}) {
		t.Errorf("tried are %v", got)
	}
	if got := (door{}).addresses(wire.VM{}, nil); got != nil {
		t.Errorf("tried are %v", got)
	}
	for _, c := range []struct {
		d       door
		at      string
		program []string
		want    []string
	}{
		{door{}, "2001:db8::7", nil, []string{"-o", "HostKeyAlias=hv-u", "-p", "22", "--", "2001:db8::7"}},
		{door{user: "debian", identity: "key"}, "tunnel:2222", []string{"echo", "it's $HOME"},
			[]string{"-o", "HostKeyAlias=hv-u", "-p", "2222", "-l", "debian", "-i", "key", "--", "tunnel", "'echo'", `'it'\''s $HOME'`}},
	} {
		if got := c.d.arguments(v, c.at, c.program); !slices.Equal(got, c.want) {
			t.Errorf("ssh %q, want %q", got, c.want)
		}
	}
}

func TestAGuestThatNamesAddressesOfOursIsNotMetThere(t *testing.T) {
	mac := "52:54:00:00:00:02"
	v := wire.VM{
		Effective: vm.Spec{NICs: map[string]vm.NIC{"dmz": {Network: "dmz", MAC: mac}}},
		Status: vm.Status{Guest: &vm.GuestStatus{Interfaces: []vm.GuestInterface{{Name: "eth0", MAC: mac, Addresses: []string{
			"0.0.0.0/0", "::/0", "255.255.255.255/32", "224.0.0.1/4", "::ffff:127.0.0.1/128", "192.0.2.1/24", "::ffff:192.0.2.1/128", "192.0.2.7/24",
		}}}}},
	}
	if got := (door{}).addresses(v, []netip.Addr{netip.MustParseAddr("192.0.2.1")}); !slices.Equal(got, []string{"192.0.2.7"}) {
		t.Errorf("tried are %v", got)
	}
	ours, err := ownAddresses()
	if err != nil || !slices.Contains(ours, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("addresses of this host: %v, %v", ours, err)
	}
}

func TestAWayThatCannotDoItIsAnErrorInHowItWasCalled(t *testing.T) {
	for _, c := range []struct {
		via     string
		program []string
		well    bool
	}{{"", nil, true}, {"ssh", nil, true}, {"ssh", []string{"true"}, true}, {"serial", nil, true}, {"agent", []string{"true"}, true},
		{"agent", nil, false}, {"serial", []string{"true"}, false}, {"telnet", nil, false}} {
		err := fits(c.via, "web", c.program)
		if ended, ok := err.(*report.Ended); (err == nil) != c.well || !c.well && (!ok || ended.Code != report.Misused) { //nolint:errorlint // it is not wrapped here
			t.Errorf("%s %v: %v", c.via, c.program, err)
		}
	}
}
