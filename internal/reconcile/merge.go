package reconcile

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// mergesWithin is how often QEMU is asked how far it is; of what qemu-img does each percent brings a look.
const mergesWithin = 200 * time.Millisecond

// merging is one merge of layers of one disk.
type merging struct {
	storage.Merge
	disk   string
	volume storage.Volume
	chain  []storage.Layer
}

// merge gives back what a deleted snapshot has left: layers that nobody needs for themselves become one with those on them,
// one after the other. It returns how far that is, and nil when there is nothing left to merge. A look that is cut off
// anywhere is done again by the next: what is read is the same with two layers and with one.
func (r *vmRun) merge(ctx context.Context) (*operation.Progress, error) {
	for {
		m, err := r.mergeable(ctx)
		if err = errors.Join(err, r.keepTo(ctx, m)); err != nil || m == nil {
			return nil, err
		}
		at, err := r.mergeOne(ctx, *m)
		if at != nil || err != nil {
			return at, err
		}
		if err := r.mergedOne(ctx, *m); err != nil {
			return nil, err
		}
	}
}

// keepTo holds a merge in QEMU against the one that it has begun. That goes on as it was begun, whatever the two take by
// now; one that is not to be any more, since a clone has come to stand on it, is called off.
func (r *vmRun) keepTo(ctx context.Context, m *merging) error {
	r.mu.Lock()
	before := r.merges[r.in.Wish.Spec.UUID]
	r.mu.Unlock()
	if before == nil || r.status.Process == nil {
		return nil
	}
	if m != nil && m.disk == before.disk && m.At == before.At && slices.Equal(m.chain, before.chain) {
		m.Down = before.Down
		return nil
	}
	return r.settleMerge(ctx, *before)
}

// giveBack merges what a snapshot that is gone has left.
func (r *vmRun) giveBack(ctx context.Context, name string) (*operation.Progress, error) {
	at, err := r.merge(ctx)
	if err == nil {
		return at, nil
	}
	return nil, fault.New(fault.KindOf(err), "snapshot %q of vm %q is deleted, and the room that it took is not given back yet", name, r.in.Wish.Name).
		Because(err).Try("%s", cmp.Or(fault.HintOf(err), "the next snapshot that is deleted takes it along")).WithCode("HV-SNAP-013")
}

// mergeable finds two layers of the VM's disks that are to be one; nil for none.
func (r *vmRun) mergeable(ctx context.Context) (*merging, error) {
	var all *chains
	for _, disk := range slices.Sorted(maps.Keys(r.in.Effective.Disks)) {
		d := r.in.Effective.Disks[disk]
		v, _, err := store.Find[storage.Volume](ctx, r.Store, store.SpecKey(store.Ref{Kind: KindVolume, Project: r.target.Project, Name: d.Volume}))
		if err != nil {
			return nil, err
		}
		chain := v.Chain()
		if v.UID == "" || d.ReadOnly || len(chain) < 2 {
			continue
		}
		if all == nil {
			if all, err = r.chains(ctx); err != nil {
				return nil, err
			}
		}
		at := all.loose(v)
		if at < 0 || r.status.Process != nil && chain[at].Key != "" { // what is encrypted is merged while its VM is off
			continue
		}
		if why := v.Busy(); why != "" {
			return nil, fault.New(fault.Conflict, "%s", why)
		}
		m := merging{Merge: storage.Merge{At: at}, disk: disk, volume: v, chain: chain}
		m.Down, err = r.cheaperDown(ctx, m)
		return &m, err
	}
	return nil, nil
}

// cheaperDown decides which of the two is written into the other: the one that takes less, but for what a guest writes to.
// While that goes on both take room.
func (r *vmRun) cheaperDown(ctx context.Context, m merging) (bool, error) {
	var takes [2]model.Bytes
	for i := range takes {
		n, err := r.Volumes.Allocated(ctx, layerOnly(m.chain[m.At+i]))
		if err != nil {
			return false, err
		}
		takes[i] = n
	}
	down := takes[1] < takes[0]
	if r.status.Process != nil && m.At+1 == len(m.chain)-1 { // QEMU cannot be moved off what its guest writes to and leave no moment in between
		down = false
	}
	need := takes[0]
	if down {
		need = takes[1]
	}
	room, err := r.Volumes.Room(ctx, m.Upper(m.chain).Pool)
	if err == nil && room.Free < need {
		err = fault.New(fault.Exhausted, "pool %q has %s free, and up to %s are copied before anything goes", m.Upper(m.chain).Pool, room.Free, need).
			Try("make room: the next snapshot that is deleted takes them along")
	}
	return down, err
}

// mergeOne begins to merge, or sees how far that is; nil: both of the layers that stay and go read the same by now.
func (r *vmRun) mergeOne(ctx context.Context, m merging) (*operation.Progress, error) {
	if r.status.Process != nil {
		return r.mergeLive(ctx, m)
	}
	key := mergeKey(m.Lower(m.chain))
	switch c := r.copies.of(key); c.State {
	case plan.CopyDone:
		return nil, nil
	case plan.CopyFailed:
		r.copies.end(key)
		return nil, c.Err
	case plan.CopyRuns:
		return &operation.Progress{Done: int64(c.Percent), Total: 100, Unit: "percent"}, nil
	}
	t := r.target
	r.copies.begin(key, func(ctx context.Context, tell func(float64)) error {
		all, err := r.chains(ctx) // whoever comes to use one of its layers from here on ends this first
		if err != nil {
			return err
		}
		if all.loose(m.volume) != m.At {
			return fault.New(fault.Conflict, "another volume has come to stand on what was to be merged")
		}
		return r.Volumes.Merge(ctx, m.chain, m.Merge, tell)
	}, func() { r.queue.add(t) })
	return &operation.Progress{Total: 100, Unit: "percent"}, nil
}

func mergeKey(l storage.Layer) string { return "merge/" + l.ID }

// yield ends what is being done beside the looks to layers of volumes, before anybody else opens these. It is begun
// anew when they are free.
func (e *Engine) yield(volumes ...storage.Volume) {
	for _, v := range volumes {
		for _, l := range v.Chain() {
			e.copies.end(mergeKey(l))
		}
	}
}

func (r *vmRun) inQEMU(m merging) machine.Merge {
	slot := 0
	if p := r.status.Pinned; p != nil {
		slot = p.Slots[machine.SlotOf("disks", m.disk)]
	}
	return machine.Merge{Merge: m.Merge, Disk: m.disk, Slot: slot, Chain: m.chain, IO: r.startedDisk(m.disk).DiskIO}
}

// startedDisk is a disk as the process has it.
func (r *vmRun) startedDisk(name string) vm.Disk {
	if p := r.status.Process; p != nil && p.Started != nil {
		return p.Started.Disks[name]
	}
	return vm.Disk{}
}

func (r *vmRun) mergeLive(ctx context.Context, m merging) (at *operation.Progress, err error) {
	if why := r.status.Process.Differs(r.in.Effective); why != "" {
		return nil, fault.New(fault.Precondition, "%s", why)
	}
	if r.status.State != vm.StateRunning { // QEMU lets go of no descriptor while its guest stands still
		return &operation.Progress{}, nil
	}
	with := r.inQEMU(m)
	r.mu.Lock()
	r.merges[r.in.Wish.Spec.UUID] = &m
	r.mu.Unlock()
	err = r.withLayers(ctx, with, false, func(files []*os.File) error {
		at, err = r.Hypervisor.Merge(ctx, r.in.Wish.Spec.UUID, with, files)
		return err
	})
	if err == nil && at == nil {
		return nil, errors.Join(r.settleMerge(ctx, m), r.durableMerge(ctx, m))
	}
	if err != nil && ctx.Err() == nil {
		err = errors.Join(err, r.settleMerge(ctx, m))
	}
	return at, err
}

// settleMerge has QEMU hold the layers as before, and end what it still does to them.
func (r *vmRun) settleMerge(ctx context.Context, m merging) error {
	with := r.inQEMU(m)
	err := r.withLayers(ctx, with, true, func(files []*os.File) error {
		return r.Hypervisor.Settle(ctx, r.in.Wish.Spec.UUID, with, files)
	})
	if err == nil {
		r.mu.Lock()
		delete(r.merges, r.in.Wish.Spec.UUID)
		r.mu.Unlock()
	}
	return err
}

// durableMerge flushes what a layer has gone into, where the disk forgets what is asked to be durable: the layer that goes was.
func (r *vmRun) durableMerge(ctx context.Context, m merging) error {
	if !r.startedDisk(m.disk).Forgets() {
		return nil
	}
	gone := m.Gone(m.chain)
	for _, l := range m.chain {
		if l.ID == gone.ID {
			continue
		}
		f, err := r.Volumes.Open(ctx, l.Pool, l.File(), true)
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *vmRun) withLayers(ctx context.Context, m machine.Merge, readOnly bool, do func([]*os.File) error) (err error) {
	var files []*os.File
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	for _, i := range m.Written() {
		f, err := r.Volumes.Open(ctx, m.Chain[i].Pool, m.Chain[i].File(), readOnly)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	return do(files)
}

// mergedOne writes down that a layer has gone into another: in every chain at once. Then its file goes.
func (r *vmRun) mergedOne(ctx context.Context, m merging) error {
	all, err := r.chains(ctx)
	if err != nil {
		return err
	}
	txn, values := store.Txn{}, map[string]any{}
	gone := m.Gone(m.chain)
	values[droppedKey(gone)] = gone
	above := all.without(m, &txn, values)
	if len(values)+len(txn.If) > store.MaxOps {
		return fault.New(fault.Exhausted, "%d snapshots and volumes stand on it, and only %d can be changed at once", len(values), store.MaxOps/2)
	}
	if err := r.commit(ctx, txn, values); err != nil {
		return err
	}
	r.copies.end(mergeKey(m.Lower(m.chain)))
	r.nameBelow(ctx, m, above)
	if err := r.noteMerged(ctx, m); err != nil {
		return err
	}
	return r.sweepDropped(ctx)
}

// nameBelow has the headers of those that stood on a layer that is gone name the one that they stand on now. QEMU does that to
// what it has open. Nobody of ours reads them.
func (r *vmRun) nameBelow(ctx context.Context, m merging, above []storage.Layer) {
	if !m.Down {
		return
	}
	for _, l := range above {
		if r.status.Process != nil && storage.Has(m.chain, l.ID) {
			continue
		}
		if err := r.Volumes.NameBelow(ctx, l, m.Lower(m.chain)); err != nil {
			r.Log.Warn("a layer's header names one below it that is gone", "layer", l.File(), "err", err)
		}
	}
}

// noteMerged writes the volume's note anew, before the file goes that the old one names.
func (r *vmRun) noteMerged(ctx context.Context, m merging) error {
	v, kv, err := store.Get[storage.Volume](ctx, r.Store, store.SpecKey(store.Ref{Kind: KindVolume, Project: m.volume.Project, Name: m.volume.Name}))
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.noteOnPool(ctx, v, kv.Value, "vm/"+r.target.Name)
}

// callOffMerge ends a merge for which nobody waits any more. Its layers stay two, until a snapshot is deleted again.
func (r *vmRun) callOffMerge(ctx context.Context) error {
	if r.status.Process != nil {
		return r.keepTo(ctx, nil)
	}
	m, err := r.mergeable(ctx)
	if err == nil && m != nil {
		r.copies.end(mergeKey(m.Lower(m.chain)))
	}
	return nil // there is none that could go on
}
