package reconcile

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// disk keeps what is committed, and is full while it is told so.
type disk struct {
	mu      sync.Mutex
	full    error
	commits int
	kept    map[string]string
}

func (d *disk) Commit(_ context.Context, txn store.Txn) (store.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full != nil {
		return store.Result{}, d.full
	}
	if err := txn.Check(); err != nil {
		return store.Result{}, err
	}
	d.commits++
	for _, op := range txn.Then {
		d.kept[op.Key] = string(op.Value)
	}
	return store.Result{}, nil
}

func (d *disk) fill(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = err
}

func (d *disk) has(key string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.kept[key]
}

func writing(t *testing.T) (*disk, *writer, func()) {
	t.Helper()
	d, w, begin := toWrite()
	return d, w, begin()
}

// toWrite returns a writer that has not begun, what begins it and, of that, what ends it.
func toWrite() (*disk, *writer, func() func()) {
	d := &disk{kept: map[string]string{}}
	w := newWriter(d, slog.New(slog.DiscardHandler))
	return d, w, func() func() {
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { w.run(ctx) })
		return func() { cancel(); wg.Wait() }
	}
}

func TestTheNewestStatusOfEachKeyIsWritten(t *testing.T) {
	d, w, begin := toWrite()
	for i := range 1000 { // before the writer gets to run
		w.put("/a", i)
	}
	w.put("/b", "x")
	w.drop("/b")
	defer begin()()
	if err := w.flush(t.Context()); err != nil || d.has("/a") != "999" || d.has("/b") != "" {
		t.Errorf("a is %q, b %q, %v", d.has("/a"), d.has("/b"), err)
	}
	if d.commits > 1 {
		t.Errorf("%d commits for one key", d.commits)
	}
}

func TestWhatIsLeftIsWrittenAtTheEnd(t *testing.T) {
	d, w, stop := writing(t)
	w.put("/a", 1)
	stop()
	if d.has("/a") != "1" {
		t.Error("it is lost")
	}
}

func TestMoreThanATransactionHoldsIsWrittenInParts(t *testing.T) {
	d, w, stop := writing(t)
	defer stop()
	big := strings.Repeat("x", 512<<10)
	for i := range 600 {
		w.put("/small/"+string(rune('a'+i%26))+"/"+strings.Repeat("k", i/26+1), i)
	}
	for i := range 12 {
		w.put("/big/"+strings.Repeat("k", i+1), big)
	}
	if err := w.flush(t.Context()); err != nil || len(d.kept) != 612 {
		t.Errorf("%d keys, %v", len(d.kept), err)
	}
}

func TestAStatusThatCouldNotBeWrittenIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w, stop := writing(t)
		defer stop()
		d.fill(fault.New(fault.Exhausted, "no room"))
		w.put("/a", 1)
		w.put("/b", 1)
		if err := w.flush(t.Context()); fault.KindOf(err) != fault.Exhausted {
			t.Errorf("%v", err)
		}
		w.put("/b", 2)
		d.fill(nil)
		time.Sleep(2 * again) // of the bubble's clock
		synctest.Wait()
		if d.has("/a") != "1" || d.has("/b") != "2" {
			t.Errorf("a is %q, b %q", d.has("/a"), d.has("/b"))
		}
	})
}

func TestAKeyIsWithOneWorkerAtATimeAndLookedAtOnceMore(t *testing.T) {
	q := newQueue[string]()
	q.add("a")
	q.add("a")
	k, ok := q.next(t.Context())
	if k != "a" || !ok {
		t.Fatal(k, ok)
	}
	q.add("a") // while it is being looked at
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if k, ok := q.next(gone); ok {
		t.Fatalf("%s is with two workers", k)
	}
	q.done("a")
	if k, ok = q.next(t.Context()); k != "a" || !ok {
		t.Fatal("it is not looked at once more")
	}
	q.done("a")
	if _, ok := q.next(gone); ok {
		t.Error("it is looked at for ever")
	}
}

func TestTheSoonerOfTwoTimesCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue[string]()
		defer q.close()
		start := time.Now()
		q.after("a", time.Hour)
		q.after("a", time.Second)
		q.after("a", time.Minute)
		if k, ok := q.next(t.Context()); k != "a" || !ok || time.Since(start) != time.Second {
			t.Errorf("%s after %v", k, time.Since(start))
		}
	})
}

func TestTriesComeLaterAndLater(t *testing.T) {
	last := time.Duration(0)
	for n := 1; n < 40; n++ {
		d := backoff(n)
		if d < last || d > 5*time.Minute || n == 1 && d != time.Second {
			t.Errorf("try %d after %v", n, d)
		}
		last = d
	}
}

func TestAStatusThatCanNeverBeWrittenTakesNoOtherWithIt(t *testing.T) {
	d, w, stop := writing(t)
	defer stop()
	w.put("/a", 1)
	w.put("/poison", strings.Repeat("x", store.MaxValue+1))
	w.put("/b", 1)
	if err := w.flush(t.Context()); err != nil || d.has("/a") != "1" || d.has("/b") != "1" {
		t.Errorf("a is %q, b %q, %v", d.has("/a"), d.has("/b"), err)
	}
	w.put("/poison", strings.Repeat("x", store.MaxValue+1))
	if err := w.flush(t.Context(), "/poison"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("who waits for it hears %v", err)
	}
}
