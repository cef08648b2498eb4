package reconcile

import (
	"context"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
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
		return nil
	}
	if err == nil {
		err = e.followed.await(ctx, kv.ModRevision)
	}
	if err != nil {
		return err
	}
	e.retire(ctx, t, others(orphans, v.UID))
	due := e.ops.of(t, v.Generation)
	in, was, err := e.seeVolume(ctx, t, v)
	if err != nil {
		return err
	}
	p, impossible := plan.Volume(in)
	if impossible != nil {
		e.noteVolume(t, was, storage.VolumeStatus{Made: in.Made, Problem: impossible.Error()})
		e.ops.end(ctx, due, operation.Failed, problem(impossible))
		return impossible
	}
	e.ops.begin(due, p)
	for i, s := range p.Steps {
		left := len(p.Steps) - i
		e.ops.step(due, left, operation.Running)
		if err := e.doVolume(ctx, s); err != nil {
			err = fault.Wrap(err, "cannot %s of volume %q", s.Name, v.Name)
			e.ops.step(due, left, operation.Failed)
			e.ops.end(ctx, due, operation.Failed, problem(err))
			e.noteVolume(t, was, storage.VolumeStatus{Made: in.Made, Problem: err.Error()})
			return err
		}
		e.ops.step(due, left, operation.Done)
	}
	switch {
	case p.Removed:
		return e.removeVolume(ctx, t, kv.ModRevision, due)
	case p.Reached:
		if !in.Made || in.Trouble {
			e.noteVolume(t, was, storage.VolumeStatus{Made: true})
			if err := e.writer.flush(ctx); err != nil {
				return err
			}
		}
		noted := e.noteOnPool(ctx, v, kv.Value, in.UsedBy)
		e.ops.end(ctx, due, operation.Done, nil)
		return noted
	}
	return nil
}

// seeVolume finds out what is there of a volume, and what was written down of it.
func (e *Engine) seeVolume(ctx context.Context, t operation.Target, v storage.Volume) (plan.VolumeInput, storage.VolumeStatus, error) {
	in := plan.VolumeInput{Wish: v, Made: v.SHA256 != ""}
	st, _, err := store.Get[storage.VolumeStatus](ctx, e.Store, volumeStatusKey(t))
	if err != nil && !missing(err) {
		return in, st, err
	}
	in.Made, in.Trouble = in.Made || st.Made, st.Problem != ""
	claim, _, err := store.Get[storage.Claim](ctx, e.Store, store.ClaimKey("disk", t.Project, t.Name))
	if err != nil && !missing(err) {
		return in, st, err
	}
	in.UsedBy = strings.Join(claim.Holders(), ", ")
	in.Exists, err = e.Volumes.Exists(ctx, v.Spec.Pool, v.File)
	return in, st, fault.Wrap(err, "cannot see volume %q", v.Name)
}

func (e *Engine) doVolume(ctx context.Context, s plan.Step) error {
	switch s.Kind {
	case plan.CreateVolume:
		return e.Volumes.Create(ctx, *s.Volume)
	case plan.DeleteVolume:
		return e.deleteVolume(ctx, *s.Volume)
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

func (e *Engine) removeVolume(ctx context.Context, t operation.Target, revision int64, due []*operation.Operation) error {
	e.writer.drop(volumeStatusKey(t))
	if err := e.writer.flush(ctx); err != nil {
		return err
	}
	ref := store.Ref{Kind: KindVolume, Project: t.Project, Name: t.Name}
	_, err := e.Store.Commit(ctx, store.Txn{
		If:   []store.Cmp{store.ModRevision(store.SpecKey(ref), revision)},
		Then: []store.Op{store.DeleteOp(store.SpecKey(ref)), store.DeletePrefixOp(store.StatusPrefix(ref))},
	})
	if err != nil {
		return fault.Wrap(err, "cannot remove volume %q", t.Name)
	}
	e.ops.end(ctx, due, operation.Done, nil)
	return nil
}
