//go:build e2e

package e2e

import (
	"context"
	"io"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// tiny is the definition of a VM that boots the tiny guest, with more in it.
func tiny(name, more string) string {
	return `{ name = "` + name + `"; memory = "256MiB"; boot = { kernel = "tiny-kernel"; initrd = "tiny-initrd"; cmdline = "console=ttyS0 quiet panic=-1"; }; ` + more + ` }`
}

// shell is the guest's own, at its console.
type shell struct {
	*testing.T
	conn io.ReadWriteCloser
}

// at connects to the shell of a guest that is up.
func at(t *testing.T, h *onehost.Host, name string) *shell {
	t.Helper()
	must(t, h, "vm", "console", name, "--until", "guest: ready", "--timeout", "2m")
	conn, err := h.Client.OpenConsole(t.Context(), model.Ref{Project: model.DefaultProject, Name: name}, vm.ConsoleOptions{Take: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &shell{T: t, conn: conn}
}

// says types a command and returns the first line of what the guest prints from then on that matches. The command must
// not have in it what is waited for: it is echoed.
func (s *shell) says(want, command string) string {
	s.Helper()
	match := regexp.MustCompile(want)
	if _, err := io.WriteString(s.conn, command+"\n"); err != nil {
		s.Fatal(err)
	}
	over := time.AfterFunc(2*time.Minute, func() { _ = s.conn.Close() })
	defer over.Stop()
	var text strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := s.conn.Read(buf)
		text.Write(buf[:n])
		if found := match.FindString(text.String()); found != "" {
			return found
		}
		if err != nil {
			s.Fatalf("after %q the guest never says %q: %v\n%s", command, want, err, text.String())
		}
	}
}

// change edits the VM "live" and waits for what comes of it.
func change(t *testing.T, h *onehost.Host, patch string) operation.Operation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := h.Client.EditVM(ctx, model.Ref{Project: model.DefaultProject, Name: "live"}, []byte(patch), client.Change{})
	if err != nil {
		t.Fatal(err)
	}
	op, err := h.Client.WaitOperation(ctx, res.Operation.ID, nil)
	if err != nil || op.State != operation.Done {
		t.Fatalf("%s: %v, %+v\n%s", patch, err, op, h.Logs())
	}
	return op
}

// attached gives the guest a second network card that finds a network.
func attached(t *testing.T, h *onehost.Host, g *shell) {
	t.Helper()
	if op := change(t, h, `{"nics":{"wan":{}}}`); len(op.Findings) > 0 {
		t.Fatalf("who attaches a network card is told %+v\n%s", op.Findings, h.Logs())
	}
	g.says("card eth1", "until [ -e /sys/class/net/eth1 ]; do sleep 0.1; done; ip link set eth1 up; echo card eth$((0+1))")
	leased(t, h, g)
}

// leased asks for an address at the second network card. That it comes says that frames go both ways.
func leased(t *testing.T, h *onehost.Host, g *shell) {
	t.Helper()
	if got := g.says("lease [0-9]+", "ip addr flush dev eth1; udhcpc -i eth1 -s /etc/dhcp -f -n -q -t 20 -T 2 >/dev/null 2>&1; echo lease $?"); got != "lease 0" {
		t.Fatalf("the new card gets no address: %s\n%s", got, h.Logs())
	}
}

func detached(t *testing.T, h *onehost.Host, g *shell) {
	t.Helper()
	if op := change(t, h, `{"nics":{"wan":null}}`); len(op.Findings) > 0 {
		t.Errorf("who detaches a network card is told %+v\n%s", op.Findings, h.Logs())
	}
	g.says("cards eth0 lo", "until [ ! -e /sys/class/net/eth1 ]; do sleep 0.1; done; echo cards $(cd /sys/class/net; echo *)")
}

func aCardComesAndGoes(t *testing.T, h *onehost.Host, g *shell) {
	t.Helper()
	attached(t, h, g)
	for _, link := range []struct{ is, carrier string }{{"down", "0"}, {"up", "1"}} {
		if op := change(t, h, `{"nics":{"wan":{"link":"`+link.is+`"}}}`); len(op.Findings) > 0 {
			t.Errorf("who puts a link %s is told %+v", link.is, op.Findings)
		}
		g.says("carrier "+link.carrier, "until [ $(cat /sys/class/net/eth1/carrier) = "+link.carrier+" ]; do sleep 0.1; done; echo carrier $(cat /sys/class/net/eth1/carrier)")
	}
	leased(t, h, g)
	detached(t, h, g)
}

// aDaemonThatEndsTakesNoCardWithIt: QEMU has the sockets of its cards also while no daemon is there, which shows when a
// passt has to be replaced after that.
func aDaemonThatEndsTakesNoCardWithIt(t *testing.T, h *onehost.Host, g *shell) *shell {
	t.Helper()
	attached(t, h, g)
	if err := h.EndHVD(syscall.SIGKILL); err == nil {
		t.Fatal("hvd that is killed ends well")
	}
	h.StartHVD()
	p := h.WaitState(t.Context(), "live", "running").Status.Power.Process
	was := ofUID(t, p.UID+1)
	for _, pid := range was {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if len(was) != 2 {
		t.Errorf("%d processes are the passt of two cards", len(was))
	}
	g = at(t, h, "live")
	leased(t, h, g)
	detached(t, h, g)
	return g
}

func TestDisksAndNetworkCardsComeAndGoWhileTheGuestRuns(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "root", "--size", "16MiB")
	must(t, h, "volume", "create", "more", "--size", "32MiB")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("live", `disks.root.volume = "root"; nics.lan = { };`)))
	must(t, h, "vm", "start", "live")
	g := at(t, h, "live")
	pid := h.WaitState(t.Context(), "live", "running").Status.Power.Process.PID

	op := change(t, h, `{"disks":{"more":{"volume":"more"}}}`)
	if len(op.Findings) > 0 {
		t.Errorf("who attaches a disk is told %+v", op.Findings)
	}
	g.says("sectors 65536", "until [ -e /sys/block/vdb/size ]; do sleep 0.1; done; echo sectors $(cat /sys/block/vdb/size)")
	g.says("written to /dev/vdb", "marker write hello vdb")
	if op = change(t, h, `{"disks":{"more":null}}`); len(op.Findings) > 0 {
		t.Errorf("who detaches a disk is told %+v", op.Findings)
	}
	g.says("left: vda$?", "until [ ! -e /sys/block/vdb ]; do sleep 0.1; done; echo left: $(cd /sys/block; echo vd*)")
	change(t, h, `{"disks":{"again":{"volume":"more"}}}`)
	g.says("kept hello", "until [ -e /dev/vdb ]; do sleep 0.1; done; echo kept $(marker read vdb)")

	aCardComesAndGoes(t, h, g)
	g = aDaemonThatEndsTakesNoCardWithIt(t, h, g)
	aCardComesAndGoes(t, h, g)

	op = change(t, h, `{"cpus":2}`)
	v := h.WaitState(t.Context(), "live", "running")
	if len(op.Findings) != 1 || len(v.Status.Power.Pending) != 1 || v.Status.Power.Process.PID != pid {
		t.Errorf("told %+v, pending %v", op.Findings, v.Status.Power.PendingWhy)
	}
	if out := must(t, h, "vm", "show", "live"); !strings.Contains(out, "pending restart") {
		t.Errorf("what is pending is not shown:\n%s", out)
	}
	must(t, h, "vm", "kill", "live")
	must(t, h, "vm", "start", "live")
	if v := h.WaitState(t.Context(), "live", "running"); len(v.Status.Power.Pending) > 0 {
		t.Errorf("after a restart pending is %v", v.Status.Power.Pending)
	}
}
