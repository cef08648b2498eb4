package action

import (
	"context"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// quicker is an audit log at whose next record somebody else does something: a change is put together by then, and not
// committed.
type quicker struct {
	Auditor
	does func()
}

func (q *quicker) Append(ctx context.Context, r audit.Record) (audit.Receipt, error) {
	if does := q.does; does != nil {
		q.does = nil
		does()
	}
	return q.Auditor.Append(ctx, r)
}

func (d *desk) meanwhile(does func()) { d.Audit = &quicker{d.paper, does} }

func (d *desk) store(key string, v any) {
	d.t.Helper()
	op, err := store.PutJSON(key, v, 0)
	d.must(err)
	_, err = d.Store.Commit(d.t.Context(), store.Txn{Then: []store.Op{op}})
	d.must(err)
}

// They are made of what their source consists of when they come to exist, each with a file, and of no others a file is left.
func TestClonesOfAVolumeThatGetsANewHeadMeanwhileHaveFiles(t *testing.T) {
	d := newDesk(t)
	d.volume("base")
	src := d.readVolume(t, "base")
	chain, err := storage.Overlay(src.Chain(), "7f3a0000-0000-4000-8000-000000000001", src.Spec.Size)
	d.must(err)
	before := len(d.files())
	d.meanwhile(func() { d.store(volumeKey(store.DefaultProject, "base"), src.On(chain)) })
	_, err = d.CloneVolume(t.Context(), member, ref("base"), wire.CloneVolume{Name: "c", Count: 2, Linked: true})
	d.must(err)
	for _, name := range []string{"c-1", "c-2"} {
		v := d.readVolume(t, name)
		if layers := v.Chain(); len(layers) != 3 || layers[1].ID != chain[1].ID {
			t.Errorf("%s stands on %+v", name, layers)
		}
		if there, err := d.pool.Exists(t.Context(), v.Spec.Pool, v.File); !there || err != nil {
			t.Errorf("the file of %s: %t, %v", name, there, err)
		}
	}
	if files := d.files(); len(files) != before+2 {
		t.Errorf("there are %v", files)
	}
	if left, err := d.pool.Unsettled(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%d are unsettled, %v", len(left), err)
	}
}

func TestClonesOfAVolumeThatIsWrittenToMeanwhileLeaveNoFile(t *testing.T) {
	d := newDesk(t)
	d.volume("base")
	before := len(d.files())
	d.meanwhile(func() {
		d.store(store.ClaimKey("disk", store.DefaultProject, "base"), storage.Claim{Writer: "operation/7f3a"})
	})
	if _, err := d.CloneVolume(t.Context(), member, ref("base"), wire.CloneVolume{Name: "c", Count: 2, Linked: true}); fault.CodeOf(err) != "HV-VOL-032" {
		t.Errorf("%v", err)
	}
	if files := d.files(); len(files) != before {
		t.Errorf("there are %v", files)
	}
}

func TestAVMOfWhichASnapshotIsTakenMeanwhileIsNotDeleted(t *testing.T) {
	d := newDesk(t)
	_, err := d.ApplyConfig(t.Context(), root, d.declare(`{"hypervisor":{"featureManager":{"extraFeatures":["snapshots"]}}}`))
	d.must(err)
	d.volume("data")
	d.create("web", disk("root", "data", false))
	d.meanwhile(func() {
		_, err := d.CreateSnapshot(t.Context(), member, ref("web"), wire.CreateSnapshot{Name: "one"})
		d.must(err)
	})
	if _, err := d.DeleteVM(t.Context(), member, ref("web"), wire.VerbOptions{Volumes: true}); fault.CodeOf(err) != "HV-SNAP-004" {
		t.Errorf("%v", err)
	}
	if d.object("web").Deleted != nil || d.readVolume(t, "data").Deleted != nil {
		t.Error("it, or its volume, is deleted, and the snapshot is of nothing")
	}
}

func TestAVolumeThatASnapshotOfAnotherVMIsOfStaysWhenItsVMIsDeletedWithItsVolumes(t *testing.T) {
	d := newDesk(t)
	d.volume("data")
	d.volume("own")
	d.create("web", disk("root", "data", false), disk("own", "own", false))
	d.store(snapshotKey(store.DefaultProject, "5d7c0000-0000-4000-8000-000000000001", "one"), vm.Snapshot{
		Metadata: model.Metadata{Name: "one", Project: store.DefaultProject, UID: "5d7c0000-0000-4000-8000-000000000002"}, VM: "5d7c0000-0000-4000-8000-000000000001",
		Disks: map[string]vm.SnapshotDisk{"root": {Volume: "data", VolumeUID: d.readVolume(t, "data").UID}},
	})
	_, err := d.DeleteVM(t.Context(), member, ref("web"), wire.VerbOptions{Volumes: true})
	d.must(err)
	if d.readVolume(t, "data").Deleted != nil {
		t.Error("the snapshot would go back to a volume that is gone")
	}
	if d.readVolume(t, "own").Deleted == nil {
		t.Error("what nobody else needs stays, too")
	}
}
