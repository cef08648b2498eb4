//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// apart gives the test, and the daemons that it starts, a view of the file systems of their own. It ends with
// the test's thread.
func apart(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root; run: sudo make e2e")
	}
	runtime.LockOSThread() // and never unlocked: the thread is not used for anything else
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	mount(t, "", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("mount %s: %v", target, err)
	}
}

// waiting makes a VM that has its process and no guest yet.
func waiting(t *testing.T, h *onehost.Host, name string) int {
	t.Helper()
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "`+name+`"; memory = "32MiB"; power = "paused"; }`))
	return h.WaitState(t.Context(), name, "prelaunch").Status.Power.Process.PID
}

// endBoth kills both daemons, hvd first.
func endBoth(h *onehost.Host) {
	_ = h.EndHVD(syscall.SIGKILL)
	_ = h.EndHelper(syscall.SIGKILL)
}

func startBoth(h *onehost.Host) {
	h.StartHelper()
	h.StartHVD()
}

// ends kills a process that is nobody's child here, and waits for its end.
func ends(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	pidfd := os.NewFile(uintptr(fd), "pidfd")
	defer pidfd.Close()
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, pidfd)
}

func TestAProcessThatHasGotTheNumberOfADeadQEMUIsLeftAlone(t *testing.T) {
	h := onehost.New(t)
	pid := waiting(t, h, "reuse")
	endBoth(h)
	ends(t, pid)
	other := exec.Command("sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	records, err := filepath.Glob(filepath.Join(h.Run, "vm", "*", "record.json"))
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	var record map[string]any
	data, err := os.ReadFile(records[0])
	if err == nil {
		err = json.Unmarshal(data, &record)
	}
	if err != nil || record["pid"] != float64(pid) {
		t.Fatalf("%v: %s", err, data)
	}
	record["pid"] = other.Process.Pid // as if the kernel had given it out again
	if data, err = json.Marshal(record); err == nil {
		err = os.WriteFile(records[0], data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	startBoth(h)
	if e := h.WaitState(t.Context(), "reuse", "crashed").Status.Power.Ended; e == nil || e.How != vm.EndQEMU {
		t.Errorf("it ended as %+v", e)
	}
	must(t, h, "vm", "start", "reuse")
	must(t, h, "vm", "kill", "reuse")
	must(t, h, "vm", "delete", "--yes", "reuse")
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the other process: %v", err)
	}
}

func TestAVMThatWentDownWithItsHostIsSaidToHave(t *testing.T) {
	apart(t)
	h := onehost.New(t)
	pid := waiting(t, h, "web")
	endBoth(h)
	ends(t, pid)
	if err := os.RemoveAll(h.Run); err != nil { // /run is empty after a boot
		t.Fatal(err)
	}
	id := file(t, "boot_id", "11111111-2222-4333-8444-555555555555\n")
	mount(t, id, "/proc/sys/kernel/random/boot_id", "", unix.MS_BIND, "")
	startBoth(h)
	p := h.WaitState(t.Context(), "web", "off").Status.Power
	if p.Ended == nil || p.Ended.How != vm.EndHostReboot || p.Process != nil {
		t.Errorf("it ended as %+v: %+v", p.Ended, p)
	}
	must(t, h, "vm", "start", "web")
	if boot := h.WaitState(t.Context(), "web", "running").Status.Power.Process.BootID; boot != "11111111-2222-4333-8444-555555555555" {
		t.Errorf("it runs in boot %s", boot)
	}
}

func TestAQEMUThatIsReplacedUnderRunningVMsIsNoticedWithoutARestart(t *testing.T) {
	apart(t)
	layer := t.TempDir()
	mount(t, "none", layer, "tmpfs", 0, "")
	t.Cleanup(func() { _ = unix.Unmount(layer, unix.MNT_DETACH) })
	for _, dir := range []string{"upper", "work"} {
		if err := os.Mkdir(filepath.Join(layer, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount(t, "overlay", "/usr", "overlay", 0, "lowerdir=/usr,upperdir="+layer+"/upper,workdir="+layer+"/work")
	const program = "/usr/bin/qemu-system-x86_64"
	replace := func(with []byte) {
		if err := errors.Join(os.WriteFile(program+".new", with, 0o755), os.Rename(program+".new", program)); err != nil {
			t.Fatal(err)
		}
	}
	good, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	h := onehost.New(t)
	pid := waiting(t, h, "old")
	hvd := h.HVD()

	replace([]byte("#!/bin/sh\necho this is no QEMU >&2\nexit 3\n"))
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "new"; memory = "32MiB"; }`))
	refused(t, h, 1, []string{"no usable QEMU"}, "vm", "start", "new")
	must(t, h, "vm", "resume", "old") // it has its own
	must(t, h, "vm", "pause", "old")

	replace(good)
	must(t, h, "vm", "start", "new")
	h.WaitState(t.Context(), "new", "running")
	if now := h.WaitState(t.Context(), "old", "paused").Status.Power.Process.PID; now != pid || h.HVD() != hvd {
		t.Errorf("the old VM is process %d and was %d, hvd %d and was %d", now, pid, h.HVD(), hvd)
	}
}

// onSmallDisk has the state folder on a file system of a few MiB; fill takes all of the room, and drain gives
// it back.
func onSmallDisk(t *testing.T) (h *onehost.Host, fill, drain func()) {
	t.Helper()
	apart(t)
	programs, err := onehost.Programs()
	if err != nil {
		t.Fatal(err)
	}
	data := "size=96m,mode=1777" // half of it is the programs
	mount(t, "none", "/var/tmp", "tmpfs", 0, data)
	h = onehost.NewFrom(t, func() (string, error) { return programs, nil })
	ballast := "/var/tmp/ballast"
	fill = func() {
		f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err == nil {
			_, err = io.Copy(f, zeros{})
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("the disk is not full: %v", err)
		}
		_ = f.Close()
	}
	return h, fill, func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestOnAFullDiskVMsGoOnAndWhatMakesRoomIsDone(t *testing.T) {
	h, fill, drain := onSmallDisk(t)
	pid := waiting(t, h, "stays")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "goes"; memory = "32MiB"; }`))
	fill()
	var said string
	for i := range 2000 { // the files of the store have some room of their own
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, errs, code := h.HV(ctx, nil, "volume", "create", fmt.Sprintf("v%d", i), "--size", "1MiB")
		cancel()
		if code != 0 {
			said = errs
			break
		}
		fill()
	}
	if !strings.Contains(said, "room") && !strings.Contains(said, "space") && !strings.Contains(said, "100 % full") { // of the disk, the store or the pool
		t.Errorf("what is refused on a full disk is told as %q", said)
	}
	endBoth(h)
	startBoth(h)
	if now := h.WaitState(t.Context(), "stays", "prelaunch").Status.Power.Process.PID; now != pid {
		t.Errorf("it is process %d, and was %d", now, pid)
	}
	must(t, h, "vm", "list")
	must(t, h, "vm", "delete", "--yes", "goes")
	drain()
	must(t, h, "volume", "create", "after", "--size", "1MiB")
	must(t, h, "vm", "resume", "stays")
	must(t, h, "audit", "list")
}

func TestOnAReadOnlyDiskHvdSaysSoAndVMsGoOn(t *testing.T) {
	apart(t)
	h := onehost.New(t)
	pid := waiting(t, h, "stays")
	_ = h.EndHVD(syscall.SIGKILL)
	mount(t, h.State, h.State, "", unix.MS_BIND, "") // what QEMU has open is in the place below
	mount(t, "", h.State, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "setpriv", fmt.Sprintf("--reuid=%d", onehost.UserHVD), fmt.Sprintf("--regid=%d", onehost.UserHVD), "--clear-groups",
		"--", filepath.Join(h.Bin, "hvd"), "--state", h.State)
	out, err := cmd.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("read-only")) {
		t.Errorf("hvd on a read-only disk: %v\n%s", err, out)
	}
	if err := unix.Unmount(h.State, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	h.StartHVD()
	if now := h.WaitState(t.Context(), "stays", "prelaunch").Status.Power.Process.PID; now != pid {
		t.Errorf("it is process %d, and was %d", now, pid)
	}
}

// A real QEMU does not get the memory of its guest: the host says that it has more than it has.
func TestAQEMUThatGetsNoMemoryLeavesNothing(t *testing.T) {
	if mode, err := os.ReadFile("/proc/sys/vm/overcommit_memory"); err != nil || strings.TrimSpace(string(mode)) == "1" {
		t.Skipf("this host grants any memory: %s %v", mode, err)
	}
	apart(t)
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(meminfo), "\n")
	mount(t, file(t, "meminfo", fmt.Sprintf("MemTotal: %d kB\n%s", 1<<31, rest)), "/proc/meminfo", "", unix.MS_BIND, "")
	h := onehost.New(t)
	pid := waiting(t, h, "stays")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "late"; memory = "900GiB"; }`))
	refused(t, h, 1, []string{"late", "annot allocate memory"}, "vm", "start", "late")
	if pids := qemusOf(t, "late"); len(pids) != 0 {
		t.Errorf("processes %v of it are left", pids)
	}
	must(t, h, "vm", "resume", "stays")
	res, err := h.Client.EditVM(t.Context(), killRef("late"), []byte(`{"memory":"32MiB"}`), client.Change{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Client.WaitOperation(t.Context(), res.Operation.ID, nil); err != nil {
		t.Error(err)
	}
	must(t, h, "vm", "start", "late")
	h.WaitState(t.Context(), "late", "running")
	if now := h.WaitState(t.Context(), "stays", "running").Status.Power.Process.PID; now != pid {
		t.Errorf("it is process %d, and was %d", now, pid)
	}
}
