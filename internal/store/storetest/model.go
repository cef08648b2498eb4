package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// world is a store in a few lines: every revision is a map of its own.
type world struct {
	at     []map[string]store.KV // by revision
	events [][]store.Event       // by revision
	floor  int64
}

func newWorld() *world {
	return &world{at: []map[string]store.KV{{}}, events: [][]store.Event{nil}}
}

func (w *world) rev() int64 { return int64(len(w.at) - 1) }

func (w *world) now() map[string]store.KV { return w.at[w.rev()] }

// commit does what a store should and returns the keys whose comparisons fail.
func (w *world) commit(txn store.Txn) (failed []string) {
	for _, c := range txn.If {
		if !c.Holds(w.now()[c.Key].ModRevision) {
			failed = append(failed, c.Key)
		}
	}
	if len(failed) > 0 {
		return failed
	}
	rev, next := w.rev()+1, map[string]store.KV{}
	for k, kv := range w.now() {
		next[k] = kv
	}
	var events []store.Event
	remove := func(key string) {
		if old, ok := next[key]; ok {
			events = append(events, store.Event{Type: store.Delete, KV: store.KV{Key: key, ModRevision: rev}, Prev: &old})
			delete(next, key)
		}
	}
	for _, op := range txn.Then {
		switch op.Kind {
		case store.OpPut:
			kv := store.KV{Key: op.Key, Value: op.Value, CreateRevision: rev, ModRevision: rev, Version: 1}
			e := store.Event{Type: store.Put}
			if old, ok := next[op.Key]; ok {
				kv.CreateRevision, kv.Version, e.Prev = old.CreateRevision, old.Version+1, &old
			}
			next[op.Key], e.KV = kv, kv
			events = append(events, e)
		case store.OpDelete:
			remove(op.Key)
		case store.OpDeletePrefix:
			for _, kv := range list(next, op.Key, "") {
				remove(kv.Key)
			}
		}
	}
	if len(events) > 0 {
		w.at, w.events = append(w.at, next), append(w.events, events)
	}
	return nil
}

func list(m map[string]store.KV, prefix, after string) (kvs []store.KV) {
	for k, kv := range m {
		if strings.HasPrefix(k, prefix) && k > after {
			kvs = append(kvs, kv)
		}
	}
	slices.SortFunc(kvs, func(a, b store.KV) int { return strings.Compare(a.Key, b.Key) })
	return kvs
}

var (
	keyNames = rapid.SampledFrom([]string{"/a", "/a/b", "/a/c", "/a/cc", "/a.b", "/b/c", "/b/d/e"})
	prefixes = rapid.SampledFrom([]string{"/a", "/a/", "/a/c", "/b/", "/c", "/"})
)

func drawTxn(t *rapid.T, w *world) store.Txn {
	var txn store.Txn
	for range rapid.IntRange(0, 2).Draw(t, "comparisons") {
		key := keyNames.Draw(t, "key")
		rev := rapid.Int64Range(0, w.rev()).Draw(t, "revision")
		if rapid.Bool().Draw(t, "true") {
			rev = w.now()[key].ModRevision
		}
		txn.If = append(txn.If, rapid.SampledFrom([]store.Cmp{store.Absent(key), store.Present(key), store.ModRevision(key, rev), store.ModRevision(key, rev)}).Draw(t, "comparison"))
	}
	for range rapid.IntRange(0, 4).Draw(t, "operations") {
		op := rapid.SampledFrom([]store.Op{
			store.PutOp(keyNames.Draw(t, "key"), []byte(rapid.StringN(0, 3, 20).Draw(t, "value")), 0),
			store.DeleteOp(keyNames.Draw(t, "key")), store.DeletePrefixOp(prefixes.Draw(t, "prefix")),
		}).Draw(t, "operation")
		if with := append(slices.Clone(txn.Then), op); (store.Txn{Then: with}).Check() == nil {
			txn.Then = with
		}
	}
	return txn
}

// model draws sequences of calls and compares what the store answers with what the world does.
func model(t *testing.T, b Backend) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{b: b, t: t, s: b.Open(t), w: newWorld()}
		rt.Repeat(map[string]func(*rapid.T){
			"": m.same, "commit": m.commit, "commit again": m.commit, "list": m.list, "watch": m.watch, "reopen": m.reopen, "compact": m.compact,
		})
		if err := m.s.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

type machine struct {
	b Backend
	t testing.TB
	s store.Store
	w *world
}

func (m *machine) same(t *rapid.T) {
	page, err := m.s.List(context.Background(), "", store.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(page.KVs), fmt.Sprint(list(m.w.now(), "", "")); got != want || page.Revision != m.w.rev() {
		t.Fatalf("at %d (want %d):\ngot  %s\nwant %s", page.Revision, m.w.rev(), got, want)
	}
}

func (m *machine) commit(t *rapid.T) {
	txn := drawTxn(t, m.w)
	want := m.w.commit(txn)
	res, err := m.s.Commit(context.Background(), txn)
	if len(want) == 0 {
		if err != nil || res.Revision != m.w.rev() {
			t.Fatalf("got %d, %v; want %d", res.Revision, err, m.w.rev())
		}
		return
	}
	failed, ok := errors.AsType[*store.CompareFailed](err)
	if !ok {
		t.Fatalf("got %v, want %v to fail", err, want)
	}
	var got []string
	for _, x := range failed.All {
		got = append(got, x.Key)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%v failed, want %v", got, want)
	}
}

func (m *machine) list(t *rapid.T) {
	opt := store.ListOptions{Limit: rapid.IntRange(1, 4).Draw(t, "limit"), Revision: rapid.Int64Range(0, m.w.rev()).Draw(t, "revision")}
	if rapid.Bool().Draw(t, "after one") {
		opt.After = keyNames.Draw(t, "after")
	}
	prefix := prefixes.Draw(t, "prefix")
	page, err := m.s.List(context.Background(), prefix, opt)
	if opt.Revision > 0 && opt.Revision < m.w.floor {
		if !errors.Is(err, fault.Precondition) {
			t.Fatalf("revision %d is below %d: %v", opt.Revision, m.w.floor, err)
		}
		return
	}
	rev := opt.Revision
	if rev == 0 {
		rev = m.w.rev()
	}
	want := list(m.w.at[rev], prefix, opt.After)
	more := len(want) > opt.Limit
	want = want[:min(opt.Limit, len(want))]
	if err != nil || fmt.Sprint(page.KVs) != fmt.Sprint(want) || page.More != more || page.Revision != rev {
		t.Fatalf("got %+v, %v; want %v, more %v", page, err, want, more)
	}
}

func (m *machine) watch(t *rapid.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	from := rapid.Int64Range(1, m.w.rev()+1).Draw(t, "from")
	prefix := prefixes.Draw(t, "prefix")
	w, err := m.s.Watch(ctx, prefix, from)
	if from <= m.w.floor {
		if !errors.Is(err, fault.Precondition) {
			t.Fatalf("watching from %d, compacted up to %d: %v", from, m.w.floor, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if from > m.w.rev() {
		return // nothing to come
	}
	var want []string
	for _, events := range m.w.events[from:] {
		for _, e := range events {
			if strings.HasPrefix(e.KV.Key, prefix) {
				want = append(want, text(e))
			}
		}
	}
	if got := texts(until(m.t, w, m.w.rev())); !slices.Equal(got, want) {
		t.Fatalf("%s from %d:\ngot  %q\nwant %q", prefix, from, got, want)
	}
}

func (m *machine) reopen(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "seldom") == 0 { // it costs more than all the rest
		m.s = m.b.Reopen(m.t, m.s)
	}
}

func (m *machine) compact(t *rapid.T) {
	c, ok := m.s.(store.Compactor)
	if !ok {
		return
	}
	rev := rapid.Int64Range(0, m.w.rev()).Draw(t, "revision")
	if err := c.Compact(context.Background(), rev); err != nil {
		t.Fatal(err)
	}
	m.w.floor = max(m.w.floor, rev)
}
