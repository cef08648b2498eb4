//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/fit"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// checked is what hv host check says.
func checked(t *testing.T, h *onehost.Host, args ...string) (r fit.Report) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, h, append([]string{"host", "check", "-o", "json"}, args...)...)), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestADaemonKnowsWhatHVAloneCannotAsk(t *testing.T) {
	h := onehost.New(t)
	withDaemon, alone := checked(t, h), checked(t, h, "--host", "self")
	answer := func(r fit.Report, id string) fit.Answer {
		for _, f := range r.Features {
			if string(f.ID) == id {
				return f.Answer
			}
		}
		t.Fatal("nothing is said of ", id)
		return ""
	}
	if got := answer(withDaemon, "vmManagement"); got != fit.Yes {
		t.Errorf("VMs run here, and the check says %s", got)
	}
	if got := answer(alone, "vmManagement"); got != fit.NotAsked {
		t.Errorf("nobody asked QEMU, and the check says %s", got)
	}
	if withDaemon.Facts.KVM == nil || withDaemon.Facts.QEMU == nil || len(withDaemon.Facts.QEMU.BlockDrivers) == 0 || alone.Facts.KVM != nil {
		t.Errorf("with a daemon KVM is %+v and QEMU %+v; without %+v", withDaemon.Facts.KVM, withDaemon.Facts.QEMU, alone.Facts.KVM)
	}
	facts := file(t, "facts.json", must(t, h, "host", "check", "-o", "json"))
	declaration := file(t, "d.json", `{"hypervisor": {"featureManager": {"profile": "custom", "enabledFeatures": []}}}`)
	must(t, h, "config", "check", declaration, "--host", facts)
}

// swap makes a swap area, which is a fact that a test can bring about on any machine. It is off when the test ends.
func swap(t *testing.T) (on, off func()) {
	t.Helper()
	area := filepath.Join(t.TempDir(), "swap")
	if err := os.WriteFile(area, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(name string) ([]byte, error) { return exec.Command(name, area).CombinedOutput() } //nolint:noctx // a cleanup calls it too
	for _, name := range []string{"mkswap", "swapon", "swapoff"} {
		if out, err := call(name); err != nil {
			t.Skipf("no swap area can be used here: %s: %v: %s", name, err, out)
		}
	}
	t.Cleanup(func() { _, _ = call("swapoff") })
	must := func(name string) func() {
		return func() {
			t.Helper()
			if out, err := call(name); err != nil {
				t.Fatalf("%s: %v: %s", name, err, out)
			}
		}
	}
	return must("swapon"), must("swapoff")
}

// tell has the kernel tell of a CPU, as if it had come: the real event, whose only news is that something may have
// changed.
func tell(t *testing.T) {
	t.Helper()
	if err := os.WriteFile("/sys/devices/system/cpu/cpu0/uevent", []byte("change"), 0); err != nil {
		t.Skip("the kernel cannot be made to tell of a device: ", err)
	}
}

// hostEvent waits for the next change of the host, from a revision on.
func hostEvent(t *testing.T, h *onehost.Host, from int64) (ev wire.Event) {
	t.Helper()
	out := must(t, h, "events", "--type", "host.changed", "--limit", "1", "-o", "json", "--from", strconv.FormatInt(from, 10))
	if err := json.Unmarshal([]byte(out), &ev); err != nil {
		t.Fatal(err)
	}
	return ev
}

const (
	swapOn  = `{"what":"Host: swap","before":"yes","after":"limited"`
	swapOff = `{"what":"Host: swap","before":"limited","after":"yes"`
)

func TestAHostIsLookedAtAgainWhenTheKernelTellsOfADevice(t *testing.T) {
	h := onehost.New(t)
	on, off := swap(t)
	on()
	tell(t)
	ev := hostEvent(t, h, 1)
	if !strings.Contains(string(ev.Data), swapOn) {
		t.Errorf("the event tells %s", ev.Data)
	}
	if codes, _ := findings(t, h); !told(codes, "HV-HOST-007") {
		t.Errorf("hv host finds %v", codes)
	}
	off()
	tell(t)
	if ev = hostEvent(t, h, ev.Revision+1); !strings.Contains(string(ev.Data), swapOff) {
		t.Errorf("the event tells %s", ev.Data)
	}
	if codes, _ := findings(t, h); told(codes, "HV-HOST-007") {
		t.Errorf("it is as it was, and hv host finds %v", codes)
	}
}

func TestWhatChangedWhileNoDaemonRanIsToldByTheNext(t *testing.T) {
	h := onehost.New(t)
	on, _ := swap(t)
	if err := h.EndHVD(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	on()
	h.StartHVD()
	if ev := hostEvent(t, h, 1); !strings.Contains(string(ev.Data), swapOn) {
		t.Errorf("the event tells %s", ev.Data)
	}
}
