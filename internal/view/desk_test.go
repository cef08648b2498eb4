package view

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 123456789, time.UTC)

// desk is a view with the real store and audit log below it.
type desk struct {
	*View
	t     testing.TB
	log   *audit.Log
	store *local.Store
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{t: t}
	before := goleak.IgnoreCurrent()
	folder := t.TempDir()
	var err error
	d.store, err = local.Open(filepath.Join(folder, "store"), local.Options{})
	d.must(err)
	d.log, err = audit.Open(filepath.Join(folder, "audit"), audit.Options{})
	d.must(err)
	t.Cleanup(func() {
		d.must(d.log.Close())
		d.must(d.store.Close())
		goleak.VerifyNone(t, before)
	})
	d.View = New(Config{
		Store: d.store, Audit: d.log, Now: func() time.Time { return noon }, Version: "test", Started: noon, Log: slog.New(slog.DiscardHandler),
		Facts: func() host.Facts {
			return host.Facts{Name: "testhost", OS: "linux", Arch: "x86_64", CPUs: 4, Memory: 8 * model.GiB, KVM: &host.Verdict{Why: "/dev/kvm boots nothing"}}
		},
		Features: func(context.Context) (feature.Resolution, int64, error) {
			return feature.Resolve(feature.Declaration{}, feature.Facts{}), 7, nil
		},
		Allocated: func(context.Context, storage.Volume) (model.Bytes, error) { return 4096, nil },
	})
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// run follows the store until the test ends.
func (d *desk) run() {
	d.t.Helper()
	d.must(d.Load(d.t.Context()))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := d.Run(ctx); err != nil {
			d.t.Error(err)
		}
	})
	d.t.Cleanup(func() { cancel(); wg.Wait() })
}

func put(t testing.TB, key string, v any) store.Op {
	t.Helper()
	op, err := store.PutJSON(key, v, 0)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// commit changes the store, and returns its revision.
func (d *desk) commit(ops ...store.Op) int64 {
	d.t.Helper()
	res, err := d.store.Commit(d.t.Context(), store.Txn{Then: ops})
	d.must(err)
	return res.Revision
}

// shown is commit, and the view has reached it.
func (d *desk) shown(ops ...store.Op) int64 {
	d.t.Helper()
	rev := d.commit(ops...)
	d.must(d.Await(d.t.Context(), rev))
	return rev
}

func ref(kind, name string) store.Ref { return store.Ref{Kind: kind, Project: "default", Name: name} }

func machine(name string, labels map[string]string) vm.Object {
	return vm.Object{
		Metadata: model.Metadata{
			Name: name, Project: "default", UID: "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10", Labels: labels, Origin: model.Manual, Generation: 1, Created: noon,
		},
		Spec: vm.Spec{UUID: "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10", Power: vm.On, CPUs: 2, Memory: 2 * model.GiB}, PowerGeneration: 1,
	}
}

func putVM(t testing.TB, name string, labels map[string]string) store.Op {
	return put(t, store.SpecKey(ref("vm", name)), machine(name, labels))
}

func putPower(t testing.TB, name string, st vm.PowerStatus) store.Op {
	return put(t, store.StatusKey(ref("vm", name), "power"), st)
}

func names(t testing.TB, items []json.RawMessage) []string {
	t.Helper()
	var out []string
	for _, raw := range items {
		var one struct{ Name string }
		if err := json.Unmarshal(raw, &one); err != nil {
			t.Fatal(err)
		}
		out = append(out, one.Name)
	}
	return out
}

func vmName(i int) string { return fmt.Sprintf("vm-%05d", i) }
