package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

func watches(t *testing.T, b Backend) {
	s := b.Open(t)
	commit(t, s, put("/v/a", "before"))
	w := must(s.Watch(t.Context(), "/v/", 0))(t)
	all := must(s.Watch(t.Context(), "", 0))(t)
	commit(t, s, put("/v/a", "1"))
	commit(t, s, put("/x", "1"))
	commit(t, s, put("/v/b", ""), put("/x", "2"))
	last := commit(t, s, store.DeletePrefixOp("/v/"))
	want := []string{
		"2 put /v/a=1 (was before by 1, version 1)",
		"4 put /v/b=",
		"5 delete /v/a= (was 1 by 2, version 2)",
		"5 delete /v/b= (was  by 4, version 1)",
	}
	if got := texts(until(t, w, last)); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := len(until(t, all, last)); got != 6 {
		t.Errorf("the watch over everything sees %d events", got)
	}
}

func batches(t *testing.T, b Backend) {
	s := b.Open(t)
	w := must(s.Watch(t.Context(), "/v/", 0))(t)
	past := must(s.Watch(t.Context(), "/v/", 1))(t)
	commit(t, s, put("/v/a", "1"), put("/x", ""), put("/v/b", "1"))
	commit(t, s, put("/v/c", "1"), store.DeleteOp("/v/a"))
	for _, w := range []store.Watcher{w, past} {
		for i, want := range [][]string{
			{"1 put /v/a=1", "1 put /v/b=1"},
			{"2 put /v/c=1", "2 delete /v/a= (was 1 by 1, version 1)"},
		} {
			batch := next(t, w)
			if got := texts(batch.Events); !slices.Equal(got, want) || batch.Revision != int64(i+1) {
				t.Errorf("batch %d: got %q at %d", i, got, batch.Revision)
			}
		}
	}
}

func watchPast(t *testing.T, b Backend) {
	s := b.Open(t)
	for i := range 30 {
		commit(t, s, put(fmt.Sprintf("/v/%d", i%3), fmt.Sprint(i)), put("/x", ""))
	}
	commit(t, s, store.DeletePrefixOp("/v/"))
	live := texts(until(t, must(s.Watch(t.Context(), "/v/", 1))(t), 31))
	s = b.Reopen(t, s)
	again := texts(until(t, must(s.Watch(t.Context(), "/v/", 1))(t), 31))
	if !slices.Equal(live, again) || len(live) != 33 {
		t.Errorf("before %q\nafter  %q", live, again)
	}
	w := must(s.Watch(t.Context(), "/v/", 29))(t)
	commit(t, s, put("/v/new", ""))
	if got := texts(until(t, w, 32)); !slices.Equal(got, append(slices.Clone(live[28:]), "32 put /v/new=")) {
		t.Errorf("from 29: %q", got)
	}
}

func progress(t *testing.T, b Backend) {
	s := b.Open(t)
	w := must(s.Watch(t.Context(), "/v/", 0))(t)
	rev := commit(t, s, put("/elsewhere", ""))
	if events := until(t, w, rev); len(events) != 0 {
		t.Errorf("got %q", texts(events))
	}
	commit(t, s, put("/v/a", ""))
	rev = commit(t, s, put("/elsewhere", ""))
	if events := until(t, w, rev); len(events) != 1 {
		t.Errorf("got %q", texts(events))
	}
	past := must(s.Watch(t.Context(), "/none", 1))(t)
	if events := until(t, past, rev); len(events) != 0 {
		t.Errorf("got %q", texts(events))
	}
}

func slow(t *testing.T, b Backend) {
	s := b.Open(t)
	w := must(s.Watch(t.Context(), "/v/", 0))(t)
	value := strings.Repeat("x", 100_000)
	const n = 150 // 15 MB: more than anybody wants to keep in memory for one who does not read
	for i := range n {
		commit(t, s, put(fmt.Sprintf("/v/%d", i), value))
	}
	events := until(t, w, n)
	for i, e := range events {
		if e.KV.ModRevision != int64(i+1) || len(e.KV.Value) != len(value) {
			t.Fatalf("event %d is of revision %d", i, e.KV.ModRevision)
		}
	}
	if len(events) != n {
		t.Errorf("%d events", len(events))
	}
}

func watchEnds(t *testing.T, b Backend) {
	s := b.Open(t)
	enough := errors.New("seen enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	w := must(s.Watch(ctx, "/v/", 0))(t)
	if err := w.Err(); err != nil {
		t.Errorf("it runs, and yet %v", err)
	}
	commit(t, s, put("/v/a", ""))
	cancel(enough)
	if err := ended(t, w); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	w = must(s.Watch(t.Context(), "/v/", 0))(t)
	unread := must(s.Watch(t.Context(), "/v/", 1))(t)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for _, w := range []store.Watcher{w, unread} {
		if err := ended(t, w); !errors.Is(err, fault.Unavailable) {
			t.Errorf("got %v", err)
		}
	}
}

func compaction(t *testing.T, b Backend) {
	s := b.Open(t)
	c, ok := s.(store.Compactor)
	if !ok {
		t.Skip("this store compacts by itself only")
	}
	for i := range 10 {
		commit(t, s, put("/v/a", fmt.Sprint(i)), put(fmt.Sprintf("/v/%d", i), ""))
	}
	commit(t, s, store.DeleteOp("/v/3"))
	running := must(s.Watch(t.Context(), "/v/a", 7))(t)
	must(0, c.Compact(t.Context(), 6))(t)
	for range 2 {
		for _, rev := range []int64{1, 5} {
			_, err := s.List(t.Context(), "/v/", store.ListOptions{Revision: rev})
			isGone(t, err, rev)
		}
		_, err := s.Watch(t.Context(), "/v/", 6)
		isGone(t, err, 6)
		page := must(s.List(t.Context(), "/v/", store.ListOptions{Revision: 6}))(t)
		if got := len(page.KVs); got != 7 || string(page.KVs[6].Value) != "5" {
			t.Errorf("at 6: %d keys, a=%s", got, page.KVs[len(page.KVs)-1].Value)
		}
		w := must(s.Watch(t.Context(), "/v/a", 7))(t)
		if got := texts(until(t, w, 10)); len(got) != 4 || got[0] != "7 put /v/a=6 (was 5 by 6, version 6)" {
			t.Errorf("from 7: %q", got)
		}
		if running != nil {
			if got := until(t, running, 10); len(got) != 4 {
				t.Errorf("the running watch: %q", texts(got))
			}
			running = nil
		}
		s = b.Reopen(t, s)
	}
	c, _ = s.(store.Compactor) // it was one before
	must(0, c.Compact(t.Context(), 11))(t)
	must(0, c.Compact(t.Context(), 2))(t) // long done
	if err := c.Compact(t.Context(), 12); !errors.Is(err, fault.Invalid) {
		t.Errorf("got %v", err)
	}
	s = b.Reopen(t, s)
	if rev := commit(t, s, put("/v/b", "")); rev != 12 {
		t.Errorf("after everything was compacted the next revision is %d", rev)
	}
	if page := must(s.List(t.Context(), "/v/", store.ListOptions{}))(t); len(page.KVs) != 11 {
		t.Errorf("compaction took %v", keys(page))
	}
}

func future(t *testing.T, b Backend) {
	s := b.Open(t)
	commit(t, s, put("/a", ""))
	_, err := s.Watch(t.Context(), "/a", 3)
	isGone(t, err, 3)
	_, err = s.List(t.Context(), "/a", store.ListOptions{Revision: 2})
	isGone(t, err, 2)
	w := must(s.Watch(t.Context(), "/a", 2))(t)
	commit(t, s, put("/a", "x"))
	if e := next(t, w).Events[0]; e.KV.ModRevision != 2 {
		t.Errorf("got %s", text(e))
	}
}

func leases(t *testing.T, b Backend) {
	b.bubble(t, func(t *testing.T) {
		s := b.Open(t)
		ctx := context.Background()
		const ttl = time.Second
		kept := must(s.Grant(ctx, ttl))(t)
		left := must(s.Grant(ctx, ttl))(t)
		watching, stop := context.WithCancel(ctx)
		defer stop()
		w := must(s.Watch(watching, "/l/", 0))(t)
		commit(t, s, store.PutOp("/l/kept", nil, kept), store.PutOp("/l/left", nil, left), store.PutOp("/l/left2", nil, left))
		commit(t, s, store.PutOp("/l/freed", nil, left))
		commit(t, s, put("/l/freed", ""))
		for range 5 {
			time.Sleep(ttl / 2)
			must(0, s.KeepAlive(ctx, kept))(t)
		}
		if page := must(s.List(ctx, "/l/", store.ListOptions{}))(t); !slices.Equal(keys(page), []string{"/l/freed", "/l/kept"}) {
			t.Errorf("there are %v", keys(page))
		}
		want := []string{"4 delete /l/left= (was  by 1, version 1)", "4 delete /l/left2= (was  by 1, version 1)"}
		if got := texts(until(t, w, 4))[5:]; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		for i, err := range []error{s.KeepAlive(ctx, left), s.Revoke(ctx, left), second(s.Commit(ctx, store.Txn{Then: []store.Op{store.PutOp("/l/x", nil, left)}}))} {
			if !errors.Is(err, fault.Precondition) {
				t.Errorf("call %d on a lease that has ended: %v", i, err)
			}
		}
		must(0, s.Revoke(ctx, kept))(t)
		if e := next(t, w).Events[0]; e.Type != store.Delete || e.KV.Key != "/l/kept" {
			t.Errorf("got %s", text(e))
		}
		stop()
		must(0, s.Close())(t)
	})
}

func leaseIDs(t *testing.T, b Backend) {
	b.bubble(t, func(t *testing.T) {
		s := b.Open(t)
		ctx := context.Background()
		first := must(s.Grant(ctx, time.Second))(t)
		second := must(s.Grant(ctx, time.Second))(t)
		must(0, s.Revoke(ctx, second))(t)
		commit(t, s, store.PutOp("/l", nil, first))
		s = b.Reopen(t, s)
		third := must(s.Grant(ctx, time.Second))(t)
		if first <= 0 || second <= first || third <= second {
			t.Errorf("ids %d, %d, %d", first, second, third)
		}
		if kv := must(s.Get(ctx, "/l"))(t); kv.Lease != first {
			t.Errorf("got %+v", kv)
		}
		watching, stop := context.WithCancel(ctx)
		defer stop()
		w := must(s.Watch(watching, "/l", 0))(t)
		if e := next(t, w).Events[0]; e.Type != store.Delete || e.Prev.Lease != first {
			t.Errorf("got %s", text(e))
		}
		stop()
		must(0, s.Close())(t)
	})
}
