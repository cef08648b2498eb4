//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/helper/proc"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// threadsOf are the names of the threads of the VM "live", as the host has them.
func threadsOf(t *testing.T, h *onehost.Host) []string {
	t.Helper()
	pid := h.WaitState(t.Context(), "live", "running").Status.Power.Process.PID
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

// runsOn says where each thread of a VM may run, by its name.
func runsOn(t *testing.T, h *onehost.Host, name string) map[string]string {
	t.Helper()
	pid := h.WaitState(t.Context(), name, "running").Status.Power.Process.PID
	files, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "status"))
	if err != nil {
		t.Fatal(err)
	}
	where := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		name, _ := proc.Field(text, "Name")
		where[name], _ = proc.Field(text, "Cpus_allowed_list")
	}
	return where
}

func TestThreadsRunOnTheCPUsThatAreTheirs(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("this host has one CPU: there is no other to run on")
	}
	h := bootable(t)
	must(t, h, "volume", "create", "root", "--size", "16MiB")
	must(t, h, "volume", "create", "more", "--size", "16MiB")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("live", `cpus = 2; disks.root = { volume = "root"; iothread = "fast"; };
		pinning = { cpus = "0-1"; vcpus = { "0" = "0"; "1" = "1"; }; emulator = "1"; iothreads.fast = "0"; };`)))
	must(t, h, "vm", "start", "live")
	at(t, h, "live")
	want := func(when string, want map[string]string) {
		t.Helper()
		got := runsOn(t, h, "live")
		for thread, cpus := range want {
			if got[thread] != cpus {
				t.Errorf("%s: %s runs on %q, want %q: %v", when, thread, got[thread], cpus, got)
			}
		}
	}
	want("after a start", map[string]string{"CPU 0/TCG": "0", "CPU 1/TCG": "1", "IO io-fast": "0", "qemu-system-x86": "1"})
	change(t, h, `{"disks":{"more":{"volume":"more","iothread":"slow"}},"pinning":{"iothreads":{"slow":"0"}}}`)
	want("after a disk came", map[string]string{"CPU 0/TCG": "0", "IO io-fast": "0", "IO io-slow": "0", "qemu-system-x86": "1"})
	endBoth(h)
	startBoth(h)
	want("with other daemons", map[string]string{"CPU 0/TCG": "0", "qemu-system-x86": "1"})
	change(t, h, `{"pinning":{"vcpus":{"0":"1"}}}`)
	want("after an edit", map[string]string{"CPU 0/TCG": "1", "CPU 1/TCG": "1"})
	change(t, h, `{"pinning":null}`)
	want("anywhere again", map[string]string{"CPU 0/TCG": "0-1", "IO io-slow": "0-1", "qemu-system-x86": "0-1"})
	refused(t, h, 1, []string{"HV-VM-116", "the host has no CPU 1000"}, "vm", "edit", "live", "--set", "pinning.emulator=1000")
}

func TestDisksHaveThreadsOfTheirOwnAndLimitsThatChangeWhileTheGuestRuns(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "root", "--size", "64MiB")
	must(t, h, "volume", "create", "more", "--size", "64MiB")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("live", `disks.root = { volume = "root"; iothread = "fast"; limits.iops = 1; };`)))
	must(t, h, "vm", "start", "live")
	g := at(t, h, "live")
	if names := threadsOf(t, h); !has(names, "fast") || has(names, "slow") {
		t.Errorf("its threads are %v", names)
	}

	// Three thousand requests at one in a second would take most of an hour. That they do not is the doing of the edit.
	g.says(`begun=1\.`, `(dd if=/dev/vda of=/dev/null bs=4k count=3000 iflag=direct 2>/dev/null; echo over >/tmp/over) & echo "begun=$((0+1))."`)
	if op := change(t, h, `{"disks":{"more":{"volume":"more","iothread":"slow"}}}`); len(op.Findings) > 0 {
		t.Errorf("who attaches a disk is told %+v", op.Findings)
	}
	if names := threadsOf(t, h); !has(names, "fast") || !has(names, "slow") {
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
	if names := threadsOf(t, h); !has(names, "fast") || has(names, "slow") {
		t.Errorf("its threads are %v", names)
	}
	must(t, h, "vm", "suspend", "live")
	must(t, h, "vm", "start", "live")
	g = at(t, h, "live")
	g.says(`same=yes\.`, `echo "same=$([ "$(`+sum+`)" = "$(cat /tmp/sum)" ] && echo yes)."`)
}
