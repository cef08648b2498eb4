package reconcile

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// loadVolumes queues every volume.
func (e *Engine) loadVolumes(ctx context.Context) error {
	volumes, _, err := store.ListAll[storage.Volume](ctx, e.Store, store.SpecPrefix(KindVolume))
	for _, v := range volumes {
		e.queue.add(target(KindVolume, v.Value.Metadata))
	}
	return err
}

// reconcileVolume makes one volume what it is wished to be.
func (e *Engine) reconcileVolume(ctx context.Context, t operation.Target) error {
	orphans := e.ops.all(t)
	v, kv, err := store.Get[storage.Volume](ctx, e.Store, specKey(t))
	if missing(err) {
		e.retire(ctx, t, orphans)
		return e.forgetVolume(ctx, t)
	}
	if err == nil {
		err = e.followed.await(ctx, kv.ModRevision)
	}
	if err != nil {
		return err
	}
	e.retire(ctx, t, others(orphans, v.UID))
	due := e.ops.of(t, v.Generation)
	in, was, done, err := e.seeVolume(ctx, t, v)
	defer done()
	if err != nil {
		e.giveUp(ctx, t, due, err)
		return err
	}
	in.Cancel = slices.ContainsFunc(due, e.ops.cancelled)
	p, impossible := plan.Volume(in)
	if impossible != nil {
		e.noteVolume(t, was, storage.VolumeStatus{Made: in.Made, Problem: impossible.Error(), Size: in.Size})
		e.ops.end(ctx, due, operation.Failed, problem(impossible))
		return impossible
	}
	if p.Moving != nil {
		e.ops.progress(due, p.Moving.Name, operation.Progress{Done: p.Moving.Done, Total: p.Moving.Total, Unit: "percent"})
		return nil
	}
	if len(p.Steps) > 0 { // else what was found out on the way here stays said
		e.ops.begin(due, p)
	}
	defer e.holdKeys(v.Chain())()
	for i, s := range p.Steps {
		left := len(p.Steps) - i
		e.ops.step(due, left, operation.Running)
		do := e.doVolume
		if s.Kind == plan.SplitDisk {
			do = func(ctx context.Context, s plan.Step) error { return e.split(ctx, s, due) }
		}
		err := do(ctx, s)
		if s.Kind == plan.SwitchDisk && errors.Is(err, qmp.ErrJobFailed) {
			e.queue.add(t) // at once: the guest writes to the old again, and until that is written down it must not end
			return nil
		}
		if err != nil {
			err = fault.Wrap(err, "cannot %s of volume %q", s.Name, v.Name)
			e.ops.step(due, left, operation.Failed)
			e.ops.end(ctx, due, operation.Failed, problem(err))
			e.noteVolume(t, was, storage.VolumeStatus{Made: in.Made, Problem: err.Error(), Size: in.Size})
			return err
		}
		e.ops.step(due, left, operation.Done)
	}
	switch {
	case p.Becomes != nil, p.Removed && v.Source != nil:
		return e.settleCopy(ctx, t, in, p, kv.ModRevision, due)
	case p.Removed:
		// What was deleted is not rebuilt from a note; one that is restored gets its own again. Of one whose file went before
		// a crash the note may be there still.
		if err := e.dropNote(ctx, v); err != nil {
			return err
		}
		return e.removeVolume(ctx, t, kv.ModRevision, due, e.trashed(p, v))
	case p.Reached:
		return e.volumeReached(ctx, t, in, was, kv.Value, due)
	}
	return nil
}

// volumeReached writes down that a volume is what it is wished to be.
func (e *Engine) volumeReached(ctx context.Context, t operation.Target, in plan.VolumeInput, was storage.VolumeStatus, value []byte, due []*operation.Operation) error {
	if in.Wish.Busy() == "" { // a VM may have waited for an export to end, and nobody else looks at it then
		if err := e.freed(ctx, t.Project, t.Name); err != nil {
			return err
		}
	}
	if !in.Made || in.Trouble {
		e.noteVolume(t, was, storage.VolumeStatus{Made: true})
		if err := e.writer.flush(ctx); err != nil {
			return err
		}
	}
	noted := e.noteOnPool(ctx, in.Wish, value, in.UsedBy)
	e.ops.end(ctx, due, operation.Done, nil)
	return noted
}

// seeVolume finds out what is there of a volume, and what was written down of it. Until done its VMs are left as they
// are.
func (e *Engine) seeVolume(ctx context.Context, t operation.Target, v storage.Volume) (in plan.VolumeInput, st storage.VolumeStatus, done func(), err error) {
	in, done = plan.VolumeInput{Wish: v, Made: v.SHA256 != ""}, func() {}
	st, _, err = store.Get[storage.VolumeStatus](ctx, e.Store, volumeStatusKey(t))
	if err != nil && !missing(err) {
		return in, st, done, err
	}
	in.Made, in.Trouble = in.Made || st.Made, st.Problem != ""
	in.Copy = e.copies.of(copyFile(v))
	claim, _, err := store.Get[storage.Claim](ctx, e.Store, store.ClaimKey("disk", t.Project, t.Name))
	if err != nil && !missing(err) {
		return in, st, done, err
	}
	in.UsedBy = strings.Join(claim.Holders(), ", ")
	if v.Source != nil && v.Source.Live {
		in.Disks, done, err = e.seeSource(ctx, t, v)
		return in, st, done, fault.Wrap(err, "cannot see volume %q", v.Source.Volume)
	}
	if in.Exists, err = e.Volumes.Exists(ctx, v.Spec.Pool, v.File); err == nil && in.Exists && v.Deleted == nil {
		if in.Disks, done, err = e.seeDisks(ctx, t, claim.Holders()); err == nil {
			in.Size, err = e.Volumes.Size(ctx, v)
		}
		if err == nil && v.Moving != nil && v.Moving.Live {
			err = e.seeMirror(ctx, v, in.Disks)
		}
		if can, closed := e.Volumes.Can(v.Head().Pool); closed == nil {
			in.Block = can.Block
		}
	}
	return in, st, done, fault.Wrap(err, "cannot see volume %q", v.Name)
}

func (e *Engine) doVolume(ctx context.Context, s plan.Step) error {
	if s.Volume != nil && s.Kind != plan.ResizeDisk { // whatever is done to its files
		e.yield(*s.Volume)
	}
	switch s.Kind {
	case plan.CreateVolume:
		return e.Volumes.Create(ctx, *s.Volume)
	case plan.DeleteVolume:
		return e.deleteVolume(ctx, *s.Volume)
	case plan.CopyVolume:
		return e.beginCopy(ctx, *s.Volume)
	case plan.DiscardFiles:
		e.copies.end(copyFile(*s.Volume))
		return e.discardFiles(ctx, *s.Volume, s.Layers)
	case plan.GrowVolume:
		if s.Volume.Frozen { // what others stand on does not grow under them
			_, err := e.ownHead(ctx, *s.Volume)
			return err
		}
		return e.Volumes.Grow(ctx, *s.Volume)
	case plan.MirrorDisk:
		return e.beginMirror(ctx, *s.Volume, *s.Disk)
	case plan.HoldDisk, plan.SwitchDisk, plan.EndMirror:
		return e.doMirror(ctx, s)
	case plan.ResizeDisk:
		return e.Hypervisor.ResizeDisk(ctx, s.Disk.UUID, s.Disk.Device, s.Volume.Spec.Size)
	default:
		return fault.New(fault.Internal, "a volume has no step %q", s.Kind)
	}
}

func volumeStatusKey(t operation.Target) string {
	return store.StatusKey(store.Ref{Kind: KindVolume, Project: t.Project, Name: t.Name}, writerName)
}

// noteVolume writes what was found out, if that is new.
func (e *Engine) noteVolume(t operation.Target, was, st storage.VolumeStatus) {
	if was != st {
		e.writer.put(volumeStatusKey(t), st)
	}
}

// forgetVolume takes away what was seen under a name that has no volume: it was deleted, or has another name now, and
// the next volume of this name is another one.
func (e *Engine) forgetVolume(ctx context.Context, t operation.Target) error {
	e.writer.drop(volumeStatusKey(t))
	if _, found, err := store.Find[storage.VolumeStatus](ctx, e.Store, volumeStatusKey(t)); err != nil || !found {
		return err
	}
	ref := store.Ref{Kind: KindVolume, Project: t.Project, Name: t.Name}
	_, err := e.Store.Commit(ctx, store.Txn{If: []store.Cmp{store.Absent(specKey(t))}, Then: []store.Op{store.DeletePrefixOp(store.StatusPrefix(ref))}})
	if _, raced := errors.AsType[*store.CompareFailed](err); raced {
		return nil
	}
	return err
}

// removeVolume takes the object away, and puts it into the trash in the same transaction where it is to lie there.
func (e *Engine) removeVolume(ctx context.Context, t operation.Target, revision int64, due []*operation.Operation, trashed *storage.Trashed) error {
	if trashed == nil {
		return e.takeAway(ctx, t, revision, due)
	}
	op, err := store.PutJSON(store.SpecKey(store.Ref{Kind: KindTrash, Project: t.Project, Name: trashed.UID}), trashed, 0)
	if err != nil {
		return err
	}
	return e.takeAway(ctx, t, revision, due, op)
}

// takeAway takes an object away, with what was seen of it, if nobody wished anything since; also is done in the same transaction.
func (e *Engine) takeAway(ctx context.Context, t operation.Target, revision int64, due []*operation.Operation, also ...store.Op) error {
	ref := store.Ref{Kind: t.Kind, Project: t.Project, Name: t.Name}
	e.writer.drop(store.StatusKey(ref, writerName))
	if err := e.writer.flush(ctx); err != nil {
		return err
	}
	if _, err := e.Store.Commit(ctx, store.Txn{
		If:   []store.Cmp{store.ModRevision(store.SpecKey(ref), revision)},
		Then: append([]store.Op{store.DeleteOp(store.SpecKey(ref)), store.DeletePrefixOp(store.StatusPrefix(ref))}, also...),
	}); err != nil {
		return fault.Wrap(err, "cannot remove %s %q", t.Kind, t.Name)
	}
	e.ops.end(ctx, due, operation.Done, nil)
	return nil
}
