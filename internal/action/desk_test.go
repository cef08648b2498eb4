package action

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/boot"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/dir"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/keys"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/pools"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakeseal"
	"github.com/hyper-nixos/hyper-nixos/test/memory"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// desk is everything that actions are made of, real and in a temporary folder.
type desk struct {
	*Actions
	t     testing.TB
	dir   string
	log   *audit.Log
	pool  *pools.Pools
	keys  *keys.Keys
	boots *boot.Files
	facts host.Facts
	paper *paper
	seal  *fakeseal.Seal
}

// paper is the audit log, which can run out.
type paper struct {
	*audit.Log
	out atomic.Bool
}

func (p *paper) Append(ctx context.Context, r audit.Record) (audit.Receipt, error) {
	if p.out.Load() {
		return audit.Receipt{}, fault.New(fault.Exhausted, "no room for the audit log")
	}
	return p.Log.Append(ctx, r)
}

var (
	noon   = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	member = Call{Actor: operation.Actor{UID: 1000, Name: "ann", Via: "socket"}}
	root   = Call{Actor: operation.Actor{Name: "root", Via: "socket"}, Root: true}
)

func theFacts() host.Facts {
	return host.Facts{
		OS: "linux", Arch: "x86_64", BootID: "boot-1", CPUs: 4, Memory: 8 * model.GiB,
		KVM:  &host.Verdict{Why: "/dev/kvm boots nothing"},
		QEMU: &host.QEMU{Path: "/usr/bin/qemu-system-x86_64", Arch: "x86_64", Version: "7.2.22", Machines: []host.Machine{{Name: "pc-q35-7.2", Alias: "q35", CPUs: 288}}},
	}
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{t: t, dir: memory.Dir(t), facts: theFacts()}
	s, err := local.Open(filepath.Join(d.dir, "store"), local.Options{})
	d.must(err)
	d.log, err = audit.Open(filepath.Join(d.dir, "audit"), audit.Options{})
	d.must(err)
	d.pool = pools.New(func(ctx context.Context, name string, spec storage.PoolSpec, fresh bool) (backend.Backend, error) {
		if name == storage.DefaultPool {
			return dir.Open(name, filepath.Join(d.dir, "pool"))
		}
		return dir.OpenAt(ctx, name, spec.Path, fresh, nil)
	})
	_, err = d.pool.Reach(context.Background(), storage.DefaultPool, storage.PoolSpec{})
	d.must(err)
	d.keys, err = keys.Open(filepath.Join(d.dir, "keys"), nil)
	d.must(err)
	d.pool.Keys = d.keys
	d.boots, err = boot.Open(filepath.Join(d.dir, "boot"))
	d.must(err)
	t.Cleanup(func() { d.must(errors.Join(d.boots.Close(), d.pool.Close(), d.log.Close(), s.Close())) })
	d.paper, d.seal = &paper{Log: d.log}, fakeseal.New(t)
	d.Actions = New(Config{
		Store: s, Audit: d.paper, Volumes: d.pool, Pools: d.pool, Keys: d.keys, BootFiles: d.boots, Facts: func() host.Facts { return d.facts },
		Now: func() time.Time { return noon }, Random: random, Log: slog.New(slog.DiscardHandler), Seal: d.seal,
	})
	return d
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func ref(name string) model.Ref { return model.Ref{Project: model.DefaultProject, Name: name} }

// create makes a VM as a member, and insists.
func (d *desk) create(name string, edit ...func(*vm.Definition)) vm.Object {
	d.t.Helper()
	_, err := d.CreateVM(d.t.Context(), member, "default", definition(name, edit...))
	d.must(err)
	return d.object(name)
}

func definition(name string, edit ...func(*vm.Definition)) vm.Definition {
	def := vm.Definition{Name: name, Spec: vm.Spec{Memory: 256 * model.MiB}}
	for _, e := range edit {
		e(&def)
	}
	return def
}

func disk(device, volume string, readOnly bool) func(*vm.Definition) {
	return func(def *vm.Definition) {
		if def.Disks == nil {
			def.Disks = map[string]vm.Disk{}
		}
		def.Disks[device] = vm.Disk{Volume: volume, ReadOnly: readOnly}
	}
}

func nic() func(*vm.Definition) {
	return func(def *vm.Definition) { def.NICs = map[string]vm.NIC{"lan": {MAC: "52:54:00:11:22:33"}} }
}

func powered(p vm.Power) func(*vm.Definition) { return func(def *vm.Definition) { def.Power = p } }

// volume makes an empty volume.
func (d *desk) volume(name string) {
	d.t.Helper()
	_, err := d.CreateVolume(d.t.Context(), member, "default", wire.CreateVolume{Name: name, VolumeSpec: storage.VolumeSpec{Size: model.MiB}})
	d.must(err)
}

func (d *desk) object(name string) vm.Object {
	d.t.Helper()
	o, kv, err := store.Get[vm.Object](d.t.Context(), d.Store, store.SpecKey(vmRef(ref(name))))
	d.must(err)
	o.Revision = kv.ModRevision
	return o
}

func (d *desk) has(key string) bool {
	d.t.Helper()
	_, err := d.Store.Get(d.t.Context(), key)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		d.t.Fatal(err)
	}
	return err == nil
}

// seen writes what would have been seen of the VM "web".
func (d *desk) seen(st vm.PowerStatus) {
	d.t.Helper()
	op, err := store.PutJSON(store.StatusKey(vmRef(ref("web")), "power"), st, 0)
	d.must(err)
	_, err = d.Store.Commit(d.t.Context(), store.Txn{Then: []store.Op{op}})
	d.must(err)
}

func (d *desk) revision() int64 {
	d.t.Helper()
	r, err := d.Store.Revision(d.t.Context())
	d.must(err)
	return r
}

// records are the audit log from a record on.
func (d *desk) records(after int64) []audit.Record {
	d.t.Helper()
	page, err := d.log.Read(d.t.Context(), after, 0, audit.Filter{})
	d.must(err)
	return page.Records
}

// told checks an error: its kind, and words of it, its hint and its findings.
func told(t *testing.T, err error, kind fault.Kind, words ...string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("got %v (%v), want %v", err, fault.KindOf(err), kind)
	}
	text := everything(err)
	for _, w := range words {
		if !contains(text, w) {
			t.Errorf("%q is not told in:\n%s", w, text)
		}
	}
}

func everything(err error) string {
	text := err.Error() + "\nhint: " + fault.HintOf(err) + "\ncode: " + fault.CodeOf(err)
	if r, ok := errors.AsType[finding.Refusal](err); ok {
		for _, f := range r.Findings {
			text += "\n" + f.Code + ": " + f.What + " (" + f.Why + ") " + f.Remedy
		}
	}
	return text
}

// declare encodes a declaration written in JSON.
func (d *desk) declare(text string) []byte {
	d.t.Helper()
	decl, err := config.ReadString(d.t.Context(), config.JSON, "hv.json", text)
	d.must(err)
	encoded, err := decl.Encode()
	d.must(err)
	return encoded
}
