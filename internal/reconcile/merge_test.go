package reconcile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func deleteSet(t *testing.T, d *fakehost.Daemon, name string) operation.Operation {
	t.Helper()
	res, err := d.Actions.DeleteSnapshot(t.Context(), fakehost.Member, fakehost.Ref("web"), name)
	if err != nil {
		t.Fatal(err)
	}
	return *res.Operation
}

// Whether its VM runs or not: what a deleted snapshot was made of is one with what stays, and its file is gone.
func TestASnapshotThatIsDeletedGivesItsRoomBack(t *testing.T) {
	for _, c := range []struct {
		name string
		runs bool
	}{{"it runs", true}, {"it is off", false}} {
		for _, order := range []string{"one two three", "three two one", "two one three"} {
			t.Run(c.name+" "+order, func(t *testing.T) {
				h := fakehost.New(t)
				h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
				d := snapshotsOn(t, h)
				d.Done(d.Volume("data"))
				wish := []func(*vm.Definition){withData}
				if c.runs {
					wish = append(wish, on)
				}
				d.Done(d.Create(fakehost.Tiny("web", wish...)))
				for _, name := range []string{"one", "two", "three"} {
					done(t, take(t, d, name, false))
				}
				for i, name := range strings.Fields(order) {
					done(t, d.Ended(deleteSet(t, d, name)))
					if chain := stored(t, h, "data").Chain(); len(chain) != 3-i {
						t.Errorf("%s is deleted, and it consists of %d layers", name, len(chain))
					}
				}
				v := stored(t, h, "data")
				if files := kept(t, h.Volumes); !slices.Equal(files, []string{v.File}) {
					t.Errorf("its file is %s, and there are %v", v.File, files)
				}
				if c.runs {
					d.State("web", vm.StateRunning)
					heads, err := d.VMs.Heads(t.Context(), d.VM("web").Spec.UUID)
					if err != nil || !strings.HasPrefix(strings.ReplaceAll(v.Head().ID, "-", ""), heads["disk-root"]) {
						t.Errorf("QEMU writes to %v, %v", heads, err)
					}
				}
				done(t, take(t, d, "again", false))
			})
		}
	}
}

// A layer that two stand on is one as before: it would be needed twice.
func TestALayerThatAnotherBranchStandsOnIsNotMerged(t *testing.T) {
	h := fakehost.New(t)
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	done(t, take(t, d, "one", false))
	done(t, take(t, d, "two", false))
	backToOne(t, d)
	done(t, d.Ended(deleteSet(t, d, "one")))
	if chain := stored(t, h, "data").Chain(); len(chain) != 2 {
		t.Errorf("it consists of %+v", chain)
	}
	done(t, d.Ended(deleteSet(t, d, "two"))) // and now there is one branch
	if v := stored(t, h, "data"); len(v.Chain()) != 1 || len(kept(t, h.Volumes)) != 1 {
		t.Errorf("it consists of %+v in %v", v.Chain(), kept(t, h.Volumes))
	}
}

// What a clone stands on is not written to.
func TestALayerThatACloneStandsOnIsNotMerged(t *testing.T) {
	h := fakehost.New(t)
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	done(t, take(t, d, "one", false))
	if _, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy", Linked: true}); err != nil {
		t.Fatal(err)
	}
	before := stored(t, h, "copy").Chain()
	done(t, d.Ended(deleteSet(t, d, "one")))
	if now := stored(t, h, "copy").Chain(); !slices.Equal(now, before) {
		t.Errorf("the clone consists of %+v", now)
	}
}

// Called off, its layers stay two; and the VM that is started while its layers are merged starts at once.
func TestAMergeIsCalledOff(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle, Crawls: true})
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData, on)))
	done(t, take(t, d, "one", false))
	op := deleteSet(t, d, "one")
	d.Until("it to be merged", func() bool {
		o, err := d.View.Operation(t.Context(), op.ID)
		return err == nil && len(o.Steps) > 0 && o.Steps[len(o.Steps)-1].Progress != nil
	})
	if _, err := d.Actions.CancelOperation(t.Context(), fakehost.Member, op.ID); err != nil {
		t.Fatal(err)
	}
	if o := d.Ended(op); o.State != operation.Cancelled {
		t.Errorf("it is %s", o.State)
	}
	if chain := stored(t, h, "data").Chain(); len(chain) != 2 || len(setsOf(t, d).Items) != 0 {
		t.Errorf("it consists of %+v", chain)
	}
	d.Done(d.Verb("kill", "web"))
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d.Done(d.Verb("start", "web"))
	done(t, take(t, d, "two", false))
	done(t, d.Ended(deleteSet(t, d, "two"))) // it takes along what was left
	if v := stored(t, h, "data"); len(v.Chain()) != 1 || len(kept(t, h.Volumes)) != 1 {
		t.Errorf("it consists of %+v in %v", v.Chain(), kept(t, h.Volumes))
	}
}

// A volume that a VM writes to is cloned as it was in a snapshot: while that runs, and the snapshot may go.
func TestAVolumeIsClonedAsItWasInASnapshotOfAVMThatRuns(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData, on)))
	done(t, take(t, d, "one", false))
	body := wire.CloneVolume{Name: "copy", Snapshot: "one"}
	if _, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), body); err != nil {
		t.Fatal(err)
	}
	src, copied := stored(t, h, "data"), stored(t, h, "copy")
	if src.Frozen || len(copied.Chain()) != 2 || copied.Chain()[0].ID != src.Chain()[0].ID {
		t.Errorf("it stands on %+v, and its source is %+v", copied.Chain(), src)
	}
	done(t, d.Ended(deleteSet(t, d, "one")))
	if now := stored(t, h, "copy"); !slices.Equal(now.Chain(), copied.Chain()) || !slices.Contains(kept(t, h.Volumes), copied.Chain()[0].File()) {
		t.Errorf("its base is gone: %+v", now.Chain())
	}
	d.Done(d.Create(fakehost.Tiny("other", on, func(def *vm.Definition) { def.Disks = map[string]vm.Disk{"root": {Volume: "copy"}} })))
	d.State("other", vm.StateRunning)
	body.Snapshot, body.Name = "none", "more"
	if _, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), body); fault.CodeOf(err) != "HV-SNAP-001" {
		t.Errorf("of a snapshot that there is none of: %v", err)
	}
}
