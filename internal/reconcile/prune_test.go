//go:build linux

package reconcile_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
)

func TestOldOperationsGoWithTheKeysOfTheirCallsAndTheNewestStay(t *testing.T) {
	const kept, old = 1000, 300
	h := fakehost.New(t)
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	put := func(key string, v any) store.Op {
		op, err := store.PutJSON(key, v, 0)
		if err != nil {
			t.Fatal(err)
		}
		return op
	}
	for i := range kept + old {
		ref := store.Ref{Kind: "operation", Project: "default", Name: fmt.Sprintf("%016x", i)}
		at := noon.Add(time.Duration(i) * time.Second)
		wish := operation.Wish{ID: ref.Name, Action: "vm.start", Target: operation.Target{Kind: "vm", Ref: model.Ref{Project: "default", Name: "web"}}, Created: at}
		_, err := h.Store.Commit(t.Context(), store.Txn{Then: []store.Op{
			put(store.SpecKey(ref), wish), put(store.StatusKey(ref, "reconcile"), operation.Status{State: operation.Done, Ended: &at}),
			put(store.ClaimKey("idempotency", store.HostWide, ref.Name), store.SpecKey(ref)),
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	d := h.Start()
	if err := d.Engine.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string]int{store.SpecPrefix("operation"): kept, store.StatusesPrefix("operation"): kept, store.ClaimPrefix("idempotency"): kept} {
		page, err := h.Store.List(t.Context(), prefix, store.ListOptions{})
		if err != nil || len(page.KVs) != want {
			t.Errorf("%s: %d keys, want %d, %v", prefix, len(page.KVs), want, err)
		}
	}
	if _, err := h.Store.Get(t.Context(), store.SpecKey(store.Ref{Kind: "operation", Project: "default", Name: fmt.Sprintf("%016x", old)})); err != nil {
		t.Errorf("the oldest that is to stay: %v", err)
	}
}
