//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestADeadPasstIsReplacedWhileTheGuestRuns(t *testing.T) {
	h := bootable(t)
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "net"; memory = "256MiB"; nics.lan = { };
	  boot = { kernel = "tiny-kernel"; initrd = "tiny-initrd"; cmdline = "console=ttyS0 quiet panic=-1"; }; }`))
	must(t, h, "vm", "start", "net")
	must(t, h, "vm", "console", "net", "--until", "guest: ready", "--timeout", "2m")
	uid := h.WaitState(t.Context(), "net", "running").Status.Power.Process.UID + 1

	first := ofUID(t, uid)
	if len(first) != 1 {
		t.Fatalf("%d processes run as the VM's passt", len(first))
	}
	if err := syscall.Kill(first[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// That another begins is no event that we could wait for.
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if now := ofUID(t, uid); len(now) == 1 && now[0] != first[0] {
			return
		}
	}
	t.Errorf("no passt has taken its place\n%s", h.Logs())
}

// ofUID returns the living processes of a uid.
func ofUID(t *testing.T, uid uint32) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err == nil && strings.Contains(string(data), fmt.Sprintf("Uid:\t%d\t", uid)) && !strings.Contains(string(data), "State:\tZ") {
			pids = append(pids, pid)
		}
	}
	return pids
}
