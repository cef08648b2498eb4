// Package storetest is what every store has to keep: the promises of package store as tests.
//
// What lives here: Run and its tests, which know nothing but the interface. What does not: what one
// implementation promises beside them (its files, its locks, kill -9).
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// Backend is an implementation under test.
type Backend struct {
	// Open returns an empty store of its own, which is closed when t ends.
	Open func(t testing.TB) store.Store
	// Reopen closes a store and opens it again on what it has kept.
	Reopen func(t testing.TB, s store.Store) store.Store
	// FakeTime says that the store lives in this process alone, so that leases can be tried in a
	// bubble of testing/synctest, where hours pass at once.
	FakeTime bool
}

// Run tries every promise.
func Run(t *testing.T, b Backend) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Backend)
	}{
		{"what is put is got", putAndGet},
		{"revisions and versions count as in etcd", versions},
		{"a transaction is done whole or not at all", wholeOrNothing},
		{"a failed compare names every key that differs", compares},
		{"of many who race for a key one wins", race},
		{"no update is lost", counters},
		{"out of bounds is refused by name", bounds},
		{"lists page through one revision", lists},
		{"the caller's buffers stay the caller's", buffers},
		{"everything is there after a restart", restart},
		{"a watch sees each change once and in order", watches},
		{"a watch sees a transaction as one batch", batches},
		{"a watch starts in the past, across a restart", watchPast},
		{"a watch says how far it sees", progress},
		{"a slow watcher delays nobody and misses nothing", slow},
		{"a watch ends with its context and with its store", watchEnds},
		{"what is compacted is gone, and said to be", compaction},
		{"the future cannot be watched", future},
		{"keys vanish with their lease", leases},
		{"lease ids grow, across restarts", leaseIDs},
		{"a closed store says so", closed},
		{"any sequence of calls does what the model does", model},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, b) })
	}
}

// must is for calls that may not fail.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func put(key, value string) store.Op { return store.PutOp(key, []byte(value), 0) }

// commit does operations without conditions and returns the revision.
func commit(t testing.TB, s store.Store, ops ...store.Op) int64 {
	t.Helper()
	return must(s.Commit(context.Background(), store.Txn{Then: ops}))(t).Revision
}

// bubble runs f where time is fake, if the store allows it.
func (b Backend) bubble(t *testing.T, f func(t *testing.T)) {
	if b.FakeTime {
		synctest.Test(t, f)
		return
	}
	f(t)
}

// next returns the next batch with events.
func next(t testing.TB, w store.Watcher) store.Batch {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case b, ok := <-w.Events():
			if !ok {
				t.Fatalf("the watch has ended: %v", w.Err())
			}
			if len(b.Events) > 0 {
				return b
			}
		case <-deadline:
			t.Fatal("no batch came")
		}
	}
}

// until returns the events up to revision rev, which the watch must reach.
func until(t testing.TB, w store.Watcher, rev int64) []store.Event {
	t.Helper()
	var events []store.Event
	deadline := time.After(time.Minute)
	for last := int64(-1); ; {
		select {
		case b, ok := <-w.Events():
			if !ok {
				t.Fatalf("the watch has ended: %v", w.Err())
			}
			if b.Revision <= last {
				t.Fatalf("revision %d came after %d", b.Revision, last)
			}
			last = b.Revision
			events = append(events, b.Events...)
			if last >= rev {
				return events
			}
		case <-deadline:
			t.Fatalf("the watch stands at %d, want %d", last, rev)
		}
	}
}

// ended waits for the end of a watch and returns its reason.
func ended(t testing.TB, w store.Watcher) error {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case _, ok := <-w.Events():
			if !ok {
				return w.Err()
			}
		case <-deadline:
			t.Fatal("the watch goes on")
		}
	}
}

func text(e store.Event) string {
	s := fmt.Sprintf("%d %v %s=%s", e.KV.ModRevision, e.Type, e.KV.Key, e.KV.Value)
	if e.Prev != nil {
		s += fmt.Sprintf(" (was %s by %d, version %d)", e.Prev.Value, e.Prev.ModRevision, e.Prev.Version)
	}
	return s
}

func texts(events []store.Event) []string {
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = text(e)
	}
	return out
}

// isGone checks the shape of the error for a revision that is not there.
func isGone(t testing.TB, err error, asked int64) {
	t.Helper()
	c, ok := errors.AsType[*store.Compacted](err)
	if !ok || c.Asked != asked || !errors.Is(err, fault.Precondition) || fault.HintOf(err) == "" {
		t.Errorf("got %v, want that revision %d is gone", err, asked)
	}
}
