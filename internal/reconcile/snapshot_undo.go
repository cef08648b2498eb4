package reconcile

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// KindDropped is a layer that went out of the chains of all volumes and sets that knew of it, and whose file may still be there.
const KindDropped = "dropped-layer"

// unfinished are the sets of a VM that are being taken or deleted.
func (e *Engine) unfinished(uuid string) map[string]vm.SnapshotPhase {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.sets[uuid])
}

// knowSet notes what is being done with a set.
func (e *Engine) knowSet(s vm.Snapshot, gone bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if gone || s.Phase == "" {
		delete(e.sets[s.VM], s.Name)
		return
	}
	if e.sets[s.VM] == nil {
		e.sets[s.VM] = map[string]vm.SnapshotPhase{}
	}
	e.sets[s.VM][s.Name] = s.Phase
}

// noticedSet takes up that a set was wished for, is whole or gone.
func (e *Engine) noticedSet(ev store.Event) {
	kv := ev.KV
	if ev.Type == store.Delete && ev.Prev != nil {
		kv = *ev.Prev
	}
	if s, err := store.Decode[vm.Snapshot](kv); err == nil {
		e.knowSet(s, ev.Type == store.Delete)
	}
}

// loadSets finds the sets that an earlier daemon was at, and takes away what it had dropped.
func (e *Engine) loadSets(ctx context.Context) error {
	sets, _, err := store.ListAll[vm.Snapshot](ctx, e.Store, store.SpecPrefix(KindSnapshot))
	if err != nil {
		return err
	}
	for _, s := range sets {
		e.knowSet(s.Value, false)
	}
	e.sweep(ctx)
	return nil
}

// leave takes back a set that was not taken: each volume goes on as before, where a living QEMU says that it writes to what it had.
// Everywhere else the new layers stay and only the set goes.
func (r *vmRun) leave(ctx context.Context, name string) error {
	ctx = context.WithoutCancel(ctx)
	t, err := r.begun(ctx, name)
	if missing(err) && t.kv.Key == "" {
		return nil
	}
	if err != nil && t.kv.Key == "" {
		return err
	}
	if t.set.Phase != vm.SnapshotTaking {
		return nil
	}
	heads := map[string]string{}
	if t.live {
		if heads, err = r.Hypervisor.Heads(ctx, r.in.Wish.Spec.UUID); err != nil {
			return err
		}
	}
	txn := store.Txn{If: []store.Cmp{store.ModRevision(t.kv.Key, t.kv.ModRevision)}, Then: []store.Op{store.DeleteOp(t.kv.Key)}}
	values := map[string]any{}
	for _, d := range t.disks {
		layer := t.set.Disks[d.device]
		clonesLeft(d.volume, t.set, layer, values)
		if d.put && !r.unswitched(t, d, heads) {
			continue
		}
		if d.put {
			was := d.volume.On(layer.Layers)
			was.Frozen = layer.Frozen
			txn.If = append(txn.If, store.ModRevision(d.kv.Key, d.kv.ModRevision))
			values[d.kv.Key] = was
		}
		dropped := d.next.Head()
		values[droppedKey(dropped)] = dropped
	}
	if err := r.commit(ctx, txn, values); err != nil {
		return err
	}
	if err := r.Sets.Remove(ctx, t.set.UID); err != nil {
		return err
	}
	return r.sweepDropped(ctx)
}

// drop deletes a set. What its layers hold that others need stays with those.
func (r *vmRun) drop(ctx context.Context, _ *operation.Operation, name string) error {
	set, kv, err := store.Get[vm.Snapshot](ctx, r.Store, snapshotKey(r.target, r.in.Wish.Spec.UUID, name))
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	txn := store.Txn{If: []store.Cmp{store.ModRevision(kv.Key, kv.ModRevision)}, Then: []store.Op{store.DeleteOp(kv.Key)}}
	values := map[string]any{}
	for _, d := range set.Disks {
		for _, l := range d.Layers {
			values[droppedKey(l)] = l
		}
	}
	if err := r.commit(ctx, txn, values); err != nil {
		return err
	}
	if err := r.Sets.Remove(ctx, set.UID); err != nil {
		return err
	}
	return r.sweepDropped(ctx)
}

func droppedKey(l storage.Layer) string {
	return store.SpecKey(store.Ref{Kind: KindDropped, Project: store.HostWide, Name: l.Pool + "/" + l.File()})
}

// sweepDropped removes the files of layers that were dropped, unless somebody stands on them: then they go with the last
// who does.
func (e *Engine) sweepDropped(ctx context.Context) error {
	e.layers.Lock()
	defer e.layers.Unlock()
	dropped, _, err := store.ListAll[storage.Layer](ctx, e.Store, store.SpecPrefix(KindDropped))
	if err != nil || len(dropped) == 0 {
		return err
	}
	var of storage.Volume
	for _, d := range dropped {
		of.Layers = append(of.Layers, d.Value)
	}
	shared, err := e.shared(ctx, of)
	if err != nil {
		return err
	}
	for _, d := range dropped {
		if !shared[d.Value.ID] {
			if err := e.Volumes.Delete(ctx, layerOnly(d.Value)); err != nil { // for when its pool is open again
				e.Log.Warn("a layer that nobody needs is not gone yet", "pool", d.Value.Pool, "file", d.Value.File(), "err", err)
				continue
			}
		}
		if _, err := e.Store.Commit(ctx, store.Txn{Then: []store.Op{store.DeleteOp(d.Key)}}); err != nil {
			return err
		}
	}
	return nil
}

// restore puts a VM without a process back to what it was when a set was taken.
func (r *vmRun) restore(ctx context.Context) error {
	op := r.restoring()
	if op == nil {
		return fault.New(fault.Internal, "nobody has asked to go back to a snapshot")
	}
	set, kv, err := store.Get[vm.Snapshot](ctx, r.Store, snapshotKey(r.target, r.in.Wish.Spec.UUID, op.Params["snapshot"]))
	if err != nil {
		return err
	}
	txn := store.Txn{If: []store.Cmp{store.ModRevision(kv.Key, kv.ModRevision)}}
	values := map[string]any{}
	for _, device := range set.Devices() {
		d := set.Disks[device]
		one, err := r.volumeOf(ctx, device, d)
		if err != nil {
			return err
		}
		id := derivedID(op.ID, device)
		if one.volume.Head().ID == id {
			continue
		}
		if err := atHome(one.volume); err != nil {
			return err
		}
		one.volume.Spec.Size = d.Top().Size
		next, err := onOverlay(one.volume, d.Layers, id)
		if err != nil {
			return err
		}
		if err := r.Volumes.Create(ctx, next); err != nil {
			return err
		}
		txn.If = append(txn.If, store.ModRevision(one.kv.Key, one.kv.ModRevision))
		values[one.kv.Key] = next
		for _, l := range one.volume.Chain() {
			values[droppedKey(l)] = l
		}
	}
	saved, err := r.memoryOf(ctx, set, op)
	if err != nil {
		return err
	}
	if r.status.Saved != nil { // its memory would contradict the disks that it gets
		if err := r.file(ctx, nil); err != nil {
			return err
		}
	}
	if len(values) > 0 {
		if err := r.commit(ctx, txn, values); err != nil {
			return err
		}
	}
	if err := errors.Join(r.variablesOf(ctx, set), r.tpmOf(ctx, set)); err != nil {
		return err
	}
	r.serve(nil, "snapshot.restore")
	st := *r.status
	st.Saved, st.Served = saved, max(st.Served, r.served)
	r.put(st)
	if err := r.writer.flush(ctx, powerKey(r.target)); err != nil {
		return err
	}
	if saved == nil { // else they go with it, once its guest goes on
		if err := r.SavedVMs.Remove(ctx, r.in.Wish.Spec.UUID); err != nil {
			return err
		}
	}
	return r.sweepDropped(ctx)
}

// variablesOf puts what the firmware of a set remembered to where the VM has it.
func (r *vmRun) variablesOf(ctx context.Context, set vm.Snapshot) error {
	if !set.Taken.NVRAM {
		return nil
	}
	file, err := r.Sets.Open(ctx, set.UID+nvramFile)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return r.Firmware.Put(ctx, r.in.Wish.Spec.UUID, set.Taken.Secure, file)
}

// memoryOf makes a file of its own for the VM of the memory in a set, and returns what it goes on from: with the names that its
// volumes have by now.
func (r *vmRun) memoryOf(ctx context.Context, set vm.Snapshot, op *operation.Operation) (*vm.Saved, error) {
	if set.Taken.Memory == nil {
		return nil, nil
	}
	saved := *set.Taken.Memory
	started, err := set.StartedNow(r.in.Effective, func(name string) (string, error) { return r.uidOf(ctx, name) })
	if err != nil {
		return nil, err
	}
	saved.Process.Started = &started
	file, err := r.Sets.Open(ctx, saved.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	saved.File, saved.Generation = r.in.Wish.Spec.UUID+"."+op.ID, r.in.Wish.Generation
	if err := copyTo(ctx, r.SavedVMs, saved.File, file, int64(saved.Bytes)); err != nil {
		return nil, err
	}
	return &saved, nil
}

// uidOf is the UID of the volume of a name.
func (r *vmRun) uidOf(ctx context.Context, name string) (string, error) {
	v, _, err := store.Find[storage.Volume](ctx, r.Store, store.SpecKey(store.Ref{Kind: KindVolume, Project: r.target.Project, Name: name}))
	return v.UID, err
}

// dropWished deletes the sets that are wished away, whatever becomes of the rest of the VM: also one that does not come up.
func (r *vmRun) dropWished(ctx context.Context) {
	if r.in.Restore { // it may be the one to go back to
		return
	}
	left := r.unfinished(r.in.Wish.Spec.UUID)
	for name, phase := range maps.Clone(left) {
		if phase != vm.SnapshotDeleting {
			continue
		}
		if err := r.drop(ctx, nil, name); err != nil {
			r.Log.Warn("a snapshot that is to be deleted is not gone yet", "vm", r.in.Wish.Name, "snapshot", name, "err", err)
			continue
		}
		delete(left, name)
		if m, err := r.mergeable(ctx); m != nil || err != nil { // whoever asked waits for that too
			continue
		}
		var asked []*operation.Operation
		r.due = slices.DeleteFunc(slices.Clone(r.due), func(op *operation.Operation) bool {
			mine := deletesSets(op) && slices.Contains(setsNamed(op), name) && !anyOf(left, setsNamed(op))
			if mine {
				asked = append(asked, op)
			}
			return mine
		})
		r.ops.end(ctx, asked, operation.Done, nil)
	}
}

// copyTo makes a file of size bytes of another, durably. Where the file system can, both share their blocks.
func copyTo(ctx context.Context, to SavedVMs, name string, from *os.File, size int64) error {
	out, err := to.Create(ctx, name, model.Bytes(size))
	if err != nil {
		return err
	}
	_, err = io.CopyN(out, from, size)
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err == nil {
		_, err = to.Keep(ctx, name)
	}
	return err
}

// restoring is the operation that asked to go back to a set, where that was not done yet.
func (r *vmRun) restoring() *operation.Operation {
	for _, op := range r.due {
		if unserved("snapshot.restore", r.in.Last)(op) {
			return op
		}
	}
	return nil
}
