package reconcile

import (
	"context"
	"errors"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// cloned makes the volumes for which a set was taken, on what it has frozen. They come to be and the set goes in one
// transaction, after their files are there: a look that is cut off before is done again, and makes the same files.
func (r *vmRun) cloned(ctx context.Context, set vm.Snapshot, kv store.KV) error {
	txn := store.Txn{If: []store.Cmp{store.ModRevision(kv.Key, kv.ModRevision)}, Then: []store.Op{store.DeleteOp(kv.Key)}}
	values := map[string]any{}
	for device, d := range set.Disks {
		of, err := r.volumeOf(ctx, device, d)
		if err != nil {
			return err
		}
		for _, c := range set.Clones {
			v, err := cloneOf(of.volume, d, c)
			if err != nil {
				return err
			}
			v.Created = set.Created
			ref := store.Ref{Kind: KindVolume, Project: v.Project, Name: v.Name}
			if _, taken, err := store.Find[storage.Volume](ctx, r.Store, store.SpecKey(ref)); err != nil || taken {
				return errors.Join(err, fault.New(fault.Conflict, "volume %q exists by now", v.Name).Try("choose another name").WithCode("HV-VOL-002"))
			}
			if err := r.Volumes.Create(ctx, v); err != nil {
				return err
			}
			txn.If = append(txn.If, store.Absent(store.SpecKey(ref)))
			values[store.SpecKey(ref)] = v
			values[store.StatusKey(ref, writerName)] = storage.VolumeStatus{Made: true}
		}
	}
	return r.commit(ctx, txn, values)
}

// cloneOf is one of these volumes.
func cloneOf(of storage.Volume, d vm.SnapshotDisk, c vm.SnapshotClone) (storage.Volume, error) {
	spec := of.Spec
	spec.Format, spec.Size = storage.QCOW2, d.Top().Size
	if spec.Size == 0 { // a layer from before sizes were written down
		spec.Size = of.Spec.Size
	}
	chain, err := storage.Overlay(d.Layers, c.UID, spec.Size)
	v := storage.Volume{
		Metadata: model.Metadata{Name: c.Name, Project: of.Project, UID: c.UID, Labels: c.Labels, Origin: model.Manual, Generation: 1},
		Spec:     spec,
	}
	return v.On(chain), err
}

// clonesLeft adds the files that there may be of volumes that are not made after all.
func clonesLeft(of storage.Volume, set vm.Snapshot, d vm.SnapshotDisk, values map[string]any) {
	if len(d.Layers) == 0 { // nothing was made yet
		return
	}
	for _, c := range set.Clones {
		if v, err := cloneOf(of, d, c); err == nil {
			values[droppedKey(v.Head())] = v.Head()
		}
	}
}
