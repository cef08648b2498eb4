//go:build linux

package reconcile_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// written makes a volume with something in its middle, and returns what it holds.
func written(t *testing.T, d *fakehost.Daemon) []byte {
	t.Helper()
	d.Done(d.Volume("data"))
	f, err := os.OpenFile(d.VolumeFile("data"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("what the guest wrote"), 300000); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(d.VolumeFile("data"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func holds(t *testing.T, d *fakehost.Daemon, name string, want []byte) {
	t.Helper()
	if got, err := os.ReadFile(d.VolumeFile(name)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("volume %s does not hold what it was copied from (%d bytes, %v)", name, len(got), err)
	}
}

func TestAFullCloneHoldsTheSameAndStandsAlone(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	content := written(t, d)
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	res, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy"})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	holds(t, d, "copy", content)
	v := stored(t, h, "copy")
	if src := stored(t, h, "data"); src.Frozen || len(src.Copiers) > 0 || v.Source != nil || len(v.Chain()) != 1 {
		t.Errorf("the source is %+v, the copy %+v", src, v)
	}
	d.Done(d.Verb("start", "web"))
	if _, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "more"}); fault.CodeOf(err) != "HV-VOL-032" {
		t.Errorf("while a VM writes to it: %v", err)
	}
}

func TestAVolumeIsMovedWithWhatIsOnItAndItsVMStartsFromThere(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	h.SecondPool()
	content := written(t, d)
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	res, err := d.Actions.MoveVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), "second")
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	holds(t, d, "data", content)
	if old, now := h.PoolFiles("pool"), h.PoolFiles("second"); len(old) != 0 || len(now) != 1 {
		t.Errorf("left is %v, there is %v", old, now)
	}
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
	for pool, code := range map[string]string{"default": "HV-VOL-032", "none": "HV-POOL-001"} {
		if _, err := d.Actions.MoveVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), pool); fault.CodeOf(err) != code {
			t.Errorf("into pool %s while a VM writes to it: %v", pool, err)
		}
	}
}

// A snapshot would put back layers that are in the old pool; a full clone of what stands on one needs none of them.
func TestAVolumeOfASnapshotStaysWhereItIsAndCanBeClonedInFull(t *testing.T) {
	h := fakehost.New(t)
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	done(t, take(t, d, "one", false))
	if _, err := d.Actions.MoveVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), "second"); fault.CodeOf(err) != "HV-SNAP-005" {
		t.Errorf("a volume that a snapshot is of is moved: %v", err)
	}
	res, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy"})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	if v := stored(t, h, "copy"); len(v.Chain()) != 1 {
		t.Errorf("the copy is %+v", v)
	}
	backToOne(t, d)
}
