package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// The names of a set's own files, below its UID.
const (
	memoryFile = ".memory"
	nvramFile  = ".nvram"
	tpmFile    = ".tpm"
)

// snapshots does what was asked about the sets of a VM, once that is otherwise what it is wished to be, and returns who
// waits for something else. An error says that something is left, which is to be looked at again.
func (r *vmRun) snapshots(ctx context.Context, due []*operation.Operation) ([]*operation.Operation, error) {
	err := r.leaveOthers(ctx, due)
	var left []*operation.Operation
	for _, op := range due {
		do := map[string]func(context.Context, *operation.Operation, string) error{"snapshot.create": r.take, "volume.clone": r.take, "snapshot.delete": r.drop, "snapshot.prune": r.drop}[op.Action]
		if do == nil {
			left = append(left, op)
			continue
		}
		one := []*operation.Operation{op}
		var failed error
		for _, name := range setsNamed(op) {
			failed = errors.Join(failed, do(ctx, op, name))
		}
		var at *operation.Progress
		if failed == nil && deletesSets(op) {
			at, failed = r.giveBack(ctx, strings.Join(setsNamed(op), ", "))
		}
		switch {
		case ctx.Err() != nil: // whoever comes next goes on
			return left, err
		case at != nil:
			r.ops.progress(one, "merge its layers with those that stay", *at)
			if r.status.State == vm.StateRunning { // what is copied beside the looks brings them about
				r.queue.after(r.target, mergesWithin)
			}
		case failed != nil:
			r.ops.end(ctx, one, operation.Failed, problem(failed))
		default:
			r.ops.end(ctx, one, operation.Done, nil)
		}
	}
	return left, errors.Join(err, r.left)
}

// leaveOthers ends what nobody waits for any more: who asked has called it off, before it was begun or in the middle, or was told
// that it failed. A set that is wished away goes.
func (r *vmRun) leaveOthers(ctx context.Context, due []*operation.Operation) error {
	sets := r.unfinished(r.in.Wish.Spec.UUID)
	asked := map[string]bool{}
	for _, op := range append(r.ops.all(r.target), due...) { // one that came since this look began is for the next
		for _, name := range setsNamed(op) {
			asked[name] = true
		}
	}
	var errs []error
	for name, phase := range sets {
		if asked[name] {
			continue
		}
		end := r.leave
		if phase == vm.SnapshotDeleting {
			end = func(ctx context.Context, name string) error { return r.drop(ctx, nil, name) }
		}
		if err := end(ctx, name); err != nil {
			errs = append(errs, fault.Wrap(err, "snapshot %q of vm %q is not gone yet", name, r.in.Wish.Name))
		}
	}
	return errors.Join(errs...)
}

// taking is one set on its way.
type taking struct {
	set   vm.Snapshot
	kv    store.KV
	disks []diskOf // in the order of their devices
	live  bool     // the VM has a process
}

// diskOf is one disk of it.
type diskOf struct {
	device string
	volume storage.Volume
	kv     store.KV
	next   storage.Volume // on its new layer
	put    bool           // the volume stands on it already
}

// take takes a set: of all of the VM, or none. It may be called again at any point.
func (r *vmRun) take(ctx context.Context, op *operation.Operation, name string) error {
	t, err := r.begun(ctx, name)
	if err == nil && t.set.Whole() {
		return nil
	}
	if missing(err) && op.Params["uid"] != "" { // what it was taken for is there, and it is gone
		if uid, found := r.uidOf(ctx, op.Params["volume"]); found == nil && uid == op.Params["uid"] {
			return nil
		}
	}
	if err == nil {
		err = r.taken(ctx, op, t)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	if back := r.leave(ctx, name); back != nil {
		r.left = errors.Join(r.left, fault.Wrap(back, "snapshot %q of vm %q failed and is not gone yet", name, r.in.Wish.Name))
	}
	if len(t.set.Clones) > 0 {
		return fault.Wrap(err, "cannot clone a disk of vm %q, which runs", r.in.Wish.Name)
	}
	return fault.Wrap(err, "cannot take snapshot %q of vm %q", name, r.in.Wish.Name)
}

// begun reads a set and the volumes that it is of.
func (r *vmRun) begun(ctx context.Context, name string) (taking, error) {
	t := taking{live: r.status.Process != nil}
	var err error
	t.set, t.kv, err = store.Get[vm.Snapshot](ctx, r.Store, snapshotKey(r.target, r.in.Wish.Spec.UUID, name))
	if err != nil {
		return t, err
	}
	for _, device := range t.set.Devices() {
		d := t.set.Disks[device]
		one, err := r.volumeOf(ctx, device, d)
		if err != nil {
			return t, err
		}
		if one.put = storage.Has(one.volume.Chain(), d.Overlay); one.put {
			one.next = one.volume
		} else if one.next, err = onOverlay(one.volume, one.volume.Chain(), d.Overlay); err != nil {
			return t, err
		}
		t.disks = append(t.disks, one)
	}
	return t, nil
}

// onOverlay is a volume that stands on a new layer on top of chain.
func onOverlay(v storage.Volume, chain []storage.Layer, id string) (storage.Volume, error) {
	next, err := storage.Overlay(chain, id, v.Spec.Size)
	if err != nil {
		return v, err
	}
	v = v.On(next)
	v.Frozen, v.SHA256 = false, ""
	return v, nil
}

// volumeOf is the volume behind a disk, which must still be the one that it was.
func (r *vmRun) volumeOf(ctx context.Context, device string, d vm.SnapshotDisk) (diskOf, error) {
	name := d.Volume
	if now, ok := r.in.Effective.Disks[device]; ok {
		name = now.Volume
	}
	v, kv, err := store.Get[storage.Volume](ctx, r.Store, store.SpecKey(store.Ref{Kind: KindVolume, Project: r.target.Project, Name: name}))
	if missing(err) || err == nil && (v.UID != d.VolumeUID || v.Deleted != nil) {
		return diskOf{}, fault.New(fault.NotFound, "disk %s: its volume %q is not there any more", device, d.Volume).
			Try("hv vm show %s", r.in.Wish.Name).WithCode("HV-SNAP-010")
	}
	return diskOf{device: device, volume: v, kv: kv}, err
}

// taken does it: the files, the chains, the moment, and then the set is whole.
func (r *vmRun) taken(ctx context.Context, op *operation.Operation, t taking) error {
	if err := r.asStarted(t); err != nil {
		return err
	}
	if err := r.putOn(ctx, t); err != nil {
		return err
	}
	taken := vm.Taken{At: r.Now(), State: r.status.State}
	file, err := r.moment(ctx, op, t, &taken)
	if err != nil {
		return err
	}
	if file != "" {
		size, err := r.Sets.Keep(ctx, file)
		if err != nil {
			return err
		}
		taken.Memory.Bytes, taken.Volumes = size, map[string]string{}
		for path, d := range r.status.Process.Started.Volumes() {
			if taken.Volumes[path], err = r.uidOf(ctx, d.Volume); err != nil {
				return err
			}
		}
	}
	set, kv, err := store.Get[vm.Snapshot](ctx, r.Store, t.kv.Key)
	if err != nil {
		return err
	}
	if len(set.Clones) > 0 {
		return r.cloned(ctx, set, kv)
	}
	set.Phase, set.Taken = "", &taken
	return r.commit(ctx, store.Txn{If: []store.Cmp{store.ModRevision(kv.Key, kv.ModRevision)}}, map[string]any{kv.Key: set})
}

// commit adds values to a transaction, and commits it.
func (r *vmRun) commit(ctx context.Context, txn store.Txn, values map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		op, err := store.PutJSON(key, values[key], 0)
		if err != nil {
			return err
		}
		txn.Then = append(txn.Then, op)
	}
	_, err := r.Store.Commit(ctx, txn)
	return err
}

// putOn makes the new layers, and then has all volumes consist of them, and the set of what they consisted of. Until QEMU
// hears of it both are right: an empty layer reads as what is below it.
func (r *vmRun) putOn(ctx context.Context, t taking) error {
	txn := store.Txn{If: []store.Cmp{store.ModRevision(t.kv.Key, t.kv.ModRevision)}}
	values := map[string]any{}
	set := t.set
	set.Disks = maps.Clone(set.Disks)
	for _, d := range t.disks {
		if d.put {
			continue
		}
		if err := atHome(d.volume); err != nil {
			return err
		}
		if err := r.Volumes.Create(ctx, d.next); err != nil {
			return err
		}
		txn.If = append(txn.If, store.ModRevision(d.kv.Key, d.kv.ModRevision))
		values[d.kv.Key] = d.next
		was := set.Disks[d.device]
		was.Layers, was.Frozen = d.volume.Chain(), d.volume.Frozen
		set.Disks[d.device] = was
	}
	if len(values) == 0 {
		return nil
	}
	values[t.kv.Key] = set
	return r.commit(ctx, txn, values)
}

// moment takes what a set is of besides its disks, at one moment with them. It returns the name of the file of the memory.
func (r *vmRun) moment(ctx context.Context, op *operation.Operation, t taking, taken *vm.Taken) (string, error) {
	uuid := r.in.Wish.Spec.UUID
	if !t.live && len(t.set.Clones) > 0 { // its guest has ended since: nobody writes to what it wrote
		return "", nil
	}
	if !t.live {
		return "", errors.Join(r.keepNVRAM(ctx, t, taken), r.keepTPM(ctx, t, taken))
	}
	if t.set.Memory {
		if err := r.Hypervisor.Savable(ctx, uuid); err != nil {
			return "", err
		}
	}
	files, overlays, err := r.overlays(ctx, t)
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	if err != nil {
		return "", err
	}
	thaw, err := r.quiesce(ctx, t.set, taken)
	if err != nil {
		return "", err
	}
	defer thaw()
	file := ""
	taken.Pause, err = r.Hypervisor.Overlay(ctx, uuid, overlays, files, func(ctx context.Context) error {
		taken.At = r.Now()
		if err := r.stillQuiet(t.set, taken); err != nil {
			return err
		}
		if len(t.set.Clones) > 0 { // of a disk and nothing else
			return nil
		}
		if err := errors.Join(r.keepNVRAM(ctx, t, taken), r.keepTPM(ctx, t, taken)); err != nil || !t.set.Memory {
			return err
		}
		file = t.set.UID + memoryFile
		return r.saveInto(ctx, op, file, taken)
	})
	return file, err
}

// keepNVRAM copies what the firmware remembers.
func (r *vmRun) keepNVRAM(ctx context.Context, t taking, taken *vm.Taken) error {
	secure := r.in.Effective.SecureBoot
	if p := r.status.Process; p != nil && p.Started != nil {
		secure = p.Started.SecureBoot // what is wished since is for its next start
	}
	from, err := r.Firmware.Read(ctx, r.in.Wish.Spec.UUID, secure)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	taken.NVRAM, taken.Secure = true, secure
	return copyTo(ctx, r.Sets, t.set.UID+nvramFile, from, info.Size())
}

// movesWithin is how often it is asked how far a memory is on its way to its file. Its end is told by an event that the
// follower has, and the guest stands still meanwhile.
const movesWithin = 20 * time.Millisecond

// saveInto writes the memory and the devices of a guest that stands still to a file, and waits for it.
func (r *vmRun) saveInto(ctx context.Context, op *operation.Operation, name string, taken *vm.Taken) (err error) {
	uuid, process := r.in.Wish.Spec.UUID, *r.status.Process
	file, err := r.Sets.Create(ctx, name, plan.SavedRoom(*process.Started))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := r.Hypervisor.Save(ctx, uuid, file); err != nil {
		return err
	}
	for {
		seen, err := r.Hypervisor.Observe(ctx, uuid)
		if err != nil {
			return err
		}
		m := seen.Moving
		switch {
		case seen.Process == nil:
			return fault.New(fault.Precondition, "QEMU ended while its memory was saved: %s", words(seen))
		case m != nil && m.State == vm.MoveDone && seen.RunState == "postmigrate":
			saved := vm.Saved{
				Phase: vm.IsSaved, File: name, At: taken.At, Generation: r.status.ObservedGeneration, Power: vm.On,
				Accelerator: r.status.Accelerator, Process: process,
			}
			if p := r.status.Pinned; p != nil {
				saved.MachineType, saved.Pinned = p.MachineType, p
			}
			taken.Memory = &saved
			return nil
		case m != nil && (m.State == vm.MoveFailed || m.State == vm.MoveCancelled):
			return fault.New(fault.Precondition, "its memory could not be saved: %s", m.Why).WithCode("HV-SNAP-012").Try("hv vm logs %s --log qemu", r.in.Wish.Name)
		case m != nil:
			r.ops.progress([]*operation.Operation{op}, "save its memory", operation.Progress{Done: m.Done, Total: m.Total, Unit: "bytes"})
		}
		if r.ops.cancelled(op) || ctx.Err() != nil {
			return errors.Join(fault.New(fault.Unavailable, "it was called off"), r.Hypervisor.Abandon(context.WithoutCancel(ctx), uuid))
		}
		select {
		case <-time.After(movesWithin):
		case <-ctx.Done():
		}
	}
}
