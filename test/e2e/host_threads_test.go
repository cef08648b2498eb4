//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// threadsOf are the names of a VM's threads, as the host has them.
func threadsOf(t *testing.T, h *onehost.Host, name string) []string {
	t.Helper()
	pid := h.WaitState(t.Context(), name, "running").Status.Power.Process.PID
	files, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "comm"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		text, _ := os.ReadFile(f) // one that has ended has no name
		names = append(names, strings.TrimSpace(string(text)))
	}
	slices.Sort(names)
	return names
}

func has(names []string, part string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, part) })
}

func TestDisksHaveThreadsOfTheirOwnAndLimitsThatChangeWhileTheGuestRuns(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "root", "--size", "64MiB")
	must(t, h, "volume", "create", "more", "--size", "64MiB")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("live", `disks.root = { volume = "root"; iothread = "fast"; limits.iops = 1; };`)))
	must(t, h, "vm", "start", "live")
	g := at(t, h, "live")
	if names := threadsOf(t, h, "live"); !has(names, "fast") || has(names, "slow") {
		t.Errorf("its threads are %v", names)
	}

	// Three thousand requests at one in a second would take most of an hour. That they do not is the doing of the edit.
	g.says(`begun=1\.`, `(dd if=/dev/vda of=/dev/null bs=4k count=3000 iflag=direct 2>/dev/null; echo over >/tmp/over) & echo "begun=$((0+1))."`)
	if op := change(t, h, `{"disks":{"more":{"volume":"more","iothread":"slow"}}}`); len(op.Findings) > 0 {
		t.Errorf("who attaches a disk is told %+v", op.Findings)
	}
	if names := threadsOf(t, h, "live"); !has(names, "fast") || !has(names, "slow") {
		t.Errorf("its threads are %v", names)
	}
	g.says(`free: ?\.`, `until [ -e /dev/vdb ]; do sleep 0.1; done; dd if=/dev/vdb of=/dev/null bs=4k count=3000 iflag=direct 2>/dev/null; echo "free: $(cat /tmp/over 2>/dev/null)."`)
	if op := change(t, h, `{"disks":{"root":{"limits":null}}}`); len(op.Findings) > 0 {
		t.Errorf("who lifts a limit is told %+v", op.Findings)
	}
	g.says(`it is over`, `until [ -e /tmp/over ]; do sleep 0.1; done; echo it is $(cat /tmp/over)`)
	change(t, h, `{"disks":{"root":{"limits":{"readBandwidth":"1MiB","burst":{"readBandwidth":"4MiB"},"burstSeconds":2}}}}`)
	if out := must(t, h, "vm", "show", "live"); !strings.Contains(out, "limits.burst.readBandwidth") || strings.Contains(out, "pending") {
		t.Errorf("its limits are not shown, or pending:\n%s", out)
	}
	change(t, h, `{"disks":{"root":{"limits":null}}}`)

	// A thread is not in the way of what is done with the disk, and goes with the last that it served.
	g.says(`set=1\.`, `dd if=/dev/urandom of=/dev/vda bs=1M count=8 2>/dev/null; `+sum+` >/tmp/sum; echo "set=$((0+1))."`)
	must(t, h, "snapshot", "create", "live", "one")
	g.says(`changed=1\.`, `dd if=/dev/zero of=/dev/vda bs=1M seek=16 count=8 2>/dev/null; sync; `+sum+` >/tmp/sum; echo "changed=$((0+1))."`)
	must(t, h, "snapshot", "delete", "live", "one", "--yes")
	change(t, h, `{"disks":{"more":null}}`)
	if names := threadsOf(t, h, "live"); !has(names, "fast") || has(names, "slow") {
		t.Errorf("its threads are %v", names)
	}
	must(t, h, "vm", "suspend", "live")
	must(t, h, "vm", "start", "live")
	g = at(t, h, "live")
	g.says(`same=yes\.`, `echo "same=$([ "$(`+sum+`)" = "$(cat /tmp/sum)" ] && echo yes)."`)
}
