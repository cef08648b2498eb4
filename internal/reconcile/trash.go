package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// loadTrash queues every volume in the trash.
func (e *Engine) loadTrash(ctx context.Context) error {
	all, _, err := store.ListAll[storage.Trashed](ctx, e.Store, store.SpecPrefix(KindTrash))
	for _, t := range all {
		e.queue.add(trashTarget(t.Value))
	}
	return err
}

func trashTarget(t storage.Trashed) operation.Target {
	to := target(KindTrash, t.Metadata)
	to.Name = t.UID
	return to
}

// trashed is what a volume is in the trash; nil where it is not to lie there.
func (e *Engine) trashed(p plan.Plan, v storage.Volume) *storage.Trashed {
	if !p.Trashed {
		return nil
	}
	until := *v.KeepUntil
	v.Deleted, v.KeepUntil = nil, nil
	return &storage.Trashed{Volume: v, At: e.Now(), Until: until}
}

// longest is how long a timer is set for at most: what is due in a year is looked at now and then.
const longest = 24 * time.Hour

// reconcileTrash takes a volume in the trash away for ever once its time is over. That it is being taken away is written
// down before its file goes: nobody gets it back from then on.
func (e *Engine) reconcileTrash(ctx context.Context, t operation.Target) error {
	orphans := e.ops.all(t)
	obj, kv, err := store.Get[storage.Trashed](ctx, e.Store, specKey(t))
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
	if left := obj.Until.Sub(e.Now()); !obj.Gone && left > 0 {
		e.queue.after(t, min(left, longest))
		return nil
	}
	if !obj.Gone {
		return e.condemn(ctx, t, obj, kv.ModRevision)
	}
	due := e.ops.of(t, obj.Generation)
	p := plan.Plan{Steps: []plan.Step{{Kind: plan.DeleteVolume, Name: "delete its file", Volume: &obj.Volume}}}
	e.ops.begin(due, p)
	e.ops.step(due, 1, operation.Running)
	if err := e.doVolume(ctx, p.Steps[0]); err != nil {
		err = fault.Wrap(err, "cannot delete volume %q in the trash", obj.Name)
		e.ops.step(due, 1, operation.Failed)
		e.giveUp(ctx, t, due, err)
		return err
	}
	e.ops.step(due, 1, operation.Done)
	_, err = e.Store.Commit(ctx, store.Txn{
		If: []store.Cmp{store.ModRevision(specKey(t), kv.ModRevision)}, Then: []store.Op{store.DeleteOp(specKey(t))},
	})
	if err != nil {
		return fault.Wrap(err, "cannot remove volume %q from the trash", obj.Name)
	}
	e.ops.end(ctx, due, operation.Done, nil)
	return nil
}

// condemn writes down that a volume is taken away now. The next look, which that brings about, does it.
func (e *Engine) condemn(ctx context.Context, t operation.Target, obj storage.Trashed, revision int64) error {
	obj.Gone = true
	op, err := store.PutJSON(specKey(t), obj, 0)
	if err != nil {
		return err
	}
	e.Log.Info("the time of a volume in the trash is over", "volume", obj.Name, "uid", obj.UID)
	_, err = e.Store.Commit(ctx, store.Txn{If: []store.Cmp{store.ModRevision(specKey(t), revision)}, Then: []store.Op{op}})
	if _, raced := errors.AsType[*store.CompareFailed](err); raced {
		return nil // it was taken out, and whoever did that brings about another look
	}
	return err
}
