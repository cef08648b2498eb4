package reconcile

import (
	"context"
	"sync"
	"time"
)

// queue hands out keys to look at: each key to one worker at a time, and once more after that if it
// was added meanwhile. Adding is cheap and never blocks.
type queue[K comparable] struct {
	mu     sync.Mutex
	ready  []K
	queued map[K]bool // in ready
	busy   map[K]bool // with a worker
	again  map[K]bool // busy, and added since
	timers map[K]*timer
	wake   chan struct{} // holds a token while ready is not empty
	closed bool
}

type timer struct {
	at time.Time
	t  *time.Timer
}

func newQueue[K comparable]() *queue[K] {
	return &queue[K]{
		queued: map[K]bool{}, busy: map[K]bool{}, again: map[K]bool{}, timers: map[K]*timer{},
		wake: make(chan struct{}, 1),
	}
}

// add asks for a look at k.
func (q *queue[K]) add(k K) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.push(k)
}

func (q *queue[K]) push(k K) {
	if q.closed || q.queued[k] {
		return
	}
	if q.busy[k] {
		q.again[k] = true
		return
	}
	q.queued[k] = true
	q.ready = append(q.ready, k)
	q.signal()
}

func (q *queue[K]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// after asks for a look at k in d, or sooner where one is due sooner.
func (q *queue[K]) after(k K, d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := time.Now().Add(d)
	if old, ok := q.timers[k]; ok {
		if !old.at.After(at) {
			return
		}
		old.t.Stop()
	}
	if q.closed {
		return
	}
	entry := &timer{at: at}
	entry.t = time.AfterFunc(d, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.timers[k] == entry {
			delete(q.timers, k)
			q.push(k)
		}
	})
	q.timers[k] = entry
}

// next waits for a key and takes it. It returns false when ctx has ended.
func (q *queue[K]) next(ctx context.Context) (K, bool) {
	for {
		q.mu.Lock()
		if len(q.ready) > 0 {
			k := q.ready[0]
			q.ready = q.ready[1:]
			delete(q.queued, k)
			q.busy[k] = true
			if len(q.ready) > 0 {
				q.signal()
			}
			q.mu.Unlock()
			return k, true
		}
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			var none K
			return none, false
		case <-q.wake:
		}
	}
}

// done gives a key back.
func (q *queue[K]) done(k K) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.busy, k)
	if q.again[k] {
		delete(q.again, k)
		q.push(k)
	}
}

// close stops all timers; nothing is queued any more.
func (q *queue[K]) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, t := range q.timers {
		t.t.Stop()
	}
}
