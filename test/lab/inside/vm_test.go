//go:build lab

package inside

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const tiny = `boot = { kernel = "tiny-kernel"; initrd = "tiny-initrd"; cmdline = "console=ttyS0 quiet panic=-1"; }; `

// group is the cgroup of a process: the folder, and its path in the hierarchy.
func group(t *testing.T, pid int) string {
	t.Helper()
	text := read(t, fmt.Sprintf("/proc/%d/cgroup", pid))
	path, ok := strings.CutPrefix(text, "0::/")
	if !ok || strings.Contains(path, "\n") {
		t.Fatalf("process %d is in %q; cgroups have one hierarchy here", pid, text)
	}
	return filepath.Join("/sys/fs/cgroup", path)
}

func TestAGuestBootsUnderKVMAndLivesThroughKilledAndRestartedServices(t *testing.T) {
	bootFiles(t)
	c := daemon(t)
	machine(t, "first", `memory = "256MiB"; nics.lan = { }; `+tiny)
	hv(t, "vm", "start", "first")
	console := hv(t, "vm", "console", "first", "--until", `guest: ready .*\)`, "--timeout", "3m")
	if strings.Contains(console, "address none") {
		t.Errorf("the guest has no network:\n%s", console)
	}
	pid := waitState(t, c, "first", "running").Status.Power.Process.PID
	if args := strings.ReplaceAll(read(t, fmt.Sprintf("/proc/%d/cmdline", pid)), "\x00", " "); !strings.Contains(args, "kvm") {
		t.Errorf("QEMU does not run under KVM: %s", args)
	}
	for _, s := range []struct {
		what string
		do   func(t *testing.T)
	}{
		{"hvd is restarted", func(t *testing.T) { run(t, "systemctl", "restart", "hvd") }},
		{"hv-helper is restarted", func(t *testing.T) { run(t, "systemctl", "restart", "hv-helper") }},
		{"hvd is killed", func(t *testing.T) { killed(t, "hvd") }},
		{"hv-helper is killed", func(t *testing.T) { killed(t, "hv-helper") }},
		{"both are killed", func(t *testing.T) { killed(t, "hv-helper", "hvd") }},
		{"both are stopped and started", func(t *testing.T) {
			run(t, "systemctl", "stop", "hvd", "hv-helper")
			run(t, "systemctl", "start", "hv-helper", "hvd")
		}},
	} {
		t.Run(s.what, func(t *testing.T) {
			s.do(t)
			if now := waitState(t, c, "first", "running").Status.Power.Process.PID; now != pid {
				t.Errorf("the VM is process %d now, and was %d", now, pid)
			}
			if n := qemus(t); n != 1 {
				t.Errorf("%d QEMUs run", n)
			}
			hv(t, "vm", "pause", "first") // the new daemon has its monitor
			hv(t, "vm", "resume", "first")
		})
	}
	hv(t, "vm", "stop", "first")
	waitState(t, c, "first", "off")
	if n := qemus(t); n != 0 {
		t.Errorf("%d QEMUs run", n)
	}
}

// killed kills services with -9 and waits until systemd has started them again.
func killed(t *testing.T, units ...string) {
	t.Helper()
	for _, unit := range units {
		before := mainPID(t, unit)
		run(t, "kill", "-9", strconv.Itoa(before))
	}
	// Starting what is about to be restarted waits for it.
	run(t, "systemctl", append([]string{"start"}, units...)...)
	run(t, "systemctl", append([]string{"is-active"}, units...)...)
}

// qemus counts the QEMUs that run.
func qemus(t *testing.T) int {
	t.Helper()
	programs, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range programs {
		if to, err := os.Readlink(p); err == nil && strings.Contains(to, "/qemu-system-") {
			n++
		}
	}
	return n
}

func TestTheLimitsOfAVMHold(t *testing.T) {
	c := daemon(t)
	machine(t, "bound", `cpus = 1; memory = "64MiB"; power = "paused"; `)
	pid := waitState(t, c, "bound", "prelaunch").Status.Power.Process.PID
	dir := group(t, pid)
	limit := func(file string) int {
		first, _, _ := strings.Cut(read(t, filepath.Join(dir, file)), " ")
		n, err := strconv.Atoi(first)
		if err != nil {
			t.Fatalf("%s of the VM's group %s is %q", file, dir, first)
		}
		return n
	}
	// What QEMU needs beside the guest's memory is its overhead; docs say how it is reckoned.
	if n := limit("memory.max"); n < 64<<20 || n > 1<<30 {
		t.Errorf("memory.max is %d for a VM of 64 MiB", n)
	}
	if cpus := read(t, filepath.Join(dir, "cpu.max")); cpus != "200000 100000" {
		t.Errorf("cpu.max is %q; one vCPU and QEMU itself have 2 CPUs", cpus)
	}
	pids := limit("pids.max")
	if pids > 1000 {
		t.Errorf("pids.max is %d", pids)
	}

	// Somebody in the group who wants more than there is gets it from nobody else: he is stopped.
	inGroup := func(script string) (string, error) {
		// A file: the end of a pipe would come with the last of the children.
		said, err := os.CreateTemp(t.TempDir(), "said")
		if err != nil {
			t.Fatal(err)
		}
		defer said.Close()
		shell := exec.CommandContext(t.Context(), "dash", "-c", "echo $$ >"+dir+"/cgroup.procs || exit 99; "+script)
		shell.Stdout, shell.Stderr = said, said
		// Who reads from it waits until the shell has ended.
		if _, err := shell.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		err = shell.Run()
		return read(t, said.Name()), err
	}
	out, err := inGroup(fmt.Sprintf("exec 3<&0; for i in $(seq %d); do read x <&3 & done", pids+10))
	if !strings.Contains(out, "Cannot fork") {
		t.Errorf("%d processes can be started in a group that may have %d: %v\n%.300s", pids+10, pids, err, out)
	}
	before := limit("memory.max")
	out, err = inGroup("head -c 2G /dev/zero | tail | wc -c") // tail looks for the last lines and keeps all of it
	events := read(t, filepath.Join(dir, "memory.events"))
	if !strings.Contains(events, "oom_kill ") || strings.Contains(events, "oom_kill 0") {
		t.Errorf("2 GiB can be used in a group that may have %d bytes: %v\n%s\n%s", before, err, out, events)
	}
}
