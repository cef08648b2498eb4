//go:build lab

package packaging_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/daemon"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// What a package does on a host: the lab has systemd, cgroups of version 2, and ours installed by dpkg -i. These tests
// leave it installed anew.

const slice = "/hyper.slice/hyper-nixos.slice"

// api is a client of the installed hvd.
func api(t *testing.T) *client.Client {
	t.Helper()
	c := client.Unix(filepath.Join(privilege.RunFolder(daemon.Installed), privilege.APISocket))
	t.Cleanup(c.Close)
	return c
}

// settle waits until hvd tells of a VM what is asked for; a daemon that has just been started needs a moment.
func settle(t *testing.T, name string, is func(wire.VM) bool) wire.VM {
	t.Helper()
	c := api(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		v, err := c.VM(ctx, model.Ref{Project: model.DefaultProject, Name: name})
		if err == nil && is(v) {
			return v
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("vm %s: %v, %+v", name, err, v.Status.Power)
		}
	}
}

func running(v wire.VM) bool {
	return v.Status.Power != nil && v.Status.Power.State == "running" && v.Status.Power.Process != nil
}

func started(t *testing.T, name string) int {
	t.Helper()
	file := filepath.Join(t.TempDir(), "vm.nix")
	text := `{ name = "` + name + `"; cpus = 1; memory = "64MiB"; nics.lan = { }; power = "on"; stopTimeout = 5; }`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	output(t, "hv", "vm", "create", "-f", file)
	t.Cleanup(func() { // a test that has failed leaves none for those that come after; one that has not, has none
		for _, args := range [][]string{{"vm", "kill", name}, {"vm", "delete", name, "--yes"}} {
			_ = exec.Command("hv", args...).Run()
		}
	})
	return settle(t, name, running).Status.Power.Process.PID
}

func gone(t *testing.T, name string) {
	t.Helper()
	output(t, "hv", "vm", "kill", name)
	output(t, "hv", "vm", "delete", name, "--yes")
}

// installed is the package that this lab was given.
func installed(t *testing.T) string {
	t.Helper()
	debs, err := filepath.Glob("/lab/in/packages/*hyper-nixos_*.deb")
	if err != nil || len(debs) == 0 {
		t.Fatalf("no package in the lab: %v", err)
	}
	return debs[len(debs)-1]
}

// earlier is the same package with a version that comes before.
func earlier(t *testing.T, deb string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "root")
	output(t, "dpkg-deb", "--raw-extract", deb, dir)
	control := filepath.Join(dir, "DEBIAN", "control")
	text, err := os.ReadFile(control)
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^Version: .*$`).ReplaceAll(text, []byte("Version: 0.0~before"))
	if err := os.WriteFile(control, text, 0o644); err != nil {
		t.Fatal(err)
	}
	output(t, "dpkg-deb", "-Znone", "--build", dir, dir+".deb") // an emulated machine packs slowly
	return dir + ".deb"
}

func cgroupOf(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(text), "0::"))
}

func unit(t *testing.T, name, property string) string {
	t.Helper()
	return strings.TrimSpace(output(t, "systemctl", "show", "-P", property, name))
}

func TestAVMIsAScopeInItsSlice(t *testing.T) {
	pid := started(t, "scoped")
	path := cgroupOf(t, pid)
	scope := filepath.Base(filepath.Dir(path))
	if filepath.Dir(filepath.Dir(path)) != slice || !strings.HasPrefix(scope, "hyper-nixos-vm-scoped-") || filepath.Base(path) != "qemu" {
		t.Fatalf("QEMU stands in %s", path)
	}
	status := output(t, "systemctl", "status", "--no-pager", "--full", scope)
	for _, want := range []string{"Hyper-NixOS VM scoped (", slice, "qemu-system-x86_64", "passt", "active (running)"} {
		if !strings.Contains(status, want) {
			t.Errorf("systemctl status does not show %q:\n%s", want, status)
		}
	}
	for property, want := range map[string]string{"Delegate": "yes", "CollectMode": "inactive-or-failed", "Slice": "hyper-nixos.slice"} {
		if got := unit(t, scope, property); got != want {
			t.Errorf("%s is %q", property, got)
		}
	}
	if before := unit(t, scope, "Before"); !strings.Contains(before, "hv-guests.service") {
		t.Errorf("a shutdown would end it before VMs are stopped: Before=%s", before)
	}
	if most, err := os.ReadFile("/sys/fs/cgroup" + path + "/memory.max"); err != nil || strings.TrimSpace(string(most)) == "max" {
		t.Errorf("its memory has the limit %q, %v", most, err)
	}
	for _, unit := range []string{"hv-helper", "hvd"} { // killed, and started again by systemd
		output(t, "systemctl", "kill", "--signal=KILL", unit)
	}
	output(t, "systemctl", "start", "hv-helper", "hvd")
	if now := settle(t, "scoped", running).Status.Power.Process.PID; now != pid || cgroupOf(t, now) != path {
		t.Errorf("process %d in %s; it was %d in %s", now, cgroupOf(t, now), pid, path)
	}
	output(t, "hv", "vm", "kill", "scoped")
	output(t, "hv", "vm", "start", "scoped") // the same unit again
	if now := settle(t, "scoped", running).Status.Power.Process.PID; cgroupOf(t, now) != path {
		t.Errorf("started again it stands in %s", cgroupOf(t, now))
	}
	gone(t, "scoped")
	if left := output(t, "systemctl", "list-units", "--all", "--plain", "--no-legend", "hyper-nixos-vm-*"); left != "" {
		t.Errorf("units are left:\n%s", left)
	}
	if _, err := os.Stat("/sys/fs/cgroup" + filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its cgroup is left: %v", err)
	}
}

func TestTheRunningDaemonsAreHardened(t *testing.T) {
	for unit, most := range map[string]float64{"hvd.service": 2.0, "hv-helper.service": 6.0} {
		out := output(t, "systemd-analyze", "security", "--no-pager", unit)
		found := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("systemd-analyze says no figure:\n%s", out)
		}
		if figure, err := strconv.ParseFloat(found[1], 64); err != nil || figure > most {
			t.Errorf("%s is exposed %s of 10, more than %v", unit, found[1], most)
		}
		t.Logf("%s: %s of 10", unit, found[1])
	}
}

func TestAnUpgradeLeavesVMsRunning(t *testing.T) {
	deb := installed(t)
	pid := started(t, "stays")
	guests := unit(t, "hv-guests", "InvocationID")
	for _, next := range []string{earlier(t, deb), deb} { // back, and forth
		before := [2]string{unit(t, "hv-helper", "MainPID"), unit(t, "hvd", "MainPID")}
		output(t, "dpkg", "-i", "--force-downgrade", next)
		if after := [2]string{unit(t, "hv-helper", "MainPID"), unit(t, "hvd", "MainPID")}; after[0] == before[0] || after[1] == before[1] {
			t.Errorf("the daemons are %v, and were %v: not restarted", after, before)
		}
		if now := settle(t, "stays", running).Status.Power.Process.PID; now != pid {
			t.Errorf("the VM is process %d, and was %d", now, pid)
		}
	}
	if now := unit(t, "hv-guests", "InvocationID"); now != guests {
		t.Error("hv-guests was restarted, whose stop stops VMs")
	}
	output(t, "hv", "vm", "pause", "stays") // it is held, not only seen
	gone(t, "stays")
}

func TestStoppingTheGuestsServiceStopsEveryVM(t *testing.T) {
	pid := started(t, "ends")
	output(t, "systemctl", "stop", "hv-guests")
	t.Cleanup(func() { output(t, "systemctl", "start", "hv-guests") })
	v := settle(t, "ends", func(v wire.VM) bool { return v.Status.Power != nil && v.Status.Power.State == "off" })
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("process %d is left of a VM that is %s: %v", pid, v.Status.Power.State, err)
	}
	if result := unit(t, "hv-guests", "Result"); result != "success" {
		t.Errorf("hv-guests ended as %q:\n%s", result, output(t, "journalctl", "-u", "hv-guests", "-b", "--no-pager"))
	}
}

func TestARemovalIsRefusedWhileAVMRunsAndAPurgeLeavesNothing(t *testing.T) {
	deb := installed(t)
	pid := started(t, "last")
	t.Cleanup(func() { // for the tests that come after
		output(t, "dpkg", "-i", deb)
		output(t, "systemctl", "is-active", "hv-helper", "hvd")
	})
	out, err := exec.Command("dpkg", "--purge", "hyper-nixos").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "these VMs run: last") || !strings.Contains(string(out), "try: hv vm stop last") {
		t.Fatalf("a purge while a VM runs: %v\n%s", err, out)
	}
	if now := settle(t, "last", running).Status.Power.Process.PID; now != pid {
		t.Errorf("the VM is process %d, and was %d", now, pid)
	}
	output(t, "hv", "vm", "kill", "last")

	output(t, "dpkg", "--remove", "hyper-nixos")
	if left := ours(t); len(left) > 0 {
		t.Errorf("processes are left by a removal: %v", left)
	}
	output(t, "dpkg", "-i", deb)
	settle(t, "last", func(v wire.VM) bool { return v.Status.Power != nil && v.Status.Power.State == "off" }) // its definition was kept

	files := strings.Fields(output(t, "dpkg", "--listfiles", "hyper-nixos"))
	purged, err := exec.Command("dpkg", "--purge", "hyper-nixos").CombinedOutput()
	if err != nil || !strings.Contains(string(purged), "removing "+daemon.Installed) {
		t.Errorf("a purge says what it takes: %v\n%s", err, purged)
	}
	for _, file := range append(files, daemon.Installed, "/run/hv", "/etc/hyper-nixos", "/sys/fs/cgroup/hyper.slice") {
		if info, err := os.Lstat(file); err == nil && (!info.IsDir() || strings.Contains(file, "hyper")) {
			t.Errorf("left: %s", file)
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup/hv-*", "/sys/fs/cgroup/system.slice/hv*", "/etc/systemd/system/*/hv*", "/var/lib/systemd/deb-systemd-helper-*/*hv*"} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
	if left := ours(t); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	for _, list := range []string{"list-units", "list-unit-files"} {
		left, err := exec.Command("systemctl", list, "--all", "--plain", "--no-legend", "hv*", "hyper*").CombinedOutput()
		if len(left) > 0 { // to find nothing is an error to it
			t.Errorf("units are left: %v\n%s", err, left)
		}
	}
	if sockets, err := os.ReadFile("/proc/net/unix"); err != nil || strings.Contains(string(sockets), privilege.RunFolder(daemon.Installed)) {
		t.Errorf("sockets are left: %v\n%s", err, sockets)
	}
}

// ours are the processes whose program is of the package, or that run as a VM.
func ours(t *testing.T) []string {
	t.Helper()
	programs, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, p := range programs {
		to, err := os.Readlink(p)
		if err == nil && (strings.Contains(to, "hyper-nixos") || strings.Contains(to, "/qemu-system-") || strings.Contains(to, "/passt")) {
			found = append(found, to)
		}
	}
	slices.Sort(found)
	return found
}
