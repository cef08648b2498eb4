package reconcile_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// snapshotsOn is a daemon whose declaration turns snapshots on.
func snapshotsOn(t *testing.T, h *fakehost.Host) *fakehost.Daemon {
	t.Helper()
	return declaring(t, h, `{"hypervisor":{"featureManager":{"extraFeatures":["snapshots"]}}}`)
}

func declaring(t *testing.T, h *fakehost.Host, text string) *fakehost.Daemon {
	t.Helper()
	d := h.Start()
	d.Declare(text)
	return d
}

func take(t *testing.T, d *fakehost.Daemon, name string, memory bool) operation.Operation {
	t.Helper()
	res, err := d.Actions.CreateSnapshot(t.Context(), fakehost.Member, fakehost.Ref("web"), wire.CreateSnapshot{Name: name, Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	return d.Ended(*res.Operation)
}

func done(t *testing.T, op operation.Operation) {
	t.Helper()
	if op.State != operation.Done {
		t.Fatalf("%s is %s: %+v", op.Action, op.State, op.Error)
	}
}

func setsOf(t *testing.T, d *fakehost.Daemon) wire.Snapshots {
	t.Helper()
	all, err := d.View.Snapshots(t.Context(), fakehost.Ref("web"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func backToOne(t *testing.T, d *fakehost.Daemon) {
	t.Helper()
	res, err := d.Actions.RestoreSnapshot(t.Context(), fakehost.Member, fakehost.Ref("web"), "one")
	if err != nil {
		t.Fatal(err)
	}
	done(t, d.Ended(*res.Operation))
}

func TestASnapshotOfAVMThatRunsIsTakenGoneBackToAndDeleted(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	first := stored(t, h, "data").Head()
	done(t, take(t, d, "one", false))
	done(t, take(t, d, "two", false))
	d.State("web", vm.StateRunning)
	chain := stored(t, h, "data").Chain()
	if len(chain) != 3 || chain[0].ID != first.ID {
		t.Fatalf("it consists of %+v", chain)
	}
	uuid := d.VM("web").Spec.UUID
	heads, err := d.VMs.Heads(t.Context(), uuid)
	if err != nil || !strings.HasPrefix(strings.ReplaceAll(chain[2].ID, "-", ""), heads["disk-root"]) || heads["disk-root"] == "" {
		t.Errorf("QEMU writes to %v, %v", heads, err)
	}
	all := setsOf(t, d)
	if len(all.Items) != 2 || all.Current != "two" || all.Items[1].Parent != "one" || all.Items[0].State != "ready" || all.Items[0].VMState != vm.StateRunning {
		t.Errorf("%+v", all)
	}
	pid := d.Power("web").Process.PID
	backToOne(t, d)
	p := d.State("web", vm.StateRunning)
	if p.Process.PID == pid {
		t.Error("it runs on in the process that had the newer disk")
	}
	if now := stored(t, h, "data").Chain(); len(now) != 2 || now[0].ID != first.ID || now[1].ID == chain[1].ID {
		t.Errorf("it has gone back to %+v", now)
	}
	if all := setsOf(t, d); all.Current != "one" {
		t.Errorf("it stands on %q", all.Current)
	}
	if files := kept(t, h.Volumes); len(files) != 3 || slices.Contains(files, chain[2].File()) { // first, what two froze, the new head
		t.Errorf("what was written since is not gone, or more is: %v", files)
	}
	for _, name := range []string{"two", "one"} {
		res, err := d.Actions.DeleteSnapshot(t.Context(), fakehost.Member, fakehost.Ref("web"), name)
		if err != nil {
			t.Fatal(err)
		}
		done(t, d.Ended(*res.Operation))
	}
	if all := setsOf(t, d); len(all.Items) != 0 {
		t.Errorf("%+v", all.Items)
	}
	d.State("web", vm.StateRunning)
}

// What it is given back is as large as it was, also where it had grown above a layer that others stand on.
func TestADiskThatWasInASnapshotWhileItsVMRanIsDetachedWithAllItStandsOn(t *testing.T) {
	d := snapshotsOn(t, fakehost.New(t))
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	done(t, take(t, d, "one", false))
	if op := d.Done(edit(t, d, `{"disks":null}`)); len(op.Findings) > 0 || len(d.Power("web").Process.Started.Disks) > 0 {
		t.Errorf("it is told %v", op.Findings)
	}
}

func TestAVolumeThatHadGrownIsAsLargeAfterGoingBack(t *testing.T) {
	h := fakehost.New(t)
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	done(t, take(t, d, "zero", false))
	res, err := d.Actions.ResizeVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), 3*model.MiB)
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	done(t, take(t, d, "one", false))
	backToOne(t, d)
	if v := stored(t, h, "data"); v.Spec.Size != 3*model.MiB || v.Head().Size != 3*model.MiB {
		t.Errorf("it has %s, and its head %s", v.Spec.Size, v.Head().Size)
	}
}

func TestASnapshotOfAVMThatIsOffIsTaken(t *testing.T) {
	h := fakehost.New(t)
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	done(t, take(t, d, "one", false))
	if chain := stored(t, h, "data").Chain(); len(chain) != 2 {
		t.Errorf("%+v", chain)
	}
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
}

func TestASnapshotWithMemoryIsGoneOnFrom(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	done(t, take(t, d, "one", true))
	d.State("web", vm.StateRunning)
	if all := setsOf(t, d); all.Items[0].Memory == 0 {
		t.Errorf("no memory is in it: %+v", all.Items[0])
	}
	backToOne(t, d)
	d.State("web", vm.StateRunning)
	d.Until("what it went on from to be gone", func() bool { return d.Power("web").Saved == nil && len(h.SavedFiles()) == 0 })
	backToOne(t, d) // as often as one likes
	d.State("web", vm.StateRunning)
}

func TestASnapshotThatCannotBeWholeIsNone(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	before, files := stored(t, h, "data").Chain(), kept(t, h.Volumes)
	res, err := d.Actions.CreateSnapshot(t.Context(), fakehost.Member, fakehost.Ref("web"), wire.CreateSnapshot{Name: "one", Quiesce: vm.QuiesceYes})
	if err != nil {
		t.Fatal(err)
	}
	op := d.Ended(*res.Operation)
	if op.State != operation.Failed || op.Error.Code != "HV-SNAP-011" {
		t.Errorf("it is %s: %+v", op.State, op.Error)
	}
	if all := setsOf(t, d); len(all.Items) != 0 {
		t.Errorf("half a snapshot stays: %+v", all.Items)
	}
	if now := stored(t, h, "data").Chain(); len(now) != len(before) || !slices.Equal(kept(t, h.Volumes), files) {
		t.Errorf("it consists of %+v, in %v", now, kept(t, h.Volumes))
	}
	d.State("web", vm.StateRunning)
	if _, err := d.Actions.CreateSnapshot(t.Context(), fakehost.Member, fakehost.Ref("web"), wire.CreateSnapshot{Name: "one", Memory: true}); err != nil {
		t.Fatal(err)
	}
	d.Verb("pause", "web")
}

func TestSnapshotsAreRefusedWhileTheFeatureIsOff(t *testing.T) {
	h := fakehost.New(t)
	d := declaring(t, h, `{"hypervisor":{"featureManager":{"profile":"minimal"}}}`)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	_, err := d.Actions.CreateSnapshot(t.Context(), fakehost.Member, fakehost.Ref("web"), wire.CreateSnapshot{})
	if fault.CodeOf(err) != "HV-AUTH-002" || !strings.Contains(fault.HintOf(err), "snapshots") {
		t.Errorf("%v", err)
	}
}

// unwhole makes a set one whose taking was cut off before it was whole, and for which nobody waits any more.
func unwhole(t *testing.T, h *fakehost.Host, name string) {
	t.Helper()
	phase(t, h, name, vm.SnapshotTaking)
}

func phase(t *testing.T, h *fakehost.Host, name string, is vm.SnapshotPhase) {
	t.Helper()
	sets, _, err := store.ListAll[vm.Snapshot](t.Context(), h.Store, store.SpecPrefix("snapshot"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sets {
		if s.Value.Name != name {
			continue
		}
		s.Value.Phase = is
		if is == vm.SnapshotTaking {
			s.Value.Taken = nil
		}
		op, err := store.PutJSON(s.Key, s.Value, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Store.Commit(t.Context(), store.Txn{Then: []store.Op{op}}); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("there is no set %q", name)
}

func goneSet(t *testing.T, d *fakehost.Daemon, name string) {
	t.Helper()
	d.Look("web")
	d.Until("snapshot "+name+" to be gone", func() bool {
		return !slices.ContainsFunc(setsOf(t, d).Items, func(s wire.Snapshot) bool { return s.Name == name })
	})
}

// What QEMU may have written to a layer of a set that failed is kept: while it writes on, after it has ended, and below another set.
func TestASnapshotThatFailedTakesNothingAlongThatWasWritten(t *testing.T) {
	for _, c := range []struct {
		name string
		ends bool // its QEMU has ended before anybody looks
		sets []string
	}{
		{"it runs on", false, []string{"one"}}, {"it has ended", true, []string{"one"}}, {"another was taken since", false, []string{"one", "two"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := fakehost.New(t)
			h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
			d := snapshotsOn(t, h)
			d.Done(d.Volume("data"))
			d.Done(d.Create(fakehost.Tiny("web", on, withData)))
			for _, name := range c.sets {
				done(t, take(t, d, name, false))
			}
			chain, files := stored(t, h, "data").Chain(), kept(t, h.Volumes)
			d.Stop()
			unwhole(t, h, "one")
			if c.ends {
				h.Murder("web")
			}
			d = h.Start()
			goneSet(t, d, "one")
			if now := stored(t, h, "data").Chain(); !slices.Equal(now, chain) || !slices.Equal(kept(t, h.Volumes), files) {
				t.Errorf("it consists of %+v in %v, and had %+v", now, kept(t, h.Volumes), chain)
			}
		})
	}
}

// A linked clone stands on what a VM that is off had: no set that fails has that be written to again.
func TestASnapshotThatFailedLeavesClonesWhatTheyStandOn(t *testing.T) {
	h := fakehost.New(t)
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	if _, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy", Linked: true}); err != nil {
		t.Fatal(err)
	}
	base := stored(t, h, "copy").Chain()[0]
	done(t, take(t, d, "one", false))
	d.Stop()
	unwhole(t, h, "one")
	d = h.Start()
	goneSet(t, d, "one")
	if v := stored(t, h, "data"); v.Head().ID == base.ID && !v.Frozen {
		t.Errorf("what the clone stands on is written to: %+v", v)
	}
	d.Done(d.Verb("start", "web"))
	if v := stored(t, h, "data"); v.Head().ID == base.ID || !slices.Contains(kept(t, h.Volumes), base.File()) {
		t.Errorf("what the clone stands on is written to, or gone: %+v", v)
	}
}

// Where QEMU has another disk than the VM is wished to have no layer is made: it would come to be on both.
func TestNoSnapshotIsTakenWhileADiskWaitsForARestart(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Volume("new"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	d.Done(edit(t, d, `{"disks":{"root":{"volume":"new"}}}`))
	was, files := stored(t, h, "new").Chain(), kept(t, h.Volumes)
	_, err := d.Actions.CreateSnapshot(t.Context(), fakehost.Member, fakehost.Ref("web"), wire.CreateSnapshot{Name: "one"})
	var refusal finding.Refusal
	if !errors.As(err, &refusal) || !slices.ContainsFunc(refusal.Findings, func(f finding.Finding) bool { return f.Code == "HV-SNAP-026" }) {
		t.Errorf("%v", err)
	}
	if now := stored(t, h, "new").Chain(); !slices.Equal(now, was) || !slices.Equal(kept(t, h.Volumes), files) {
		t.Errorf("it consists of %+v", now)
	}
}

// A guest in memory goes on with its own volume, whatever that is called by now, and not with another one of its old name.
func TestAMemoryGoesOnWithItsOwnVolumeUnderItsNewName(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	done(t, take(t, d, "one", true))
	if _, err := d.Actions.RenameVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), "root"); err != nil {
		t.Fatal(err)
	}
	d.Done(d.Volume("data"))
	backToOne(t, d)
	p := d.State("web", vm.StateRunning)
	if got := p.Process.Started.Disks["root"].Volume; got != "root" {
		t.Errorf("it goes on with volume %q", got)
	}
	d.Done(d.Verb("kill", "web"))
	d.Done(edit(t, d, `{"disks":{"root":{"volume":"data"}}}`))
	if _, err := d.Actions.RestoreSnapshot(t.Context(), fakehost.Member, fakehost.Ref("web"), "one"); fault.CodeOf(err) != "HV-SNAP-010" {
		t.Errorf("it would go on with another volume: %v", err)
	}
}

// What is wished away goes, also where the operation that wished it is lost, and the VM does not come up.
func TestASnapshotThatIsWishedAwayGoesWithoutItsOperation(t *testing.T) {
	h := fakehost.New(t)
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	done(t, take(t, d, "one", false))
	d.Stop()
	phase(t, h, "one", vm.SnapshotDeleting)
	d = h.Start()
	goneSet(t, d, "one")
}

// A guest whose TPM is of another time than its disks takes them for stolen.
func TestASnapshotBringsBackWhatTheTPMKept(t *testing.T) {
	h := fakehost.New(t)
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData, func(def *vm.Definition) { def.TPM = &vm.TPM{} })))
	uuid := d.VM("web").Spec.UUID
	keeps := func(text string) {
		t.Helper()
		folder, err := h.NVRAM.TPM(t.Context(), uuid)
		if err == nil {
			err = errors.Join(folder.WriteFile("tpm2-00.permall", []byte(text), 0o660), folder.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	kept := func() string {
		file, err := h.NVRAM.ReadTPM(t.Context(), uuid)
		if err != nil {
			return "nothing"
		}
		defer func() { _ = file.Close() }()
		text, _ := io.ReadAll(file)
		return string(text)
	}
	done(t, take(t, d, "new", false))
	if err := h.NVRAM.MakeTPM(t.Context(), uuid); err != nil {
		t.Fatal(err)
	}
	keeps("before")
	done(t, take(t, d, "one", false))
	keeps("after")
	backToOne(t, d)
	if got := kept(); got != "before" {
		t.Errorf("its TPM keeps %q", got)
	}
	res, err := d.Actions.RestoreSnapshot(t.Context(), fakehost.Member, fakehost.Ref("web"), "new")
	if err != nil {
		t.Fatal(err)
	}
	done(t, d.Ended(*res.Operation))
	if got := kept(); got != "nothing" {
		t.Errorf("its TPM keeps %q", got)
	}
}
