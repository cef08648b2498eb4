//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// status reads one line of /proc/PID/status.
func status(t *testing.T, pid int, key string) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && k == key {
			return strings.Join(strings.Fields(v), " ")
		}
	}
	t.Fatalf("/proc/%d/status has no %s", pid, key)
	return ""
}

func TestWhoHoldsWhichPrivileges(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "d", "--size", "1MiB")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "jail"; memory = "64MiB"; power = "paused"; disks.data.volume = "d"; }`))
	power := h.WaitState(t.Context(), "jail", "prelaunch").Status.Power
	const none = "0000000000000000"
	uid := func(n uint32) string { return fmt.Sprintf("%d %d %d %d", n, n, n, n) }

	for name, c := range map[string]struct {
		pid  int
		uid  uint32
		want map[string]string
	}{
		"hvd":       {h.HVD(), onehost.UserHVD, map[string]string{"CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none, "NoNewPrivs": "1"}},
		"hv-helper": {h.HelperPID(), 0, nil},
		"QEMU":      {power.Process.PID, power.Process.UID, map[string]string{"CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2", "Groups": ""}},
	} {
		if got := status(t, c.pid, "Uid"); got != uid(c.uid) {
			t.Errorf("%s runs as %s, not as %d", name, got, c.uid)
		}
		for key, want := range c.want {
			if got := status(t, c.pid, key); got != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
	}
	if power.Process.UID < 1879048192 {
		t.Errorf("QEMU's uid %d is not one of those kept for VMs", power.Process.UID)
	}
	diskIsLocked(t, power.Process.PID)

	// hvd makes its entries in the state folder, and cannot take the helper's away.
	mv := exec.CommandContext(t.Context(), "setpriv", fmt.Sprintf("--reuid=%d", onehost.UserHVD), fmt.Sprintf("--regid=%d", onehost.UserHVD), "--clear-groups", "--",
		"mv", h.State+"/helper", h.State+"/moved")
	if out, err := mv.CombinedOutput(); err == nil {
		t.Errorf("hvd's user moved the helper's folder away: %s", out)
	}
}

// diskIsLocked wants QEMU's OFD locks on the one disk that it has open.
func diskIsLocked(t *testing.T, pid int) {
	t.Helper()
	inode := uint64(0)
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		path := fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name())
		if to, err := os.Readlink(path); err == nil && strings.HasSuffix(to, ".raw") {
			var st unix.Stat_t
			if err := unix.Stat(path, &st); err != nil {
				t.Fatal(err)
			}
			inode = st.Ino
		}
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.SplitSeq(string(locks), "\n") {
		if strings.Contains(line, "OFDLCK") && strings.Contains(line, fmt.Sprintf(":%d ", inode)) {
			n++
		}
	}
	if inode == 0 || n == 0 {
		t.Errorf("QEMU holds no lock on its disk (inode %d):\n%s", inode, locks)
	}
}
