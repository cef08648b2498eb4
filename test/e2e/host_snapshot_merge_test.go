//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// layerFiles are what a pool keeps of volumes.
func layerFiles(t *testing.T, folder string) []string {
	t.Helper()
	all, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range all {
		if strings.HasSuffix(e.Name(), ".raw") || strings.HasSuffix(e.Name(), ".qcow2") {
			out = append(out, e.Name())
		}
	}
	return out
}

// asked makes what each guest is to say another: its console shows what was said before.
var asked int

func word() string {
	asked++
	return fmt.Sprintf("w%d", asked)
}

// diskSum is what a guest reads from its disk.
func diskSum(t *testing.T, h *onehost.Host) string {
	t.Helper()
	return diskSumOf(t, h, "web")
}

func diskSumOf(t *testing.T, h *onehost.Host, name string) string {
	t.Helper()
	w := word()
	said := at(t, h, name).says(w+`=\w{32}\.`, `echo "`+w+`=$(`+sum+` | cut -c1-32)."`)
	found := regexp.MustCompile(w + `=(\w{32})\.`).FindStringSubmatch(said)
	if found == nil {
		t.Fatalf("its guest says %q", said)
	}
	return found[1]
}

// writesAt has a guest write to its disk.
func writesAt(t *testing.T, h *onehost.Host, from string, mib, at0 int) {
	t.Helper()
	w := word()
	at(t, h, "web").says(w+`=1\.`, fmt.Sprintf(`dd if=/dev/%s of=/dev/vda bs=1M count=%d seek=%d conv=fsync 2>/dev/null; echo "%s=$((0+1))."`, from, mib, at0, w))
}

// layered is a VM that runs, on a disk of four layers in a pool of its own.
func layered(t *testing.T) (h *onehost.Host, folder string) {
	t.Helper()
	h = bootable(t)
	folder = poolAt(t, h, "own")
	must(t, h, "volume", "create", "root", "--size", "64MiB", "--pool", "own")
	lively(t, h, "web", `disks.root.volume = "root";`, "")
	writesAt(t, h, "urandom", 24, 0)
	for i, name := range []string{"one", "two", "three"} {
		must(t, h, "snapshot", "create", "web", name)
		writesAt(t, h, "urandom", 4, 4+3*i)
	}
	return h, folder
}

// Its guest reads the same all the while; what is left is one file, also for the QEMU that comes next.
func TestDeletedSnapshotsGiveTheirRoomBackUnderAGuestThatRuns(t *testing.T) {
	h, folder := layered(t)
	want := diskSum(t, h)
	for i, name := range []string{"two", "one", "three"} {
		must(t, h, "snapshot", "delete", "web", name, "--yes")
		if files := layerFiles(t, folder); len(files) != 3-i {
			t.Errorf("snapshot %s is deleted, and there are %v", name, files)
		}
		if got := diskSum(t, h); got != want {
			t.Fatalf("after %s was deleted its guest reads %s, and not %s", name, got, want)
		}
	}
	writesAt(t, h, "zero", 1, 1)
	want = diskSum(t, h)
	must(t, h, "vm", "kill", "web")
	must(t, h, "vm", "start", "web")
	up(t, h, "web")
	if got := diskSum(t, h); got != want {
		t.Errorf("another QEMU reads %s, and not %s", got, want)
	}
	must(t, h, "snapshot", "create", "web", "again")
	must(t, h, "vm", "kill", "web")
	must(t, h, "snapshot", "delete", "web", "again", "--yes")
	if files := layerFiles(t, folder); len(files) != 1 {
		t.Errorf("there are %v", files)
	}
	must(t, h, "vm", "start", "web")
	up(t, h, "web")
	if got := diskSum(t, h); got != want {
		t.Errorf("what was merged while it was off reads %s, and not %s", got, want)
	}
}

// afterAll waits until nothing is under way.
func afterAll(t *testing.T, h *onehost.Host) {
	t.Helper()
	for {
		under := false
		for op, err := range h.Client.Operations(t.Context(), client.ListOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			under = under || !op.State.Ended()
		}
		if !under {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// killed kills hvd, which is started again, or the VM's QEMU.
func killed(t *testing.T, h *onehost.Host, who string) {
	t.Helper()
	if who == "hvd" {
		_ = h.EndHVD(syscall.SIGKILL)
		h.StartHVD()
		return
	}
	if pids := qemusOf(t, "web"); len(pids) > 0 {
		ends(t, pids[0])
	}
}

// alive has the VM run again where its QEMU was killed.
func alive(t *testing.T, h *onehost.Host) {
	t.Helper()
	afterAll(t, h)
	for {
		state := h.WaitState(t.Context(), "web", "running", "off", "crashed").Status.Power.State
		if state == vm.StateRunning && len(qemusOf(t, "web")) > 0 {
			return
		}
		if state != vm.StateRunning {
			must(t, h, "vm", "start", "web")
			up(t, h, "web")
			return
		}
		time.Sleep(20 * time.Millisecond) // its end is not noticed yet
	}
}

// Killed in the middle of a snapshot, of one that is deleted, or of going back: its guest finds what it wrote, old or new.
func TestAKillInTheMiddleOfASnapshotLeavesTheOldOrTheNew(t *testing.T) {
	h, folder := layered(t)
	want := diskSum(t, h)
	ref := model.Ref{Project: model.DefaultProject, Name: "web"}
	reads := func(after string) {
		t.Helper()
		alive(t, h)
		if got := diskSum(t, h); got != want {
			t.Fatalf("after %s its guest reads %s, and not %s", after, got, want)
		}
	}
	for i, who := range []string{"hvd", "qemu"} {
		name := "k" + who
		if _, err := h.Client.CreateSnapshot(t.Context(), ref, wire.CreateSnapshot{Name: name}, client.Change{}); err != nil {
			t.Fatal(err)
		}
		killed(t, h, who)
		reads("a kill of " + who + " while a snapshot was taken")
		gone := []string{"two", "one"}[i]
		if _, err := h.Client.DeleteSnapshot(t.Context(), ref, gone, client.Change{}); err != nil {
			t.Fatal(err)
		}
		killed(t, h, who)
		reads("a kill of " + who + " while snapshot " + gone + " was deleted")
	}
	all := snapshotsOf(t, h)
	if slices.ContainsFunc(all.Items, func(s wire.Snapshot) bool { return s.Name == "one" || s.Name == "two" }) {
		t.Errorf("what was deleted is there: %+v", all.Items)
	}
	for _, who := range []string{"hvd", "qemu"} {
		if _, err := h.Client.RestoreSnapshot(t.Context(), ref, "three", client.Change{}); err != nil {
			t.Fatal(err)
		}
		killed(t, h, who)
		alive(t, h)
		got := diskSum(t, h)
		if who == "qemu" && got != want {
			t.Errorf("after going back twice it reads %s and %s", want, got)
		}
		want = got
	}
	var names []string
	for _, s := range snapshotsOf(t, h).Items {
		names = append(names, s.Name)
	}
	must(t, h, append(append([]string{"snapshot", "delete", "web"}, names...), "--yes")...)
	reads("all were deleted")
	if files := layerFiles(t, folder); len(files) != 1 {
		t.Errorf("there are %v", files)
	}
}
