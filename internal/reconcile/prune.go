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

// prune removes the oldest ended operations beyond those that are kept, and the marks of their
// idempotency keys.
func (e *Engine) prune(ctx context.Context) error {
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
	var txn store.Txn
	for _, s := range ended[:len(ended)-keptOperations] {
		ref, _, err := store.ParseStatus(s.Key)
		if err != nil {
			continue
		}
		spec := store.SpecKey(ref)
		txn.Then = append(txn.Then, store.DeleteOp(spec), store.DeletePrefixOp(store.StatusPrefix(ref)))
		if mark, ok := marks[spec]; ok {
			txn.Then = append(txn.Then, store.DeleteOp(mark))
		}
		if len(txn.Then) > store.MaxOps-3 {
			break // the rest goes next time
		}
	}
	_, err = e.Store.Commit(ctx, txn)
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
			if err := e.prune(ctx); err != nil && ctx.Err() == nil {
				e.Log.Warn("housekeeping", "err", err)
			}
		}
	}
}
