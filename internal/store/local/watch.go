package local

import (
	"context"
	"strings"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// What the hub keeps of the newest changes for watches that keep up; those that do not read the
// file.
const (
	recentBatches = 1024
	recentBytes   = 4 << 20
)

// hub knows the newest revision and the newest changes, and wakes whoever waits for more.
type hub struct {
	mu      sync.Mutex
	rev     int64 // the newest durable revision
	floor   int64 // the oldest revision that can be read
	recent  []store.Batch
	bytes   int
	changed chan struct{} // closed, and replaced, when rev grows
}

func newHub(rev, floor int64) *hub {
	return &hub{rev: rev, floor: floor, changed: make(chan struct{})}
}

// publish announces batches, one for each revision after the newest.
func (h *hub) publish(batches []store.Batch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range batches {
		h.bytes += weight(b)
	}
	h.recent = append(h.recent, batches...)
	drop := 0
	for len(h.recent)-drop > recentBatches || h.bytes > recentBytes && drop < len(h.recent) {
		h.bytes -= weight(h.recent[drop])
		drop++
	}
	clear(h.recent[:drop]) // for the garbage collector, until append moves the rest
	h.recent = h.recent[drop:]
	h.rev = batches[len(batches)-1].Revision
	close(h.changed)
	h.changed = make(chan struct{})
}

func weight(b store.Batch) int {
	n := 64
	for _, e := range b.Events {
		n += 128 + len(e.KV.Key) + len(e.KV.Value)
		if e.Prev != nil {
			n += len(e.Prev.Value)
		}
	}
	return n
}

func (h *hub) revision() (newest, floor int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rev, h.floor
}

// raise announces that what was superseded up to floor goes away.
func (h *hub) raise(floor int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.floor = max(h.floor, floor)
}

// since returns the batches from revision next to the newest; ok is false when not all of them are
// in memory. changed is closed when there are more.
func (h *hub) since(next int64) (batches []store.Batch, newest int64, changed <-chan struct{}, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if next > h.rev {
		return nil, h.rev, h.changed, true
	}
	if len(h.recent) == 0 || h.recent[0].Revision > next {
		return nil, h.rev, h.changed, false
	}
	return append(batches, h.recent[next-h.recent[0].Revision:]...), h.rev, h.changed, true
}

// watch is one watcher's way through the revisions.
type watch struct {
	s      *Store
	prefix string
	next   int64 // the first revision that was not looked at
	told   int64 // the last revision that the reader knows of
	events chan store.Batch
	ended  chan struct{}
	err    error // stands when ended is closed
}

// Watch implements store.Watchable.
func (s *Store) Watch(ctx context.Context, prefix string, from int64) (store.Watcher, error) {
	if err := store.CheckPrefix(prefix); err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	newest, floor := s.hub.revision()
	if from <= 0 {
		from = newest + 1
	}
	if from <= floor || from > newest+1 {
		return nil, store.Gone(from, floor, newest)
	}
	w := &watch{s: s, prefix: prefix, next: from, told: from - 1, events: make(chan store.Batch), ended: make(chan struct{})}
	begun := s.begin(func() {
		w.err = w.run(ctx)
		close(w.ended)
		close(w.events)
	})
	if !begun {
		return nil, errClosed()
	}
	return w, nil
}

func (w *watch) Events() <-chan store.Batch { return w.events }

func (w *watch) Err() error {
	select {
	case <-w.ended:
		return w.err
	default:
		return nil
	}
}

// run delivers until something ends it.
func (w *watch) run(ctx context.Context) error {
	for {
		batches, newest, changed, ok := w.s.hub.since(w.next)
		if !ok {
			var err error
			if batches, newest, err = w.s.eventsFrom(ctx, w.prefix, w.next); err != nil {
				return err
			}
			changed = nil // there may be more in the file: no waiting
		}
		for _, b := range batches {
			if b = under(w.prefix, b); len(b.Events) == 0 {
				continue
			}
			if err := w.send(ctx, b, nil); err != nil {
				return err
			}
		}
		w.next = newest + 1
		if changed == nil {
			continue
		}
		if w.told < newest {
			if err := w.send(ctx, store.Batch{Revision: newest}, changed); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.s.closing:
			return errClosed()
		}
	}
}

// send delivers a batch, unless stale is closed first.
func (w *watch) send(ctx context.Context, b store.Batch, stale <-chan struct{}) error {
	select {
	case w.events <- b:
		w.told = b.Revision
	case <-stale:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.s.closing:
		return errClosed()
	}
	return nil
}

// under returns what of a batch is under prefix.
func under(prefix string, b store.Batch) store.Batch {
	n := 0
	for _, e := range b.Events {
		if strings.HasPrefix(e.KV.Key, prefix) {
			n++
		}
	}
	if n == len(b.Events) {
		return b
	}
	part := store.Batch{Revision: b.Revision}
	if n > 0 {
		part.Events = make([]store.Event, 0, n)
	}
	for _, e := range b.Events {
		if strings.HasPrefix(e.KV.Key, prefix) {
			part.Events = append(part.Events, e)
		}
	}
	return part
}
