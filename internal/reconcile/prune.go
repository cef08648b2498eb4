package reconcile

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// keptOperations is how many ended operations are kept to be looked at; the audit log keeps all.
const keptOperations = 1000

// Prune removes the oldest ended operations beyond those that are kept, and the marks of their
// idempotency keys.
func (e *Engine) Prune(ctx context.Context) error {
	statuses, _, err := store.ListAll[operation.Status](ctx, e.Store, store.StatusesPrefix(KindOperation))
	if err != nil {
		return err
	}
	ended := slices.DeleteFunc(statuses, func(s store.Object[operation.Status]) bool { return s.Value.Ended == nil })
	if len(ended) <= keptOperations {
		return nil
	}
	slices.SortFunc(ended, func(a, b store.Object[operation.Status]) int {
		return cmp.Or(a.Value.Ended.Compare(*b.Value.Ended), cmp.Compare(a.Key, b.Key))
	})
	marks, err := e.marks(ctx)
	if err != nil {
		return err
	}
	for group := range slices.Chunk(ended[:len(ended)-keptOperations], store.MaxOps/3) {
		if err := e.remove(ctx, group, marks); err != nil {
			return err
		}
	}
	return nil
}

// remove removes ended operations with their marks, in one transaction.
func (e *Engine) remove(ctx context.Context, ended []store.Object[operation.Status], marks map[string]string) error {
	var txn store.Txn
	for _, s := range ended {
		ref, _, err := store.ParseStatus(s.Key)
		if err != nil {
			continue
		}
		spec := store.SpecKey(ref)
		txn.Then = append(txn.Then, store.DeleteOp(spec), store.DeletePrefixOp(store.StatusPrefix(ref)))
		if mark, ok := marks[spec]; ok {
			txn.Then = append(txn.Then, store.DeleteOp(mark))
		}
	}
	_, err := e.Store.Commit(ctx, txn)
	return fault.Wrap(err, "cannot remove old operations")
}

// marks are the idempotency keys, by the operation that each stands for.
func (e *Engine) marks(ctx context.Context) (map[string]string, error) {
	all, _, err := store.ListAll[string](ctx, e.Store, store.ClaimPrefix("idempotency"))
	out := map[string]string{}
	for _, m := range all {
		out[m.Value] = m.Key
	}
	return out, err
}

// housekeep prunes now and then, until ctx ends: nothing waits for it.
func (e *Engine) housekeep(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.clockChanged()
			if err := e.Prune(ctx); err != nil && ctx.Err() == nil {
				e.Log.Warn("housekeeping", "err", err)
			}
		}
	}
}
