package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

func putAndGet(t *testing.T, b Backend) {
	s := b.Open(t)
	if rev := must(s.Revision(t.Context()))(t); rev != 0 {
		t.Errorf("an empty store is at revision %d", rev)
	}
	if _, err := s.Get(t.Context(), "/a"); !errors.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "/a") {
		t.Errorf("got %v", err)
	}
	commit(t, s, put("/a", "x\x00\xffy"), put("/b", ""))
	if kv := must(s.Get(t.Context(), "/a"))(t); string(kv.Value) != "x\x00\xffy" || kv.Key != "/a" {
		t.Errorf("got %+v", kv)
	}
	if kv := must(s.Get(t.Context(), "/b"))(t); kv.Value == nil || len(kv.Value) != 0 {
		t.Errorf("an empty value is read as %v", kv.Value)
	}
	commit(t, s, store.DeleteOp("/a"))
	if _, err := s.Get(t.Context(), "/a"); !errors.Is(err, fault.NotFound) {
		t.Errorf("deleted, and yet %v", err)
	}
}

func versions(t *testing.T, b Backend) {
	s := b.Open(t)
	check := func(created, modified, version int64) {
		t.Helper()
		kv := must(s.Get(t.Context(), "/a"))(t)
		if kv.CreateRevision != created || kv.ModRevision != modified || kv.Version != version {
			t.Errorf("created %d, modified %d, version %d; want %d, %d, %d", kv.CreateRevision, kv.ModRevision, kv.Version, created, modified, version)
		}
	}
	commit(t, s, put("/a", "1"))
	check(1, 1, 1)
	commit(t, s, put("/other", "1"))
	commit(t, s, put("/a", "1"))
	check(1, 3, 2)
	commit(t, s, store.DeleteOp("/a"))
	commit(t, s, put("/a", "1"))
	check(5, 5, 1)
	for _, nothing := range [][]store.Op{nil, {store.DeleteOp("/no")}, {store.DeletePrefixOp("/no/")}} {
		if rev := commit(t, s, nothing...); rev != 5 {
			t.Errorf("a transaction that changes nothing made revision %d", rev)
		}
	}
}

func wholeOrNothing(t *testing.T, b Backend) {
	s := b.Open(t)
	commit(t, s, put("/a", "1"), put("/d/1", ""), put("/d/2", ""), put("/dx", ""))
	txn := store.Txn{
		If:   []store.Cmp{store.Present("/a"), store.Absent("/b")},
		Then: []store.Op{put("/b", "2"), store.DeleteOp("/a"), store.DeletePrefixOp("/d/")},
	}
	if rev := must(s.Commit(t.Context(), txn))(t).Revision; rev != 2 {
		t.Errorf("revision %d", rev)
	}
	if _, err := s.Commit(t.Context(), txn); !errors.Is(err, fault.Conflict) {
		t.Errorf("got %v", err)
	}
	page := must(s.List(t.Context(), "", store.ListOptions{}))(t)
	if got := keys(page); !slices.Equal(got, []string{"/b", "/dx"}) || page.Revision != 2 {
		t.Errorf("got %v at %d", got, page.Revision)
	}
}

func keys(p store.Page) []string {
	out := make([]string, len(p.KVs))
	for i, kv := range p.KVs {
		out[i] = kv.Key
	}
	return out
}

func compares(t *testing.T, b Backend) {
	s := b.Open(t)
	commit(t, s, put("/a", "1"))
	commit(t, s, put("/a", "2"), put("/b", "1"))
	_, err := s.Commit(t.Context(), store.Txn{
		If:   []store.Cmp{store.Absent("/b"), store.Present("/a"), store.ModRevision("/a", 1), store.Present("/c"), store.ModRevision("/a", 2), store.ModRevision("/b", 0), store.ModRevision("/d", 7)},
		Then: []store.Op{put("/e", "")},
	})
	failed, ok := errors.AsType[*store.CompareFailed](err)
	if !ok || !errors.Is(err, fault.Conflict) {
		t.Fatalf("got %v", err)
	}
	var got []string
	for _, m := range failed.All {
		got = append(got, fmt.Sprint(m))
	}
	want := []string{
		"/b exists already (revision 2)",
		"/a was written by revision 2, not by revision 1",
		"/c does not exist",
		"/b exists already (revision 2)",
		"/d does not exist, not by revision 7",
	}
	if !slices.Equal(got, want) || failed.Key != "/b" || failed.Have != 2 {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if m, ok := failed.Failed("/a"); !ok || m.Want.ModRevision != 1 || m.Have != 2 {
		t.Errorf("of /a: %+v", m)
	}
	if _, err := s.Get(t.Context(), "/e"); !errors.Is(err, fault.NotFound) {
		t.Errorf("it was done: %v", err)
	}
}

func race(t *testing.T, b Backend) {
	s := b.Open(t)
	for round := range 10 {
		key := fmt.Sprintf("/claim/%d", round)
		var won, lost atomic.Int32
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				_, err := s.Commit(context.Background(), store.Txn{
					If:   []store.Cmp{store.Absent(key)},
					Then: []store.Op{put(key, fmt.Sprint(i)), put(fmt.Sprintf("/vm/%d-%d", round, i), "")},
				})
				switch {
				case err == nil:
					won.Add(1)
				case errors.Is(err, fault.Conflict):
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != 15 {
			t.Errorf("%d won, %d lost", won.Load(), lost.Load())
		}
		if page := must(s.List(t.Context(), fmt.Sprintf("/vm/%d-", round), store.ListOptions{}))(t); len(page.KVs) != 1 {
			t.Errorf("the losers left %v", keys(page))
		}
	}
}

func counters(t *testing.T, b Backend) {
	s := b.Open(t)
	commit(t, s, put("/n", "0"))
	w := must(s.Watch(t.Context(), "/n", 1))(t)
	const workers, each = 8, 15
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				increment(t, s)
			}
		})
	}
	wg.Wait()
	if kv := must(s.Get(t.Context(), "/n"))(t); string(kv.Value) != fmt.Sprint(workers*each) {
		t.Errorf("the counter stands at %s, want %d", kv.Value, workers*each)
	}
	events := until(t, w, workers*each+1)
	for i, e := range events {
		if string(e.KV.Value) != fmt.Sprint(i) || e.KV.ModRevision != int64(i+1) {
			t.Errorf("event %d is %s", i, text(e))
		}
	}
	if len(events) != workers*each+1 {
		t.Errorf("%d events", len(events))
	}
}

// increment adds one to /n, as often as it takes.
func increment(t testing.TB, s store.Store) {
	for {
		kv, err := s.Get(context.Background(), "/n")
		if err != nil {
			t.Error(err)
			return
		}
		var n int
		if _, err := fmt.Sscan(string(kv.Value), &n); err != nil {
			t.Error(err)
			return
		}
		_, err = s.Commit(context.Background(), store.Txn{
			If: []store.Cmp{store.ModRevision("/n", kv.ModRevision)}, Then: []store.Op{put("/n", fmt.Sprint(n+1))},
		})
		if err == nil {
			return
		}
		if !errors.Is(err, fault.Conflict) {
			t.Error(err)
			return
		}
	}
}

func bounds(t *testing.T, b Backend) {
	s := b.Open(t)
	many := func(n int) (ops []store.Op) {
		for i := range n {
			ops = append(ops, put(fmt.Sprintf("/k/%d", i), ""))
		}
		return ops
	}
	large := func(n, size int) (ops []store.Op) {
		for i := range n {
			ops = append(ops, put(fmt.Sprintf("/l/%d", i), strings.Repeat("x", size)))
		}
		return ops
	}
	for _, c := range []struct {
		want string
		txn  store.Txn
	}{
		{"does not begin with a slash", store.Txn{Then: []store.Op{put("a", "")}}},
		{"has an empty segment", store.Txn{Then: []store.Op{put("", "")}}},
		{"has an empty segment", store.Txn{Then: []store.Op{put("/a//b", "")}}},
		{"has an empty segment", store.Txn{Then: []store.Op{store.DeleteOp("/a/")}}},
		{"may not have", store.Txn{Then: []store.Op{put("/a b", "")}}},
		{"may not have", store.Txn{If: []store.Cmp{store.Absent("/ä")}}},
		{"at most 512", store.Txn{Then: []store.Op{put("/"+strings.Repeat("a", 512), "")}}},
		{"at most 1048576", store.Txn{Then: large(1, store.MaxValue+1)}},
		{"at most 256", store.Txn{Then: many(257)}},
		{"at most 4194304", store.Txn{Then: large(5, store.MaxValue)}},
		{"put twice", store.Txn{Then: []store.Op{put("/a", "1"), put("/a", "2")}}},
		{"put and deleted", store.Txn{Then: []store.Op{put("/a", "1"), store.DeleteOp("/a")}}},
		{"put and deleted", store.Txn{Then: []store.Op{store.DeletePrefixOp("/a"), put("/ab", "1")}}},
		{"empty the store", store.Txn{Then: []store.Op{store.DeletePrefixOp("")}}},
		{"neither put nor delete", store.Txn{Then: []store.Op{{Key: "/a"}}}},
		{"asks for nothing", store.Txn{If: []store.Cmp{{Key: "/a"}}}},
	} {
		if _, err := s.Commit(t.Context(), c.txn); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	for _, err := range []error{
		second(s.Get(t.Context(), "a")),
		second(s.List(t.Context(), "a", store.ListOptions{})),
		second(s.List(t.Context(), "/a", store.ListOptions{After: "b"})),
		second(s.Watch(t.Context(), "a", 0)),
		second(s.Grant(t.Context(), 0)),
	} {
		if !errors.Is(err, fault.Invalid) {
			t.Errorf("got %v", err)
		}
	}
	commit(t, s, many(256)...)
	commit(t, s, large(3, store.MaxValue)...)
	commit(t, s, put("/"+strings.Repeat("a", 511), ""))
	if kv := must(s.Get(t.Context(), "/l/2"))(t); len(kv.Value) != store.MaxValue {
		t.Errorf("%d bytes", len(kv.Value))
	}
}

func second[T any](_ T, err error) error { return err }

func lists(t *testing.T, b Backend) {
	s := b.Open(t)
	var want []string
	for i := range 25 {
		key := fmt.Sprintf("/v/%02d", i)
		want = append(want, key)
		commit(t, s, put(key, "old"))
	}
	commit(t, s, put("/v", ""), put("/w/00", ""), put("/v.", ""))
	var got []string
	opt := store.ListOptions{Limit: 10}
	for n := 0; ; n++ {
		page := must(s.List(t.Context(), "/v/", opt))(t)
		for _, kv := range page.KVs {
			if string(kv.Value) != "old" {
				t.Errorf("%s is of another revision", kv.Key)
			}
		}
		got = append(got, keys(page)...)
		if !page.More {
			break
		}
		opt.After, opt.Revision = got[len(got)-1], page.Revision
		commit(t, s, put(fmt.Sprintf("/v/%02d", 11+n), "new"), put(fmt.Sprintf("/v/%02dx", 12+n), "new"), store.DeleteOp(fmt.Sprintf("/v/%02d", 20+n)))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	page := must(s.List(t.Context(), "/v", store.ListOptions{Limit: 2}))(t)
	if got := keys(page); !slices.Equal(got, []string{"/v", "/v."}) || !page.More {
		t.Errorf("got %v", got)
	}
	if page := must(s.List(t.Context(), "/none", store.ListOptions{}))(t); len(page.KVs) != 0 || page.More {
		t.Errorf("got %+v", page)
	}
	if page := must(s.List(t.Context(), "/v/", store.ListOptions{After: "/zzz"}))(t); len(page.KVs) != 0 {
		t.Errorf("got %v", keys(page))
	}
}

func buffers(t *testing.T, b Backend) {
	s := b.Open(t)
	w := must(s.Watch(t.Context(), "/a", 0))(t)
	mine := []byte("mine")
	must(s.Commit(t.Context(), store.Txn{Then: []store.Op{store.PutOp("/a", mine, 0)}}))(t)
	copy(mine, "xxxx")
	if e := next(t, w).Events[0]; string(e.KV.Value) != "mine" {
		t.Errorf("the watch sees %s", e.KV.Value)
	}
	kv := must(s.Get(t.Context(), "/a"))(t)
	copy(kv.Value, "yyyy")
	if kv := must(s.Get(t.Context(), "/a"))(t); string(kv.Value) != "mine" {
		t.Errorf("the store holds %s", kv.Value)
	}
}

func restart(t *testing.T, b Backend) {
	s := b.Open(t)
	commit(t, s, put("/a", "1"), put("/b", "1"))
	commit(t, s, put("/a", "2"))
	commit(t, s, store.DeleteOp("/b"))
	before := must(s.List(t.Context(), "", store.ListOptions{}))(t)
	s = b.Reopen(t, s)
	after := must(s.List(t.Context(), "", store.ListOptions{}))(t)
	if fmt.Sprint(before) != fmt.Sprint(after) || after.Revision != 3 {
		t.Errorf("before %+v\nafter  %+v", before, after)
	}
	if rev := commit(t, s, put("/c", "")); rev != 4 {
		t.Errorf("the next revision is %d", rev)
	}
}

func closed(t *testing.T, b Backend) {
	s := b.Open(t)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	ctx := t.Context()
	for i, err := range []error{
		second(s.Get(ctx, "/a")), second(s.List(ctx, "/a", store.ListOptions{})), second(s.Revision(ctx)),
		second(s.Commit(ctx, store.Txn{})), second(s.Watch(ctx, "/a", 0)), second(s.Grant(ctx, store.MinTTL)),
		s.KeepAlive(ctx, 1), s.Revoke(ctx, 1),
	} {
		if !errors.Is(err, fault.Unavailable) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	s = b.Open(t)
	for i, err := range []error{
		second(s.Get(ended, "/a")), second(s.Revision(ended)), second(s.Commit(ended, store.Txn{Then: []store.Op{put("/a", "")}})),
	} {
		if !errors.Is(err, fault.Unavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("call %d: %v", i, err)
		}
	}
}
