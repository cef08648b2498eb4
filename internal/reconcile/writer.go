package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// writer writes statuses behind the backs of those who found them out: the newest value of each
// key, many keys in one transaction, so that a step never waits for the disk. Who needs to know
// that what it wrote is durable calls flush.
type writer struct {
	store store.Committer
	log   *slog.Logger

	mu      sync.Mutex
	pending map[string]store.Op
	order   []string
	waiting []waiting // told by the next commit that takes everything
	// refused says of a key why the store did not take what was put last under it, until something else is:
	// who put it may ask only after it was tried.
	refused map[string]error
	retry   bool // something could not be written
	wake    chan struct{}
}

// waiting is one who needs to know that what was put is durable.
type waiting struct {
	keys []string
	done chan error
}

func newWriter(s store.Committer, log *slog.Logger) *writer {
	return &writer{store: s, log: log, pending: map[string]store.Op{}, refused: map[string]error{}, wake: make(chan struct{}, 1)}
}

// put writes v under key soon. A value that cannot be encoded is our own mistake, and logged.
func (w *writer) put(key string, v any) {
	op, err := store.PutJSON(key, v, 0)
	if err != nil {
		w.log.Error("cannot encode a status", "key", key, "err", err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, have := w.pending[key]; !have {
		w.order = append(w.order, key)
	}
	w.pending[key] = op
	delete(w.refused, key)
	w.signal()
}

// again is how long to wait before what could not be written is tried once more.
const again = time.Second

// keep puts back what could not be written, where trying again may help. What is newer stays.
func (w *writer) keep(ops []store.Op, why error) {
	if !fault.Retryable(why) && fault.KindOf(why) != fault.Exhausted {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, op := range ops {
		if _, newer := w.pending[op.Key]; !newer {
			w.pending[op.Key] = op
			w.order = append(w.order, op.Key)
		}
	}
	w.retry = true
}

// drop forgets what was to be written under key.
func (w *writer) drop(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pending, key)
	delete(w.refused, key)
}

// flush returns when everything that was put before is durable. Of values that the store refuses for what
// they are, those under the keys named count: the others are somebody else's.
func (w *writer) flush(ctx context.Context, keys ...string) error {
	done := make(chan error, 1)
	w.mu.Lock()
	w.waiting = append(w.waiting, waiting{keys, done})
	w.signal()
	w.mu.Unlock()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "stopped before the status was written").Because(context.Cause(ctx))
	}
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run commits until ctx ends, and then what is left.
func (w *writer) run(ctx context.Context) {
	for {
		var later <-chan time.Time
		if w.failed() {
			later = time.After(again)
		}
		select {
		case <-w.wake:
			w.commit(context.WithoutCancel(ctx)) // begun is begun
		case <-later:
			w.commit(context.WithoutCancel(ctx))
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			w.commit(last)
			cancel()
			return
		}
	}
}

// failed reports whether something is left to be tried again.
func (w *writer) failed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.retry
}

// commit writes everything that is pending, in transactions of bounded size.
func (w *writer) commit(ctx context.Context) {
	w.mu.Lock()
	order, pending, flushes := w.order, w.pending, w.waiting
	w.order, w.pending, w.waiting, w.retry = nil, map[string]store.Op{}, nil, false
	w.mu.Unlock()

	var failed error
	for len(order) > 0 {
		n, bytes := 0, 0
		var ops []store.Op
		for n < len(order) && len(ops) < store.MaxOps && bytes < store.MaxTxnBytes/2 {
			if op, have := pending[order[n]]; have {
				ops, bytes = append(ops, op), bytes+len(op.Value)+len(op.Key)
				delete(pending, order[n]) // a key that was dropped and put again stands in order twice
			}
			n++
		}
		order = order[n:]
		if len(ops) == 0 {
			continue
		}
		failed = errors.Join(failed, w.write(ctx, ops))
	}
	for _, f := range flushes {
		err := failed
		for _, key := range f.keys {
			err = errors.Join(err, w.refusal(key))
		}
		f.done <- err
	}
}

// write commits ops. One that can never be written, because it is out of bounds, takes no other with it,
// since those are of other objects; it is noted in refused.
func (w *writer) write(ctx context.Context, ops []store.Op) error {
	_, err := w.store.Commit(ctx, store.Txn{Then: ops})
	if fault.KindOf(err) == fault.Invalid && len(ops) > 1 {
		half := len(ops) / 2
		return errors.Join(w.write(ctx, ops[:half]), w.write(ctx, ops[half:]))
	}
	if err == nil {
		return nil
	}
	w.log.Error("cannot write what was seen", "keys", len(ops), "first", ops[0].Key, "err", err)
	if fault.KindOf(err) == fault.Invalid {
		w.refuse(ops[0].Key, err)
		return nil
	}
	w.keep(ops, err)
	return err
}

// refuse notes that the store does not take what was put under key, unless something newer was put.
func (w *writer) refuse(key string, why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, newer := w.pending[key]; !newer {
		w.refused[key] = why
	}
}

func (w *writer) refusal(key string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused[key]
}
