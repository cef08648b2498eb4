package local

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// spec is as large as a VM's.
var spec = bytes.Repeat([]byte("0123456789abcdef"), 64)

// BenchmarkCommit is one caller who creates an object, an operation and a claim at a time.
func BenchmarkCommit(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	for i := 0; b.Loop(); i++ {
		vm, op, claim := fmt.Sprintf("/vm/%d", i), fmt.Sprintf("/operation/%d", i), fmt.Sprintf("/claim/disk/%d", i)
		_, err := s.Commit(context.Background(), store.Txn{
			If:   []store.Cmp{store.Absent(vm), store.Absent(claim)},
			Then: []store.Op{store.PutOp(vm, spec, 0), store.PutOp(op, spec[:300], 0), store.PutOp(claim, nil, 0)},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommit16 is 16 callers at once, each writing a status.
func BenchmarkCommit16(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	var n atomic.Int64
	b.SetParallelism(8) // times GOMAXPROCS, 2 on the machine this is measured on
	b.RunParallel(func(pb *testing.PB) {
		key := fmt.Sprintf("/vm-status/%d", n.Add(1))
		for pb.Next() {
			if _, err := s.Commit(context.Background(), store.Txn{Then: []store.Op{store.PutOp(key, spec[:300], 0)}}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkWatchFanout is the time from a commit until each of 50 watchers has it.
func BenchmarkWatchFanout(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	const watchers = 50
	var seen sync.WaitGroup
	for range watchers {
		w, err := s.Watch(b.Context(), "/vm/", 0)
		if err != nil {
			b.Fatal(err)
		}
		go func() {
			for batch := range w.Events() {
				for range batch.Events {
					seen.Done()
				}
			}
		}()
	}
	for b.Loop() {
		seen.Add(watchers)
		if _, err := s.Commit(context.Background(), store.Txn{Then: []store.Op{store.PutOp("/vm/a", spec, 0)}}); err != nil {
			b.Fatal(err)
		}
		seen.Wait()
	}
}

func BenchmarkGet(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	put(b, s, "/vm/a", string(spec))
	for b.Loop() {
		if _, err := s.Get(context.Background(), "/vm/a"); err != nil {
			b.Fatal(err)
		}
	}
}

// full makes a store of n objects with a spec and two statuses each.
func full(b *testing.B, dir string, n int) {
	s := open(b, dir, Options{})
	for i := 0; i < n; {
		var txn store.Txn
		for ; i < n && len(txn.Then) < 250; i++ {
			txn.Then = append(txn.Then, store.PutOp(fmt.Sprintf("/vm/%06d", i), spec, 0),
				store.PutOp(fmt.Sprintf("/vm-status/%06d/power", i), spec[:200], 0), store.PutOp(fmt.Sprintf("/vm-status/%06d/net", i), spec[:200], 0))
		}
		if _, err := s.Commit(context.Background(), txn); err != nil {
			b.Fatal(err)
		}
	}
	shut(b, s)
}

// BenchmarkOpen10000 is a restart: open a store of 10,000 VMs and read it whole.
func BenchmarkOpen10000(b *testing.B) {
	dir := b.TempDir()
	full(b, dir, 10_000)
	for b.Loop() {
		s := open(b, dir, Options{})
		n := 0
		for _, prefix := range []string{"/vm/", "/vm-status/"} {
			var opt store.ListOptions
			for more := true; more; {
				page, err := s.List(context.Background(), prefix, opt)
				if err != nil {
					b.Fatal(err)
				}
				n += len(page.KVs)
				if more = page.More; more {
					opt.After, opt.Revision = page.KVs[len(page.KVs)-1].Key, page.Revision
				}
			}
		}
		if n != 30_000 {
			b.Fatal(n)
		}
		shut(b, s)
	}
}
