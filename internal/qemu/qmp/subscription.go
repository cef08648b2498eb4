package qmp

import (
	"context"
	"fmt"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Subscription is an ordered view of a monitor's events, for one reader. It never drops one in
// silence: if its reader is too slow there is a gap, and in the gap's place an *Overflow.
type Subscription struct {
	name            string // whose events, for errors
	only            map[string]bool
	maxLen, maxSize int
	drop            func()
	wake            chan struct{} // holds one token while there may be something to take

	mu    sync.Mutex
	queue []Event
	size  int // bytes of data in queue
	lost  uint64
	end   error
}

// Overflow stands for the events that a reader was too slow to get.
type Overflow struct {
	Lost uint64
}

func (o *Overflow) Error() string { return fmt.Sprintf("%d events lost", o.Lost) }

// Subscribe returns all events from now on, or those of the given names. It may be called before
// Negotiate: QEMU sends no event before that, so a subscription made by then misses none. Every
// event that QEMU sent before the answer to a command is in the queue when Execute returns.
func (c *Client) Subscribe(names ...string) *Subscription {
	s := &Subscription{
		name: c.o.Name, maxLen: c.o.MaxEvents, maxSize: c.o.MaxEventBytes,
		wake: make(chan struct{}, 1),
	}
	for _, n := range names {
		if s.only == nil {
			s.only = make(map[string]bool, len(names))
		}
		s.only[n] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.drop = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.subs, s)
	}
	if c.over {
		s.finish(c.reason)
		return s
	}
	c.subs[s] = struct{}{}
	return s
}

// Next returns the next event, waiting for it. Its error is ctx's own if ctx ended; the monitor's
// (kind Unavailable) if that ended and all its events were taken; kind Exhausted with an *Overflow
// inside, once, where events are missing: then ask for the state, and go on with Next.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		if e, ok, err := s.take(); ok || err != nil {
			return e, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

// Close ends the subscription; Next returns what is queued and then an error of kind Unavailable.
func (s *Subscription) Close() {
	s.drop()
	s.finish(fault.New(fault.Unavailable, "%s: the subscription is closed", s.name))
}

func (s *Subscription) take() (Event, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		e := s.queue[0]
		s.queue[0] = Event{} // let go of its data
		s.queue = s.queue[1:]
		s.size -= len(e.Data)
		return e, true, nil
	}
	s.queue = nil
	if s.lost > 0 {
		gap := &Overflow{Lost: s.lost}
		s.lost = 0
		return Event{}, false, fault.New(fault.Exhausted, "%s: events came faster than they were read", s.name).Because(gap)
	}
	return Event{}, false, s.end
}

// push is called by the reader of the monitor only.
func (s *Subscription) push(e Event) {
	if s.only != nil && !s.only[e.Name] {
		return
	}
	s.mu.Lock()
	if s.lost > 0 || len(s.queue) >= s.maxLen || s.size+len(e.Data) > s.maxSize {
		s.lost++
	} else {
		s.queue = append(s.queue, e)
		s.size += len(e.Data)
	}
	s.mu.Unlock()
	s.signal()
}

func (s *Subscription) finish(err error) {
	s.mu.Lock()
	if s.end == nil {
		s.end = err
	}
	s.mu.Unlock()
	s.signal()
}

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
