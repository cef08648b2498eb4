package action

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// cut is a store whose daemon dies at one commit: before it is written, or before anybody hears of it. From
// then on nothing is committed.
type cut struct {
	store.Store
	mu      sync.Mutex
	at      int // which commit; -1 for none
	written bool
	n       int // commits so far
}

func (c *cut) Commit(ctx context.Context, txn store.Txn) (store.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	c.n++
	if c.at < 0 || n < c.at {
		return c.Store.Commit(ctx, txn)
	}
	if n == c.at && c.written {
		if _, err := c.Store.Commit(ctx, txn); err != nil {
			return store.Result{}, err
		}
	}
	return store.Result{}, fault.New(fault.Unavailable, "the daemon was killed")
}

// world is all VMs as they are wished: of which origin, on or off, how large, on what.
func (d *desk) world() map[string]string {
	d.t.Helper()
	all, _, err := store.ListAll[vm.Object](d.t.Context(), d.Store, store.SpecPrefix("vm"))
	d.must(err)
	out := map[string]string{}
	for _, o := range all {
		s, _ := vm.Effective(o.Value.Spec, "x86_64")
		out[o.Value.Name] = fmt.Sprintf("%s, %s, %s, %v", o.Value.Origin, s.Power, s.Memory, volumesOf(s))
	}
	return out
}

// An apply is cut at each of its commits, before and after it is written. What the next start then finds is
// either what was, or what was to be: with each VM, its generation, and nothing between.
func TestAnApplyThatIsCutAnywhereIsUndoneOrFinished(t *testing.T) {
	const first = `"old":{` + small + `,"power":"on","disks":{"root":{"volume":"a"}}},"web":{` + small + `,"disks":{"root":{"volume":"b"}}},"db":{` + small + `}`
	const second = `"web":{"memory":"512MiB"},"db":{` + small + `,"disks":{"root":{"volume":"b"}}},"new":{` + small + `,"power":"on"},"more":{` + small + `}`
	start := func(t *testing.T) (*desk, *cut) {
		d := newDesk(t)
		d.volume("a")
		d.volume("b")
		d.create("hand")
		d.apply(first)
		c := &cut{Store: d.Store, at: -1}
		d.Store = c
		return d, c
	}
	d, c := start(t)
	was := d.world()
	d.apply(second)
	commits, shall := c.n, d.world()
	if shall["old"] != string(model.Released)+", off, 256MiB, [a]" || shall["hand"] != was["hand"] {
		t.Fatalf("%v", shall)
	}
	for _, way := range []struct {
		name  string
		apply func(*desk) error
		twice bool
	}{
		{"and hvd starts again", func(*desk) error { return nil }, false},
		{"and hvd starts again and the same is applied", func(d *desk) error {
			_, err := d.ApplyConfig(d.t.Context(), root, d.declare(vmsOf(second)))
			return err
		}, true},
	} {
		for at := range commits {
			for _, written := range []bool{false, true} {
				t.Run(fmt.Sprintf("commit %d, written %v, %s", at, written, way.name), func(t *testing.T) {
					d, c := start(t)
					c.at, c.written = at, written
					if _, err := d.ApplyConfig(t.Context(), root, d.declare(vmsOf(second))); err == nil {
						t.Fatal("it was not cut")
					}
					again := &desk{Actions: New(d.Config), t: t}
					again.Store = c.Store
					again.must(again.Resume(t.Context(), Call{Root: true, Actor: operation.Actor{Via: "boot"}}))
					want, generation := shall, int64(2)
					if at == 0 && !written && !way.twice {
						want, generation = was, 1
					}
					again.must(way.apply(again))
					if diff := cmp.Diff(want, again.world()); diff != "" {
						t.Error(diff)
					}
					if s := again.stands(); s.Generation != generation || !s.Complete {
						t.Errorf("%+v", s)
					}
				})
			}
		}
	}
}
