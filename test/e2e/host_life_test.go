//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// lively creates and starts the tiny guest under a name, with more of a spec and of a command line, and waits
// until it is up.
func lively(t *testing.T, h *onehost.Host, name, more, cmdline string) {
	t.Helper()
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", fmt.Sprintf(`{ name = %q; memory = "256MiB"; %s
	  boot = { kernel = "tiny-kernel"; initrd = "tiny-initrd"; cmdline = "console=ttyS0 quiet panic=-1 %s"; }; }`, name, more, cmdline)))
	must(t, h, "vm", "start", name)
	up(t, h, name)
}

func up(t *testing.T, h *onehost.Host, name string) {
	t.Helper()
	must(t, h, "vm", "console", name, "--until", "guest: ready", "--timeout", "2m")
}

// typed types a line into a VM's console.
func typed(t *testing.T, h *onehost.Host, name, line string) {
	t.Helper()
	c, err := h.Client.OpenConsole(t.Context(), model.Ref{Name: name}, vm.ConsoleOptions{Scrollback: 1, Take: true}) // the one before lingers
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte(line + "\n")); err != nil {
		t.Fatal(err)
	}
	// The line is on its way once the daemon has read it; closing waits for nobody. What follows is awaited in the status.
	time.AfterFunc(5*time.Second, func() { _ = c.Close() })
}

// seen waits until what was seen of a VM is as wanted.
func seen(t *testing.T, h *onehost.Host, name, what string, want func(vm.PowerStatus) bool) vm.PowerStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		v, err := h.Client.VM(ctx, model.Ref{Name: name})
		if err == nil && v.Status.Power != nil && want(*v.Status.Power) {
			return *v.Status.Power
		}
		select {
		case <-ctx.Done():
			t.Fatalf("in vain waited for %s: %+v\n%s", what, v.Status.Power, h.Logs())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestARebootIsAskedForAResetIsNotAndAGuestsOwnResetIsCounted(t *testing.T) {
	h := bootable(t)
	lively(t, h, "web", "", "")
	pid := h.WaitState(t.Context(), "web", "running").Status.Power.Process.PID
	must(t, h, "vm", "reboot", "web")
	p := h.WaitState(t.Context(), "web", "running").Status.Power
	if p.Process.PID == pid || p.Ended == nil || p.Ended.How != vm.EndReboot {
		t.Errorf("process %d after %d, ended %+v", p.Process.PID, pid, p.Ended)
	}
	up(t, h, "web")
	pid = p.Process.PID

	typed(t, h, "web", "reboot")
	seen(t, h, "web", "the guest's reset", func(p vm.PowerStatus) bool { return p.Resets != nil && p.Resets.Guest == 1 })
	must(t, h, "vm", "reset", "web")
	p2 := seen(t, h, "web", "our reset", func(p vm.PowerStatus) bool { return p.Resets.Host == 1 })
	if p2.Process.PID != pid || p2.Resets.Reason != "host-qmp-system-reset" {
		t.Errorf("process %d after %d, resets %+v", p2.Process.PID, pid, p2.Resets)
	}
	if out := must(t, h, "vm", "show", "web"); !strings.Contains(out, "1 by the guest, 1 by hv") {
		t.Errorf("hv vm show does not tell of the resets:\n%s", out)
	}
}

func TestAGuestThatTripleFaultsResetsItselfOrEndsAsItsSpecSays(t *testing.T) {
	h := bootable(t)
	lively(t, h, "goes-on", "", "reboot=t")
	typed(t, h, "goes-on", "reboot -f")
	seen(t, h, "goes-on", "its reset", func(p vm.PowerStatus) bool { return p.Resets != nil && p.Resets.Guest == 1 })
	must(t, h, "vm", "kill", "goes-on")

	lively(t, h, "ends", `onReboot = "stop";`, "reboot=t")
	must(t, h, "vm", "reset", "ends") // ours does not end it
	up(t, h, "ends")
	typed(t, h, "ends", "reboot -f")
	p := h.WaitState(t.Context(), "ends", "off").Status.Power
	if p.Ended == nil || p.Ended.How != vm.EndReset {
		t.Errorf("it ended as %+v", p.Ended)
	}
}

func TestAGuestThatPanicsIsStoppedRestartedOrPreservedAsItsSpecSays(t *testing.T) {
	h := bootable(t)
	panics := "echo c > /proc/sysrq-trigger"
	lively(t, h, "kept", `onCrash = "preserve";`, "")
	typed(t, h, "kept", panics)
	p := seen(t, h, "kept", "the panic", func(p vm.PowerStatus) bool { return p.Ended != nil })
	if p.State != vm.StateCrashed || p.Process == nil || p.Ended.How != vm.EndPanic {
		t.Errorf("%+v", p)
	}
	must(t, h, "vm", "kill", "kept")

	lively(t, h, "back", `onCrash = "restart";`, "")
	typed(t, h, "back", panics)
	p = seen(t, h, "back", "its restart", func(p vm.PowerStatus) bool { return p.State == vm.StateRunning && p.Restart != nil })
	if p.Restart.Count != 1 || p.Restart.After != vm.EndPanic || p.Process.Begun.Before(p.Restart.Next) {
		t.Errorf("%+v, begun %v", p.Restart, p.Process.Begun)
	}
	up(t, h, "back")
	must(t, h, "vm", "kill", "back")

	lively(t, h, "ends", "", "")
	typed(t, h, "ends", panics)
	if p := h.WaitState(t.Context(), "ends", "crashed").Status.Power; p.Ended == nil || p.Ended.How != vm.EndPanic {
		p := seen(t, h, "ends", "its end", func(p vm.PowerStatus) bool { return p.Ended != nil })
		if p.Ended.How != vm.EndPanic {
			t.Errorf("it ended as %+v", p.Ended)
		}
	}
}

func TestEveryVMStopsBeforeTheHostAndNothingComesBackInThisBoot(t *testing.T) {
	h := bootable(t)
	lively(t, h, "db", `autostart = true;`, "")
	lively(t, h, "web", `autostart = true; startup.after = [ "db" ];`, "")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "blank"; memory = "64MiB"; power = "on"; stopTimeout = 2; }`)) // its firmware finds nothing and hears no button
	if out := must(t, h, "host", "stop-vms", "--dry-run"); strings.Index(out, "stop vm web") > strings.Index(out, "stop vm db") {
		t.Errorf("the plan stops what is needed first:\n%s", out)
	}
	out := must(t, h, "host", "stop-vms", "--timeout", "2m")
	for _, line := range []string{"stop vm web\n", "stop vm db\n", "stop vm blank: ended, its guest let its time pass\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("no line %q:\n%s", line, out)
		}
	}
	db, web := h.WaitState(t.Context(), "db", "off").Status.Power, h.WaitState(t.Context(), "web", "off").Status.Power
	if db.Ended.How != vm.EndHostDown || web.Ended.How != vm.EndHostDown || db.Ended.At.Before(web.Ended.At) {
		t.Errorf("web ended as %+v, db, which it needs, as %+v", web.Ended, db.Ended)
	}
	if err := h.EndHVD(syscall.SIGTERM); err != nil {
		t.Errorf("hvd: %v", err)
	}
	h.StartHVD()
	seen(t, h, "db", "its hold", func(p vm.PowerStatus) bool { return strings.Contains(p.Reason, "next boot") })
	must(t, h, "vm", "start", "db") // a person may
	h.WaitState(t.Context(), "db", "running")
}
