//go:build e2e

package e2e

import (
	"crypto/md5" //nolint:gosec // what busybox in the guest has, against accidents
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// writes has a guest write all over its disk until it is told to stop.
const writes = `(i=0; while [ ! -e /tmp/stop ]; do dd if=/dev/urandom of=/dev/vda bs=64k seek=$((i%900)) count=8 conv=notrunc 2>/dev/null; i=$((i+37)); done; echo >/tmp/stopped) & echo "begun=$((0+1))."`

// comesToRest has the guest stop that, and say what is on its disk.
const comesToRest = `echo >/tmp/stop; until [ -e /tmp/stopped ]; do sleep 0.1; done; rm /tmp/stop /tmp/stopped; echo "is=$(` + sum + `)."`

var isSum = regexp.MustCompile(`is=([0-9a-f]{32})`)

func sumOf(t *testing.T, said string) string {
	t.Helper()
	m := isSum.FindStringSubmatch(said)
	if m == nil {
		t.Fatalf("the guest says %q", said)
	}
	return m[1]
}

// md5In is the MD5 of the one raw file in a folder.
func md5In(t *testing.T, folder string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*.raw"))
	if err != nil || len(found) != 1 {
		t.Fatalf("in %s are %v, %v", folder, found, err)
	}
	f, err := os.Open(found[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	digest := md5.New() //nolint:gosec // as above
	if _, err := io.Copy(digest, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", digest.Sum(nil))
}

// A disk is moved and cloned while its guest writes to it; the guest runs on and finds what it wrote, and so does whoever
// reads the file.
func TestADiskIsMovedAndClonedWhileItsGuestWritesToIt(t *testing.T) {
	h := bootable(t)
	other := poolAt(t, h, "fast")
	must(t, h, "volume", "create", "root", "--size", "64MiB")
	lively(t, h, "web", `disks.root = { volume = "root"; iothread = "io"; };`, "")
	before := h.WaitState(t.Context(), "web", "running").Status.Power.Process.PID
	g := at(t, h, "web")
	g.says(`begun=1\.`, writes)
	must(t, h, "volume", "move", "root", "--pool", "fast")
	want := sumOf(t, g.says(`is=\w{32}`, comesToRest))
	if left, _ := filepath.Glob(filepath.Join(h.State, "pool", "*.raw")); len(left) != 0 {
		t.Errorf("left in its old pool: %v", left)
	}
	g.says(`begun=1\.`, writes)
	out := must(t, h, "volume", "clone", "root", "copy", "--pool", "default", "-o", "json")
	if !strings.Contains(out, "HV-VOL-035") {
		t.Errorf("it is not said of what moment the clone is:\n%s", out)
	}
	g.says(`is=\w{32}`, comesToRest)
	g.says(`set=1\.`, `dd if=/dev/zero of=/dev/vda bs=1M count=64 conv=notrunc 2>/dev/null; sync; echo "set=$((0+1))."`)
	if now := h.WaitState(t.Context(), "web", "running").Status.Power.Process.PID; now != before {
		t.Errorf("it is process %d, and was %d", now, before)
	}
	must(t, h, "vm", "kill", "web")
	if got := md5In(t, other); got == want {
		t.Error("what the guest wrote last is not in the file that it was moved to")
	}
	must(t, h, "vm", "start", "web") // nobody holds the clone, nor what it was moved to
	must(t, h, "volume", "attach", "copy", "web")
	g = at(t, h, "web")
	g.says(`empty=no\.`, `until [ -e /dev/vdb ]; do sleep 0.1; done; echo "empty=$([ "$(md5sum </dev/vdb)" = "$(md5sum </dev/vda)" ] && echo yes || echo no)."`)
}

// Whatever dies in the middle of it, the disk is whole in one of the two places, and nothing is left in the other.
func TestKillsInTheMiddleOfAMoveUnderAGuestLeaveTheOldOrTheNew(t *testing.T) {
	h := bootable(t)
	other := poolAt(t, h, "other")
	must(t, h, "volume", "create", "root", "--size", "64MiB")
	lively(t, h, "web", `disks.root.volume = "root";`, "")
	g := at(t, h, "web")
	said := g.says(`is=\w{32}`, `dd if=/dev/urandom of=/dev/vda bs=1M count=24 2>/dev/null; echo "is=$(`+sum+`)."`)
	want := sumOf(t, said)

	slow := begin(t, h, "other", 4*model.MiB)
	if err := h.EndHVD(syscall.SIGKILL); err == nil {
		t.Fatal("hvd that is killed ends well")
	}
	h.StartHVD()
	must(t, h, "operation", "wait", slow)
	if got := md5In(t, other); got != want {
		t.Errorf("after a kill of hvd it holds %s and not %s", got, want)
	}
	h.WaitState(t.Context(), "web", "running")

	slow = begin(t, h, "default", model.MiB)
	if err := syscall.Kill(h.WaitState(t.Context(), "web", "running").Status.Power.Process.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	refused(t, h, 1, []string{"has ended"}, "operation", "wait", slow)
	if got := md5In(t, other); got != want {
		t.Errorf("after a kill of QEMU it holds %s and not %s", got, want)
	}
	if left, _ := filepath.Glob(filepath.Join(h.State, "pool", "*.raw")); len(left) != 0 {
		t.Errorf("left where it did not arrive: %v", left)
	}
	must(t, h, "vm", "start", "web")
	g = at(t, h, "web")
	if now := sumOf(t, g.says(`is=\w{32}`, `echo "is=$(`+sum+`)."`)); now != want {
		t.Errorf("its guest reads %s and not %s", now, want)
	}

	slow = begin(t, h, "default", model.MiB)
	must(t, h, "operation", "cancel", slow)
	h.WaitState(t.Context(), "web", "running")
	if got := md5In(t, other); got != want {
		t.Errorf("after a cancel it holds %s and not %s", got, want)
	}
}

// begin begins to move the volume root so slowly that something can happen meanwhile, and returns the operation.
func begin(t *testing.T, h *onehost.Host, pool string, limit model.Bytes) string {
	t.Helper()
	res, err := h.Client.MoveVolume(t.Context(), model.Ref{Project: model.DefaultProject, Name: "root"}, wire.MoveVolume{Pool: pool, Limit: limit}, client.Change{})
	if err != nil {
		t.Fatal(err)
	}
	op := res.Operation.ID
	for {
		o, err := h.Client.Operation(t.Context(), op)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(o.Steps); o.State == operation.Running && n > 0 && o.Steps[n-1].Progress != nil {
			return op
		}
		if o.State.Ended() || t.Context().Err() != nil {
			t.Fatalf("it has ended before anything could happen: %+v\n%s", o, h.Logs())
		}
	}
}
