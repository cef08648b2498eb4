package sealing

import (
	"context"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// Watch is store.Watchable's. A value that cannot be opened ends it with fault.Unreadable.
func (s *Store) Watch(ctx context.Context, prefix string, from int64) (store.Watcher, error) {
	ctx, stop := context.WithCancel(ctx)
	beneath, err := s.Store.Watch(ctx, prefix, from)
	if err != nil {
		stop()
		return nil, err
	}
	w := &watcher{beneath: beneath, out: make(chan store.Batch)}
	go w.run(ctx, stop, s)
	return w, nil
}

// watcher hands on what the watch beneath delivers, opened. Its goroutine ends with that watch.
type watcher struct {
	beneath store.Watcher
	out     chan store.Batch

	mu  sync.Mutex // guards err
	err error
}

func (w *watcher) Events() <-chan store.Batch { return w.out }

func (w *watcher) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	return w.beneath.Err()
}

func (w *watcher) run(ctx context.Context, stop context.CancelFunc, s *Store) {
	defer func() { // the watch beneath is at its end when ours says so: then it says why
		stop()
		for range w.beneath.Events() {
		}
		close(w.out)
	}()
	for batch := range w.beneath.Events() {
		batch, err := s.openedBatch(batch)
		if err != nil {
			w.mu.Lock()
			w.err = err
			w.mu.Unlock()
			return
		}
		select {
		case w.out <- batch:
		case <-ctx.Done():
			return
		case <-s.closing:
			for range w.beneath.Events() { // it ends by itself, and says that the store was closed
			}
			return
		}
	}
}

// openedBatch returns b with its secrets in clear. b is not written to: other watchers have it too.
func (s *Store) openedBatch(b store.Batch) (store.Batch, error) {
	out := store.Batch{Revision: b.Revision, Events: make([]store.Event, len(b.Events))}
	for i, ev := range b.Events {
		kv, err := s.opened(ev.KV)
		if err != nil {
			return b, err
		}
		if ev.Prev != nil {
			prev, err := s.opened(*ev.Prev)
			if err != nil {
				return b, err
			}
			ev.Prev = &prev
		}
		ev.KV = kv
		out.Events[i] = ev
	}
	return out, nil
}
