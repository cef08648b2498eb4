package plan

import (
	"errors"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func moving() storage.Volume {
	return storage.Volume{
		Metadata: model.Metadata{Name: "data"}, Spec: storage.VolumeSpec{Pool: "slow", Format: storage.Raw, Size: 1 << 20}, File: "old.raw",
		Moving: &storage.Moving{To: storage.Layer{ID: "new", Pool: "fast", Format: storage.Raw}, Operation: "7f3a"},
	}
}

func TestAMoveIsTheOldUntilTheCopyIsWholeAndTheNewFromThenOn(t *testing.T) {
	v := moving()
	in := VolumeInput{Wish: v, Exists: true, Made: true, Size: v.Spec.Size}
	if p, err := Volume(in); err != nil || len(p.Steps) != 1 || p.Steps[0].Kind != CopyVolume || p.Becomes != nil {
		t.Errorf("nobody has begun: %+v, %v", p, err)
	}
	in.Copy = Copy{State: CopyRuns, Percent: 41.9}
	if p, err := Volume(in); err != nil || len(p.Steps) != 0 || p.Becomes != nil || p.Reached || p.Moving.Done != 41 {
		t.Errorf("it goes on: %+v, %v", p, err)
	}
	in.Copy = Copy{State: CopyDone}
	p, err := Volume(in)
	if err != nil || p.Becomes == nil || p.Reached || p.Becomes.Spec.Pool != "fast" || p.Becomes.File != "new.raw" || p.Becomes.Moving != nil || p.Becomes.Leaving[0].File() != "old.raw" || p.Becomes.Leaving[0].Pool != "slow" {
		t.Fatalf("the copy is whole: %+v, %v", p.Becomes, err)
	}
	p, err = Volume(VolumeInput{Wish: *p.Becomes, Exists: true, Made: true})
	if err != nil || !p.Reached || p.Steps[0].Kind != DiscardFiles || p.Becomes.Leaving != nil {
		t.Errorf("the old is left: %+v, %v", p, err)
	}
}

func TestAVolumeThatIsDeletedRightAfterItsMoveTakesItsOldFilesAlong(t *testing.T) {
	v := moving().Arriving()
	v.Leaving, v.Deleted, v.KeepUntil = moving().Chain(), &time.Time{}, &time.Time{}
	in := VolumeInput{Wish: v, Exists: true, Made: true}
	p, err := Volume(in)
	if err != nil || p.Removed || len(p.Steps) != 1 || p.Steps[0].Kind != DiscardFiles || p.Steps[0].Layers[0].Pool != "slow" || p.Becomes.Leaving != nil || p.Becomes.Deleted == nil {
		t.Fatalf("its old files are left: %+v, %v", p, err)
	}
	in.Wish = *p.Becomes
	if p, err := Volume(in); err != nil || !p.Trashed {
		t.Errorf("then it goes: %+v, %v", p, err)
	}
}

func TestACopyThatFailsOrIsCancelledLeavesTheOld(t *testing.T) {
	why := errors.New("no room")
	for name, in := range map[string]VolumeInput{
		"failed":    {Copy: Copy{State: CopyFailed, Err: why}},
		"cancelled": {Cancel: true, Copy: Copy{State: CopyRuns}},
		"not begun": {Cancel: true},
	} {
		in.Wish, in.Exists, in.Made = moving(), true, true
		p, err := Volume(in)
		if err != nil || p.Steps[0].Kind != DiscardFiles || p.Steps[0].Layers[0].File() != "new.raw" || p.Becomes.Moving != nil || p.Becomes.File != "old.raw" || p.Removed {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if (p.GaveUp != nil) != (name == "failed") {
			t.Errorf("%s is told as %v", name, p.GaveUp)
		}
		in.Wish.Moving, in.Wish.Source = nil, &storage.Source{Volume: "other"}
		if p, err := Volume(in); err != nil || !p.Removed || p.Steps[0].Layers[0].File() != "old.raw" {
			t.Errorf("a copy of another, %s: %+v, %v", name, p, err)
		}
	}
}

func TestAVolumeThatAGuestHasOpenIsNotCopiedUnderIt(t *testing.T) {
	in := VolumeInput{Wish: moving(), Exists: true, Made: true, Disks: []VolumeDisk{{VM: "web"}}}
	if _, err := Volume(in); fault.CodeOf(err) != "HV-VOL-032" {
		t.Error(err)
	}
	in.Disks[0].Saved = true
	if p, err := Volume(in); err != nil || p.Steps[0].Kind != CopyVolume {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestAVMWaitsForItsVolumesToBeCopied(t *testing.T) {
	p, err := VM(input(func(in *VMInput) {
		in.Wish.Spec.Disks = map[string]vm.Disk{"root": {Volume: "data"}}
		in.Effective.Disks = in.Wish.Spec.Disks
		in.Volumes = map[string]storage.Volume{"root": moving()}
	}))
	if err != nil || len(p.Steps) != 0 || p.Held != `volume "data" is being moved to pool "fast"` {
		t.Errorf("%+v, %v", p, err)
	}
}
