package reconcile

import (
	"context"
	"errors"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// named is a VM by its UUID, whatever its name: looks go by names, and a VM may get another while one is
// under way.
type named struct {
	mu sync.Mutex
	at operation.Target // under which it was looked at last
}

// alone keeps every other look at the VM of that UUID away until done. What was seen of it under another name
// is taken along. Where it had to wait, what was read before counts no more.
func (e *Engine) alone(t operation.Target, uuid string) (done func(), waited bool) {
	e.mu.Lock()
	n := e.alones[uuid]
	if n == nil {
		n = &named{at: t}
		e.alones[uuid] = n
	}
	e.mu.Unlock()
	if waited = !n.mu.TryLock(); waited {
		n.mu.Lock()
	}
	e.mu.Lock()
	waited = waited || n.at != t && e.names[uuid] != t.Ref // it has got its other name since it was read
	e.mu.Unlock()
	if n.at != t && !waited {
		e.mu.Lock()
		if st, known := e.power[n.at]; known {
			e.power[t] = st
			delete(e.power, n.at)
			if st != nil {
				e.writer.drop(powerKey(n.at))
				e.writer.put(powerKey(t), *st)
			}
		}
		if seen, known := e.resets[n.at]; known {
			e.resets[t] = seen
			delete(e.resets, n.at)
		}
		e.mu.Unlock()
		n.at = t
	}
	return n.mu.Unlock, waited
}

// again has an object looked at once more.
func (e *Engine) again(t operation.Target) error {
	e.queue.add(t)
	return nil
}

// absent takes away what is left under a name that has no VM: it was deleted, or has another name now.
func (e *Engine) absent(ctx context.Context, t operation.Target, orphans []*operation.Operation) error {
	e.retire(ctx, t, orphans)
	e.mu.Lock()
	moved := false
	for uuid, n := range e.alones {
		if n.at == t {
			moved = e.names[uuid] != t.Ref // what was seen of it is taken along by the look at its new name
		}
	}
	if !moved {
		delete(e.power, t)
		delete(e.resets, t)
	}
	e.mu.Unlock()
	e.writer.drop(powerKey(t))
	ref := store.Ref{Kind: t.Kind, Project: t.Project, Name: t.Name}
	if _, err := e.Store.Get(ctx, powerKey(t)); missing(err) {
		return nil
	}
	_, err := e.Store.Commit(ctx, store.Txn{
		If: []store.Cmp{store.Absent(specKey(t))}, Then: []store.Op{store.DeletePrefixOp(store.StatusPrefix(ref))},
	})
	if _, raced := errors.AsType[*store.CompareFailed](err); raced {
		return nil
	}
	return err
}
