//go:build e2e

package e2e

import (
	"slices"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestAVMThatRunsIsGivenMemoryAndVCPUsAndGivesThemBack(t *testing.T) {
	h := bootable(t)
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "grows"; memory = "256MiB"; memoryMax = "1GiB"; cpusMax = 2;
		boot = { kernel = "tiny-kernel"; initrd = "tiny-initrd"; cmdline = "console=ttyS0 quiet panic=-1 mitigations=off memhp_default_state=online"; }; }`))
	must(t, h, "vm", "start", "grows")
	must(t, h, "vm", "console", "grows", "--until", "guest: ready", "--timeout", "2m")
	must(t, h, "vm", "set", "grows", "--memory", "512MiB")
	v := h.WaitState(t.Context(), "grows", "running")
	if p := v.Status.Power; len(p.Pending) > 0 || p.Process.Started.Memory != 512<<20 || p.Process.Memory != 256<<20 {
		t.Fatalf("pending %v, board %s, guest %s, changes %v", p.Pending, p.Process.Memory, p.Process.Started.Memory, p.Process.Changes)
	}
	// Until the guest sees it: virtio-mem gives what it is asked for, as fast as the guest takes it.
	say(t, h, "grows", "until [ $(sed -n 's/MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo) -gt 350000 ]; do sleep 0.2; done; echo gr''own\n", "grown")

	// What was plugged in goes, and of the rest the balloon takes its part: 32,768 pages, less what the guest needs.
	must(t, h, "vm", "set", "grows", "--memory", "128MiB")
	say(t, h, "grows", "until [ $(sed -n 's/balloon_inflate //p' /proc/vmstat) -gt 20000 ]; do sleep 0.2; done; echo sh''runk\n", "shrunk")
	must(t, h, "vm", "set", "grows", "--memory", "256MiB")
	say(t, h, "grows", "until [ $(sed -n 's/balloon_deflate //p' /proc/vmstat) -gt 20000 ]; do sleep 0.2; done; echo ba''ck\n", "back")
	must(t, h, "vm", "set", "grows", "--memory", "2GiB", "--memory-max", "4GiB")
	if p := h.WaitState(t.Context(), "grows", "running").Status.Power; !slices.Equal(p.Pending, []string{"memory", "memoryMax"}) {
		t.Errorf("it is not told that this waits: %v", p.Pending)
	}

	const count = "for c in /sys/devices/system/cpu/cpu*/online; do echo 1 >$c 2>/dev/null; done; "
	if v.Status.Power.Accelerator != vm.KVM {
		must(t, h, "vm", "set", "grows", "--cpus", "2")
		if p := h.WaitState(t.Context(), "grows", "running").Status.Power; !slices.Contains(p.Pending, "cpus") || p.Process.Started.CPUs != 1 {
			t.Errorf("a vCPU under emulation: pending %v, it has %d", p.Pending, p.Process.Started.CPUs)
		}
		return
	}
	must(t, h, "vm", "set", "grows", "--cpus", "2")
	say(t, h, "grows", "until [ $("+count+"grep -c ^processor /proc/cpuinfo) = 2 ]; do sleep 0.2; done; echo tw''o\n", "two")
	must(t, h, "vm", "set", "grows", "--cpus", "1")
	say(t, h, "grows", "until [ $(grep -c ^processor /proc/cpuinfo) = 1 ]; do sleep 0.2; done; echo on''e\n", "one")
	if p := h.WaitState(t.Context(), "grows", "running").Status.Power.Process.Started; p.CPUs != 1 {
		t.Errorf("it has %d vCPUs", p.CPUs)
	}
}
