//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestAVMKeepsRunningWhenHvdOrItsHelperIsKilled(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "d", "--size", "64MiB")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "adopted"; memory = "256MiB"; disks.data.volume = "d"; nics.lan = { };
	  boot = { kernel = "tiny-kernel"; initrd = "tiny-initrd"; cmdline = "console=ttyS0 quiet panic=-1"; }; }`))
	must(t, h, "vm", "start", "adopted")
	must(t, h, "vm", "console", "adopted", "--until", "guest: ready", "--timeout", "2m")
	pid := h.WaitState(t.Context(), "adopted", "running").Status.Power.Process.PID

	for _, c := range []struct {
		name string
		kill func()
	}{
		{"hvd is killed", func() { _ = h.EndHVD(syscall.SIGKILL); h.StartHVD() }},
		{"hv-helper is killed", func() { _ = h.EndHelper(syscall.SIGKILL); h.StartHelper() }},
		{"both are killed", func() {
			_ = h.EndHelper(syscall.SIGKILL)
			_ = h.EndHVD(syscall.SIGKILL)
			h.StartHelper()
			h.StartHVD()
		}},
		{"both end in order", func() {
			if err := h.EndHVD(syscall.SIGTERM); err != nil {
				t.Errorf("hvd: %v\n%s", err, h.Logs())
			}
			if err := h.EndHelper(syscall.SIGTERM); err != nil {
				t.Errorf("hv-helper: %v\n%s", err, h.Logs())
			}
			h.StartHelper()
			h.StartHVD()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.kill()
			v := h.WaitState(t.Context(), "adopted", "running")
			if now := v.Status.Power.Process.PID; now != pid {
				t.Errorf("it is process %d now, and was %d", now, pid)
			}
			if n := qemus(t); n != 1 {
				t.Errorf("%d QEMUs run", n)
			}
			must(t, h, "vm", "pause", "adopted") // its monitor answers the new daemon
			must(t, h, "vm", "resume", "adopted")
		})
	}

	t.Run("it can be stopped by the daemon that adopted it", func(t *testing.T) {
		must(t, h, "vm", "stop", "adopted")
		h.WaitState(t.Context(), "adopted", "off")
		if n := qemus(t); n != 0 {
			t.Errorf("%d QEMUs run", n)
		}
	})
}

func TestAVMThatDiesWhileNobodyLooksIsFoundDead(t *testing.T) {
	h := bootable(t)
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "lost"; memory = "64MiB"; power = "paused"; }`))
	pid := h.WaitState(t.Context(), "lost", "prelaunch").Status.Power.Process.PID
	_ = h.EndHVD(syscall.SIGKILL)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	h.StartHVD()
	v := h.WaitState(t.Context(), "lost", "crashed")
	if e := v.Status.Power.Ended; e == nil || e.How != "qemu" {
		t.Errorf("it ended as %+v", e)
	}
	must(t, h, "vm", "start", "lost")
	h.WaitState(t.Context(), "lost", "running")
}

// qemus counts the QEMUs of the VM "adopted".
func qemus(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%s/cmdline", e.Name()))
		if err == nil && strings.Contains(string(cmdline), "\x00guest=adopted,") {
			n++
		}
	}
	return n
}
