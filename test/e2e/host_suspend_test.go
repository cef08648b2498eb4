//go:build e2e

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// counts has a guest count on its console, in the background, for as long as it lives.
func counts(t *testing.T, h *onehost.Host, name string) {
	t.Helper()
	at(t, h, name).says(`n=3\.`, `(i=0; while :; do i=$((i+1)); echo "n=$i."; usleep 100000; done) &`)
}

var counted = regexp.MustCompile(`n=(\d+)\.`)

// count is how far a guest has counted. It must not have left out a number, nor said one twice.
func count(t *testing.T, h *onehost.Host, name string) int {
	t.Helper()
	last := 0
	for _, m := range counted.FindAllStringSubmatch(must(t, h, "vm", "logs", name), -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil || n != last+1 {
			t.Errorf("after %d its guest said %q: %v", last, m[0], err)
		}
		last = n
	}
	return last
}

// countsOn waits until a guest has counted some more.
func countsOn(t *testing.T, h *onehost.Host, name string, from int) {
	t.Helper()
	must(t, h, "vm", "console", name, "--until", "n="+strconv.Itoa(from+2)+".", "--timeout", "1m")
	if n := count(t, h, name); n < from+2 {
		t.Errorf("its guest has counted to %d, after %d", n, from)
	}
	if boots := strings.Count(must(t, h, "vm", "logs", name), "guest: ready"); boots != 1 {
		t.Errorf("its guest has booted %d times", boots)
	}
}

// file0600 wants one file of a suspended VM, whole, and hvd's alone.
func file0600(t *testing.T, h *onehost.Host) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(h.State, "saved", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(files[0], &st); err != nil || st.Mode != unix.S_IFREG|0o600 || st.Uid == 0 || st.Size < 1<<20 {
		t.Errorf("%s: mode %o of uid %d, %d bytes, %v", files[0], st.Mode, st.Uid, st.Size, err)
	}
}

func nothingSaved(t *testing.T, h *onehost.Host) {
	t.Helper()
	seen(t, h, "web", "its file to go", func(p vm.PowerStatus) bool { return p.Saved == nil })
	if files, err := filepath.Glob(filepath.Join(h.State, "saved", "*")); err != nil || len(files) > 0 {
		t.Errorf("%q is left, %v", files, err)
	}
}

func TestASuspendedVMCountsOnWhereItStopped(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "root", "--size", "64MiB")
	must(t, h, "volume", "create", "data", "--size", "64MiB")
	lively(t, h, "web", `disks.root.volume = "root"; nics.lan.network = "user"; cdroms.cd = {}; graphics = {}; watchdog = {};`, "")
	must(t, h, "vm", "edit", "web", "--set", "disks.data.volume=data") // while it runs
	counts(t, h, "web")
	pid := h.WaitState(t.Context(), "web", "running").Status.Power.Process.PID

	must(t, h, "vm", "suspend", "web")
	must(t, h, "vm", "wait", "web", "--for", "suspended", "--timeout", "10s")
	before := count(t, h, "web")
	file0600(t, h)
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("its QEMU is there: %v", err)
	}
	out := must(t, h, "vm", "show", "web")
	for _, want := range []string{"vm web: suspended", "saved state", "by QEMU"} {
		if !strings.Contains(out, want) {
			t.Errorf("hv vm show does not say %q:\n%s", want, out)
		}
	}
	if out := must(t, h, "vm", "show", "web", "-o", "json"); !strings.Contains(out, `"phase": "saved"`) {
		t.Errorf("%s", out)
	}
	must(t, h, "vm", "edit", "web", "--set", "cpus=2")
	if out := must(t, h, "vm", "show", "web"); !strings.Contains(out, "pending resume and restart") {
		t.Errorf("hv vm show does not say what waits:\n%s", out)
	}
	refused(t, h, 1, []string{"HV-VM-025"}, "vm", "pause", "web")
	endBoth(h)
	startBoth(h)
	h.WaitState(t.Context(), "web", "suspended")

	must(t, h, "vm", "start", "web")
	countsOn(t, h, "web", before)
	nothingSaved(t, h)
	p := h.WaitState(t.Context(), "web", "running").Status.Power
	if p.Process.PID == pid || p.Process.Started.Disks["data"].Volume != "data" || len(p.Pending) != 1 || p.Pending[0] != "cpus" {
		t.Errorf("%+v", p)
	}

	must(t, h, "vm", "suspend", "web")
	must(t, h, "vm", "start", "--discard-suspend", "web")
	up(t, h, "web")
	nothingSaved(t, h)
	if p := h.WaitState(t.Context(), "web", "running").Status.Power; p.Process.Started.CPUs != 2 || len(p.Pending) > 0 {
		t.Errorf("%+v", p)
	}
	must(t, h, "vm", "suspend", "web")
	must(t, h, "vm", "delete", "--yes", "web")
	if files, err := filepath.Glob(filepath.Join(h.State, "saved", "*")); err != nil || len(files) > 0 {
		t.Errorf("%q is left, %v", files, err)
	}
}

// kill -9 of the daemon in the middle of a save, and of going on: what comes of it is the old or the new, and never a guest
// that has lost or said twice what it counts.
func TestAKillInTheMiddleOfASaveOrOfGoingOnLeavesTheOldOrTheNew(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "root", "--size", "64MiB", "--format", "qcow2")
	more := `disks.root.volume = "root"; onReboot = "stop";`
	if _, err := os.Stat("/usr/share/OVMF/OVMF_VARS_4M.fd"); err == nil { // its variables are memory and a file at once
		more += ` firmware = "uefi";`
	}
	lively(t, h, "web", more, "")
	counts(t, h, "web")
	const ms = time.Millisecond
	for _, cut := range []struct{ save, load time.Duration }{{0, 160 * ms}, {10 * ms, 90 * ms}, {40 * ms, 300 * ms}, {90 * ms, 0}, {160 * ms, 220 * ms}} {
		from := count(t, h, "web")
		must(t, h, "vm", "suspend", "web", "--no-wait")
		time.Sleep(cut.save) // anywhere: where it falls is of no consequence to what is wanted
		_ = h.EndHVD(syscall.SIGKILL)
		h.StartHVD()
		seen(t, h, "web", "it to be suspended", func(p vm.PowerStatus) bool { return p.State == vm.StateSuspended })
		file0600(t, h)
		must(t, h, "vm", "start", "web", "--no-wait")
		time.Sleep(cut.load)
		_ = h.EndHVD(syscall.SIGKILL)
		h.StartHVD()
		seen(t, h, "web", "it to go on", func(p vm.PowerStatus) bool { return p.State == vm.StateRunning })
		countsOn(t, h, "web", from)
		nothingSaved(t, h)
	}
}

func TestASaveThatIsCancelledLeavesTheGuestCounting(t *testing.T) {
	h := bootable(t)
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", strings.Replace(tiny("web", ""), "256MiB", "512MiB", 1)))
	must(t, h, "vm", "start", "web")
	at(t, h, "web").says(`full\.`, `head -c 160000000 /dev/zero | tr '\0' x > /tmp/x; echo fu''ll.`) // so that it takes a while
	counts(t, h, "web")
	pid := h.WaitState(t.Context(), "web", "running").Status.Power.Process.PID
	from := count(t, h, "web")
	res, err := h.Client.PowerVM(t.Context(), model.Ref{Name: "web"}, vm.VerbSuspend, wire.VerbOptions{}, client.Change{})
	if err != nil {
		t.Fatal(err)
	}
	_, errs, code := h.HV(t.Context(), nil, "operation", "cancel", res.Operation.ID)
	if code != 0 {
		t.Skipf("it was saved before it could be cancelled: %s", errs)
	}
	p := seen(t, h, "web", "it to run on", func(p vm.PowerStatus) bool { return p.State == vm.StateRunning && p.Saved == nil })
	if p.Process.PID != pid {
		t.Errorf("process %d after %d", p.Process.PID, pid)
	}
	countsOn(t, h, "web", from)
	nothingSaved(t, h)
}

func TestOnADiskWithoutRoomAVMIsNotSuspendedAndRunsOn(t *testing.T) {
	h, _, _ := onSmallDisk(t)
	pid := waiting(t, h, "web")
	must(t, h, "vm", "start", "web")
	refused(t, h, 1, []string{"HV-VM-082", "may need 96.5MiB", "are free"}, "vm", "suspend", "web")
	p := h.WaitState(t.Context(), "web", "running").Status.Power
	if p.Process.PID != pid || p.Saved != nil {
		t.Errorf("%+v", p)
	}
	if files, err := os.ReadDir(filepath.Join(h.State, "saved")); err != nil || len(files) > 0 {
		t.Errorf("%q is left, %v", files, err)
	}
}
