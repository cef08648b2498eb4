//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// takes waits until a VM's schedule has taken a set after another, and returns its name.
func takes(t *testing.T, h *onehost.Host, after string) string {
	t.Helper()
	for {
		st := snapshotsOf(t, h).Schedule
		if st == nil {
			t.Fatal("the list says nothing of a schedule")
		}
		if run := st.Last; run != nil && run.Snapshot != after && run.State != vm.ScheduledTaking {
			if run.State != vm.ScheduledTaken {
				t.Fatalf("%+v", run)
			}
			return run.Snapshot
		}
		time.Sleep(100 * time.Millisecond) // it is due by the clock on the wall
	}
}

// Taken at their time, by hvd alone; one stays, as its VM says, and what somebody has taken stays too.
func TestAScheduleTakesSnapshotsAndHasThoseGoThatAreTooMany(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "root", "--size", "64MiB")
	lively(t, h, "web", `disks.root.volume = "root";`, "")
	must(t, h, "snapshot", "create", "web", "mine")
	last := ""
	for range 2 {
		due := time.Now().Add(3 * time.Second)
		must(t, h, "vm", "edit", "web", "--set", "snapshots.every=hourly", "--set", "snapshots.at="+due.Format(":04:05"), "--set", "snapshots.keep.last=1")
		last = takes(t, h, last)
	}
	afterAll(t, h)
	all := snapshotsOf(t, h)
	if len(all.Items) != 2 || all.Items[0].Name != "mine" || all.Items[1].Name != last || !all.Items[1].Scheduled {
		t.Errorf("left are %+v", all.Items)
	}
	if said := must(t, h, "snapshot", "prune", "web", "--dry-run"); !strings.Contains(said, "keep "+last+": last (1 of 1)") || !strings.Contains(said, "keep mine: taken by hand") {
		t.Errorf("prune says:\n%s", said)
	}
	if said := must(t, h, "vm", "show", "web"); !strings.Contains(said, last+": taken") || !strings.Contains(said, "next snapshot") {
		t.Errorf("show says:\n%s", said)
	}
	var by []string
	for op, err := range h.Client.Operations(t.Context(), client.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if op.Actor.Via == "schedule" {
			by = append(by, op.Action)
		}
	}
	slices.Sort(by)
	if got := strings.Join(by, " "); got != "snapshot.create snapshot.create snapshot.prune" {
		t.Errorf("by schedule it was asked for %s", got)
	}
}

// What a guest writes to is cloned under it; a set is cloned in full into another pool, where it stands on nothing.
func TestADiskIsClonedUnderItsGuestAndASetInFull(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "root", "--size", "64MiB")
	lively(t, h, "web", `disks.root.volume = "root";`, "")
	writesAt(t, h, "urandom", 8, 0)
	want := diskSum(t, h)
	pid := qemusOf(t, "web")
	must(t, h, "volume", "clone", "root", "now", "--linked")
	writesAt(t, h, "zero", 4, 2)
	changed := diskSum(t, h)
	if changed == want || !slices.Equal(pid, qemusOf(t, "web")) || len(snapshotsOf(t, h).Items) != 0 {
		t.Errorf("its guest reads %s and %s, in processes %v and %v", want, changed, pid, qemusOf(t, "web"))
	}
	lively(t, h, "other", `disks.root.volume = "now";`, "")
	if got := diskSumOf(t, h, "other"); got != want {
		t.Errorf("the clone reads %s, and not %s", got, want)
	}
	folder := poolAt(t, h, "own")
	must(t, h, "snapshot", "create", "web", "one")
	writesAt(t, h, "urandom", 4, 8)
	must(t, h, "snapshot", "clone", "web", "one", "copy", "--full", "--pool", "own")
	if files := layerFiles(t, folder); len(files) != 1 {
		t.Errorf("in its pool are %v", files)
	}
	if _, err := h.Client.Volume(t.Context(), model.Ref{Project: model.DefaultProject, Name: "copy-root-linked"}); err == nil {
		t.Error("what it was made by way of is left")
	}
	if v, err := h.Client.Volume(t.Context(), model.Ref{Project: model.DefaultProject, Name: "copy-root"}); err != nil || v.Spec.Pool != "own" {
		t.Errorf("%+v, %v", v, err)
	}
	must(t, h, "vm", "start", "copy")
	up(t, h, "copy")
	if got := diskSumOf(t, h, "copy"); got != changed {
		t.Errorf("the full clone reads %s, and not %s", got, changed)
	}
}
