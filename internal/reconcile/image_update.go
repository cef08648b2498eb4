package reconcile

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// lookAgain is how long an image that was replaced stays after the last that stood on it has gone.
const lookAgain = time.Minute

// takeName gives a newer version of an image, which is made, the name of the one that it replaces. That one gets a name
// of its own, and goes when nothing stands on it. All in one transaction: there is an image of that name all the time.
func (e *Engine) takeName(ctx context.Context, t operation.Target, kv store.KV, i storage.Image, due []*operation.Operation) error {
	st, stKV, err := store.Get[storage.ImageStatus](ctx, e.Store, imageStatusKey(t))
	if err != nil {
		return err
	}
	at := operation.Target{Kind: KindImage, Ref: t.Ref}
	at.Name = i.Replaces.Name
	old, oldKV, err := store.Get[storage.Image](ctx, e.Store, specKey(at))
	gone := missing(err)
	if err != nil && !gone {
		return err
	}
	if !gone && (old.UID != i.Replaces.UID || old.Deleted != nil) {
		why := fault.New(fault.Precondition, "image %q was deleted or made anew meanwhile", at.Name).Try("hv image list")
		return e.giveUpImage(ctx, t, kv.ModRevision, i, due, why)
	}
	txn := store.Txn{If: []store.Cmp{store.ModRevision(kv.Key, kv.ModRevision), store.ModRevision(stKV.Key, stKV.ModRevision)}}
	put := func(key string, v any) {
		op, bad := store.PutJSON(key, v, 0)
		txn.Then, err = append(txn.Then, op), bad
	}
	ref := store.Ref{Kind: KindImage, Project: t.Project, Name: t.Name}
	if gone {
		txn.If = append(txn.If, store.Absent(specKey(at)))
	} else {
		txn.If = append(txn.If, store.ModRevision(oldKV.Key, oldKV.ModRevision))
		if err := e.keepOld(ctx, &txn, at, old, i.UID); err != nil {
			return err
		}
	}
	i.Name, i.Replaces = at.Name, nil
	put(specKey(at), i)
	if err == nil {
		put(imageStatusKey(at), st)
	}
	if err != nil {
		return err
	}
	e.writer.drop(imageStatusKey(t))
	e.writer.drop(imageStatusKey(at))
	txn.Then = append(txn.Then, store.DeleteOp(kv.Key), store.DeletePrefixOp(store.StatusPrefix(ref)))
	if _, err := e.Store.Commit(ctx, txn); err != nil {
		return fault.Wrap(err, "cannot give the newer image the name %q", at.Name)
	}
	e.ops.end(ctx, due, operation.Done, nil)
	return nil
}

// tookName ends well the updates whose image has taken the name that it was to have, which a crash kept from being said, and returns the
// other operations.
func (e *Engine) tookName(ctx context.Context, t operation.Target, left []*operation.Operation) ([]*operation.Operation, error) {
	name, is := strings.CutSuffix(t.Name, storage.NextName(""))
	if !is || len(left) == 0 {
		return left, nil
	}
	at := t
	at.Name = name
	now, found, err := store.Find[storage.Image](ctx, e.Store, specKey(at))
	if err != nil || !found {
		return left, err
	}
	its := func(op *operation.Operation) bool { return op.TargetUID == now.UID }
	e.ops.end(ctx, slices.DeleteFunc(slices.Clone(left), func(op *operation.Operation) bool { return !its(op) }), operation.Done, nil)
	return slices.DeleteFunc(slices.Clone(left), its), nil
}

// keepOld gives an image that is replaced another name, under which it is on its way out.
func (e *Engine) keepOld(ctx context.Context, txn *store.Txn, at operation.Target, old storage.Image, by string) error {
	st, _, err := store.Get[storage.ImageStatus](ctx, e.Store, imageStatusKey(at))
	if err != nil && !missing(err) {
		return err
	}
	now := e.Now()
	kept := at
	kept.Name = storage.KeptName(old)
	old.Name, old.Replaced, old.Deleted, old.Generation = kept.Name, by, &now, old.Generation+1
	spec, err := store.PutJSON(specKey(kept), old, 0)
	if err != nil {
		return err
	}
	status, err := store.PutJSON(imageStatusKey(kept), st, 0)
	txn.If = append(txn.If, store.Absent(specKey(kept)))
	txn.Then = append(txn.Then, spec, status)
	return err
}
