//go:build linux

package reconcile_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
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
	res, err = d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "more"})
	if err != nil {
		t.Fatal(err)
	}
	if end := d.Done(*res.Operation); len(end.Findings) != 1 || end.Findings[0].Code != "HV-VOL-035" || end.Findings[0].Severity != finding.Limited {
		t.Errorf("it is not said what a copy of a guest without an agent is: %+v", end.Findings)
	}
	holds(t, d, "more", content)
	if src := stored(t, h, "data"); len(src.Copiers) > 0 || stored(t, h, "more").Source != nil {
		t.Errorf("it is said to be copied still: %+v", src)
	}
	d.Done(d.Verb("stop", "web")) // its QEMU has let go of the copy
}

func TestAVolumeIsMovedWithWhatIsOnItAndItsVMStartsFromThere(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	h.SecondPool()
	content := written(t, d)
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	res, err := d.Actions.MoveVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.MoveVolume{Pool: "second"})
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
	if _, err := d.Actions.MoveVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.MoveVolume{Pool: "none"}); fault.CodeOf(err) != "HV-POOL-001" {
		t.Errorf("into a pool that there is not: %v", err)
	}
}

func TestAVolumeIsMovedUnderItsGuestWhichRunsOn(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	h.SecondPool()
	content := written(t, d)
	d.Done(d.Create(fakehost.Tiny("web", withData, func(def *vm.Definition) { def.Power = vm.On })))
	was := d.State("web", vm.StateRunning).Process.PID
	d.Done(move(t, d, "second"))
	holds(t, d, "data", content)
	if old, now := h.PoolFiles("pool"), h.PoolFiles("second"); len(old) != 0 || len(now) != 1 {
		t.Errorf("left is %v, there is %v", old, now)
	}
	v := stored(t, h, "data")
	heads, err := d.VMs.Heads(t.Context(), d.VM("web").Spec.UUID)
	if err != nil || !plan.IsLayer(v.Head(), heads["disk-root"]) || v.Spec.Pool != "second" || v.Moving != nil || len(v.Leaving) != 0 {
		t.Errorf("its guest writes to %v, %v; the volume is %+v", heads, err, v)
	}
	d.Done(move(t, d, "default")) // and back, of a disk that is a layer by now
	res, err := d.Actions.ResizeVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), 3*model.MiB)
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	if now := d.Power("web").Process.PID; now != was {
		t.Errorf("it is process %d and was %d", now, was)
	}
	d.Done(d.Verb("stop", "web"))
	d.Done(d.Verb("start", "web"))
	if len(h.PoolFiles("second")) != 0 || len(h.PoolFiles("pool")) != 1 {
		t.Errorf("left are %v and %v", h.PoolFiles("pool"), h.PoolFiles("second"))
	}
}

func move(t *testing.T, d *fakehost.Daemon, pool string) operation.Operation {
	t.Helper()
	res, err := d.Actions.MoveVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.MoveVolume{Pool: pool, Limit: 100 * model.MiB})
	if err != nil {
		t.Fatal(err)
	}
	return *res.Operation
}

// beingMoved is a volume under a guest that is being copied, and never has been.
func beingMoved(t *testing.T, h *fakehost.Host) (*fakehost.Daemon, operation.Operation) {
	t.Helper()
	d := h.Start()
	h.SecondPool()
	d.Guest("web", fakeqemu.Options{Copies: true})
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData, func(def *vm.Definition) { def.Power = vm.On })))
	op := move(t, d, "second")
	d.Until("it to be copied", func() bool { return len(h.PoolFiles("second")) == 1 })
	return d, op
}

func stayed(t *testing.T, h *fakehost.Host) {
	t.Helper()
	v := stored(t, h, "data")
	if v.Spec.Pool != "default" || v.Moving != nil || len(h.PoolFiles("second")) != 0 || len(h.PoolFiles("pool")) != 1 {
		t.Errorf("it has not stayed where it was: %+v, files %v and %v", v, h.PoolFiles("pool"), h.PoolFiles("second"))
	}
}

// What would end the copy, or take the disk from under it, is refused while that goes on.
func TestADiskThatIsMovedUnderItsGuestIsNotTakenAwayNorItsVMSaved(t *testing.T) {
	h := fakehost.New(t)
	d, _ := beingMoved(t, h)
	if err := d.Refused("suspend", "web"); fault.CodeOf(err) != "HV-VOL-009" {
		t.Errorf("a suspend: %v", err)
	}
	none := []byte(`{"disks":{"root":null}}`)
	if _, err := d.Actions.EditVM(t.Context(), fakehost.Member, fakehost.Ref("web"), none); fault.CodeOf(err) != "HV-VOL-009" {
		t.Errorf("a detach: %v", err)
	}
}

func TestAMoveUnderAGuestThatIsCancelledLeavesTheOldAndTheGuestRuns(t *testing.T) {
	h := fakehost.New(t)
	d, op := beingMoved(t, h)
	if _, err := d.Actions.CancelOperation(t.Context(), fakehost.Member, op.ID); err != nil {
		t.Fatal(err)
	}
	if end := d.Ended(op); end.State != operation.Cancelled {
		t.Errorf("it is %s: %+v", end.State, end.Error)
	}
	stayed(t, h)
	d.State("web", vm.StateRunning)
}

func TestAVMThatDiesWhileItsDiskIsMovedLeavesTheOldAndStartsAgain(t *testing.T) {
	h := fakehost.New(t)
	d, op := beingMoved(t, h)
	d.Murder("web")
	if end := d.Ended(op); end.State != operation.Failed || end.Error == nil {
		t.Errorf("it is %s: %+v", end.State, end.Error)
	}
	stayed(t, h)
	d.State("web", vm.StateCrashed)
	d.Done(d.Verb("start", "web"))
}

// QEMU may fail at the very last, when the volume is said to be the new one already: its guest goes on with the old, and so
// does the volume, or what the guest writes from then on would go with the old file.
func TestAVolumeStaysWithItsGuestWhereQEMUDoesNotChangeOver(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	h.SecondPool()
	content := written(t, d)
	d.Guest("web", fakeqemu.Options{Stays: true})
	d.Done(d.Create(fakehost.Tiny("web", withData, func(def *vm.Definition) { def.Power = vm.On })))
	was := d.State("web", vm.StateRunning).Process.PID
	op := move(t, d, "second")
	if end := d.Ended(op); end.State != operation.Failed || end.Error == nil || end.Error.Code != "HV-VOL-034" {
		t.Errorf("it is %s: %+v", end.State, end.Error)
	}
	d.Until("what was copied to go", func() bool { return len(h.PoolFiles("second")) == 0 })
	stayed(t, h)
	holds(t, d, "data", content)
	heads, err := d.VMs.Heads(t.Context(), d.VM("web").Spec.UUID)
	if now := d.Power("web").Process.PID; err != nil || now != was || plan.IsLayer(stored(t, h, "data").Head(), heads["disk-root"]) != (heads["disk-root"] != "") {
		t.Errorf("it is process %d and was %d; it writes to %v, %v", now, was, heads, err)
	}
	d.Guest("web", fakeqemu.Options{})
	d.Done(d.Verb("stop", "web"))
	d.Done(d.Verb("start", "web"))
	d.Done(move(t, d, "second"))
}

// Where the daemon ends QEMU copies on; the next one takes it up, and gives it up where it is asked to.
func TestAMoveUnderAGuestGoesOnWithoutADaemonAndIsTakenUpByTheNext(t *testing.T) {
	h := fakehost.New(t)
	d, op := beingMoved(t, h)
	d.Stop()
	d = h.Start()
	h.SecondPool()
	if _, err := d.Actions.CancelOperation(t.Context(), fakehost.Member, op.ID); err != nil {
		t.Fatal(err)
	}
	d.Ended(op)
	stayed(t, h)
}

// A snapshot would put back layers that are in the old pool; a full clone of what stands on one needs none of them.
func TestAVolumeOfASnapshotStaysWhereItIsAndCanBeClonedInFull(t *testing.T) {
	h := fakehost.New(t)
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	done(t, take(t, d, "one", false))
	if _, err := d.Actions.MoveVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.MoveVolume{Pool: "second"}); fault.CodeOf(err) != "HV-SNAP-005" {
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

// In the pool where it is, a volume that stands on another's layers becomes one file; what was shared stays to the other.
func TestALinkedCloneIsMadeOneFileInItsPool(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	move := func() error {
		res, err := d.Actions.MoveVolume(t.Context(), fakehost.Member, fakehost.Ref("copy"), wire.MoveVolume{Pool: storage.DefaultPool})
		if err == nil {
			d.Done(*res.Operation)
		}
		return err
	}
	res, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy", Linked: true})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	d.Done(d.Create(fakehost.Tiny("web", on, func(def *vm.Definition) { def.Disks = map[string]vm.Disk{"root": {Volume: "copy"}} })))
	d.State("web", vm.StateRunning)
	if err := move(); fault.CodeOf(err) != "HV-VOL-032" {
		t.Errorf("under its guest: %v", err)
	}
	d.Done(d.Verb("stop", "web"))
	d.State("web", vm.StateOff)
	if err := move(); err != nil {
		t.Fatal(err)
	}
	source, clone := stored(t, h, "data"), stored(t, h, "copy")
	if len(clone.Chain()) != 1 || clone.Head().ID == source.Head().ID || clone.Moving != nil || len(clone.Leaving) > 0 {
		t.Errorf("it is %+v", clone)
	}
	if files := h.PoolFiles("pool"); len(files) != 2 {
		t.Errorf("there is %v", files)
	}
	awaitNote(t, h, clone.UID)
	if err := move(); fault.KindOf(err) != fault.Invalid {
		t.Errorf("one that is one file already: %v", err)
	}
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
}
