//go:build linux

package fakehost

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/console"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/importer"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/monitor"
	"github.com/hyper-nixos/hyper-nixos/internal/reconcile"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/boot"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/dir"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/firmware"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/image"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/keys"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/pools"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/saved"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/internal/view"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakeseal"
	"github.com/hyper-nixos/hyper-nixos/test/memory"
)

// Host is what stays while daemons come and go.
type Host struct {
	*Helper
	Store   *local.Store
	Audit   *audit.Log
	Volumes *pools.Pools
	folder  string // all of it
	Boots   *boot.Files
	Images  *image.Library
	NVRAM   *firmware.Files
	Saved   *saved.Files
	Sets    *saved.Files
	Logs    *console.Logs
	Seal    *fakeseal.Seal
	// Fetch downloads what volumes begin as; a test may put another in its place.
	Fetch func(ctx context.Context, d storage.Download, into, note *os.File, tell func(done, total model.Bytes)) error

	t         testing.TB
	facts     host.Facts
	mu        sync.Mutex
	ahead     time.Duration // of time
	flush     error         // why nothing that is saved comes to the disk
	fills     error         // nothing is written to the store once a file is kept or opened
	full      error         // it has come to that
	unwritten chan struct{} // each time
	jump      time.Duration // of the clock on the wall
}

// In is where one of the folders of its state is.
func (h *Host) In(name string) string { return filepath.Join(h.folder, name) }

// New returns a host that lasts for the test. At the end no goroutine may be left.
func New(t testing.TB) *Host {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	// A crash of the daemon alone loses nothing of what it has written. What a commit promises of a disk is tested with the store.
	folder := memory.Dir(t)
	var err error
	h := &Host{t: t, Helper: newHelper(t, folder), folder: folder}
	in := func(name string) string { return filepath.Join(folder, name) }
	h.Store, err = local.Open(in("store"), local.Options{})
	must(t, err)
	h.Audit, err = audit.Open(in("audit"), audit.Options{})
	must(t, err)
	h.Volumes = pools.New(func(ctx context.Context, name string, spec storage.PoolSpec, fresh bool) (backend.Backend, error) {
		if name == storage.DefaultPool {
			return dir.Open(name, in("pool"))
		}
		return dir.OpenAt(ctx, name, spec.Path, fresh, nil)
	})
	_, err = h.Volumes.Reach(t.Context(), storage.DefaultPool, storage.PoolSpec{})
	must(t, err)
	h.Boots, err = boot.Open(in("boot"))
	must(t, err)
	place, err := h.Volumes.Of(storage.DefaultPool)
	must(t, err)
	from, err := importer.New(importer.Within(importer.NewFetcher()), "")
	must(t, err)
	h.Fetch = from.Fetch
	h.Images, err = image.Open(in("images"), place, from)
	must(t, err)
	h.NVRAM, err = firmware.Open(in("nvram"))
	must(t, err)
	h.Saved, err = saved.Open(in("saved"))
	must(t, err)
	h.Sets, err = saved.Open(in("sets"))
	must(t, err)
	h.Logs, err = console.OpenLogs(in("logs"), slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() {
		h.close()
		must(t, errors.Join(h.Logs.Close(), h.Boots.Close(), h.Images.Close(), h.NVRAM.Close(), h.Saved.Close(), h.Sets.Close(), h.Volumes.Close(), h.Audit.Close(), h.Store.Close()))
	})
	must(t, os.Mkdir(in("helper"), 0o700))
	h.Seal = fakeseal.In(t, in("helper"))
	h.sealed = h.Seal.Launches
	h.facts = host.Facts{
		Name: "testhost", OS: "linux", Arch: "x86_64", BootID: h.bootID, CPUs: 8, Memory: 64 * model.GiB,
		KVM: &host.Verdict{Why: "/dev/kvm boots nothing"}, Cgroup: &host.Cgroup{Mode: "v2", Enforced: true},
		QEMU: &host.QEMU{Path: "/usr/bin/qemu-system-x86_64", Arch: "x86_64", Version: "7.2.22", Machines: []host.Machine{{Name: "pc-q35-7.2", Alias: "q35", CPUs: 288}}},
	}
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// SetFacts changes what is known of the host.
func (h *Host) SetFacts(edit func(*host.Facts)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	edit(&h.facts)
}

func (h *Host) known() host.Facts {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.facts
}

// Folder is where everything of the host is.
func (h *Host) Folder() string { return h.dir }

// Jump moves the clock on the wall, as somebody who sets it does; no time passes.
func (h *Host) Jump(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.jump += d
}

// LoseSaved has nothing that is saved come to the disk from now on, for that reason; nil for none.
func (h *Host) LoseSaved(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flush = why
}

// LoseStoreOnceSaved has no daemon write to the store from when the next file is kept or opened on, for that reason; nil ends
// that. The channel tells of each time that one tries.
func (h *Host) LoseStoreOnceSaved(why error) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fills, h.unwritten = why, make(chan struct{}, 100)
	if why == nil {
		h.full = nil
	}
	return h.unwritten
}

// Advance has time pass for every daemon.
func (h *Host) Advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ahead += d
}

func (h *Host) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().UTC().Add(h.ahead + h.jump)
}

func (h *Host) steady() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().UTC().Add(h.ahead)
}

// Daemon is one life of a daemon.
type Daemon struct {
	*Host
	VMs     *qemu.Host
	Engine  *reconcile.Engine
	Actions *action.Actions
	View    *view.View
	Lines   *console.Lines
	Keys    *keys.Keys
	Points  *Points

	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once
}

// Start begins a daemon that is stopped with the test, or before.
func (h *Host) Start() *Daemon { return h.StartWith(&Points{}) }

// StartWith begins a daemon whose points are counted, and which may be cut off at one of them.
func (h *Host) StartWith(points *Points) *Daemon {
	h.t.Helper()
	log := slog.New(slog.NewTextHandler(h.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	if points.At > 0 { // it is cut off on purpose
		log = slog.New(slog.DiscardHandler)
	}
	d, err := h.boot(points, &Points{}, log)
	must(h.t, err)
	return d
}

// Boot begins a daemon that may be cut off at one of points, beside an hv-helper that may be cut off at one
// of helper's. An error says that it was cut off before it served.
func (h *Host) Boot(points, helper *Points) (*Daemon, error) {
	return h.boot(points, helper, slog.New(slog.DiscardHandler))
}

func (h *Host) boot(points, helper *Points, log *slog.Logger) (*Daemon, error) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d := &Daemon{Host: h, Points: points, cancel: cancel}
	d.VMs = qemu.New(qemu.Config{
		Helper: &cutHelper{h.Helper, helper}, Dial: dial, Words: h.Logs.Words, Log: log, Poke: func(uuid string) { d.Engine.Poke(uuid) },
		LetsGoWithin: 300 * time.Millisecond,
	})
	ring, err := keys.Open(filepath.Join(h.folder, "keys"), nil) // a daemon that starts knows no passphrase
	must(h.t, err)
	h.Volumes.Keys, d.Keys = ring, ring
	volumes := &cutVolumes{h.Volumes, points}
	d.Actions = action.New(action.Config{
		Store: &cutStore{h.Store, h, points, "wish"}, Audit: &cutAudit{h.Audit, points}, Volumes: volumes, Pools: h.Volumes, Keys: d.Keys, BootFiles: h.Boots, Images: &cutImages{h.Images, points}, Facts: h.known, Now: h.now, Steady: h.steady, Random: random, Log: log,
		Seal: &cutSeal{h.Seal, points}, SealedCopy: &cutCopy{h, points},
	})
	d.Engine = reconcile.New(reconcile.Config{
		Store: &cutStore{h.Store, h, points, "commit"}, Hypervisor: &cutHypervisor{d.VMs, points}, Volumes: volumes, Pools: h.Volumes, Keys: d.Keys, BootFiles: h.Boots, Images: &cutImages{h.Images, points}, Fetch: h.Fetch, Firmware: h.NVRAM, SavedVMs: &cutSaved{h.Saved, h, points}, Sets: h.Sets, Scheduled: d.Actions, Logs: &cutLogs{h.Logs, points},
		Facts: h.known, Features: d.Actions.Resolution, Now: h.now, Steady: h.steady, Log: log, Outcome: d.Actions.Ended, Recorded: d.Actions.Recorded,
	})
	d.View = view.New(view.Config{
		Store: h.Store, Audit: h.Audit, Facts: h.known, Pools: h.Volumes, Allocated: h.Volumes.Allocated, Now: h.now, Started: h.now(), Log: log,
		Features:  func(ctx context.Context) (feature.Resolution, int64, error) { return d.Actions.Resolution(ctx) },
		Processes: d.VMs.Living, Phase: d.Actions.Phase,
	})
	d.Lines = console.NewLines(h.Logs, d.uuid, d.VMs.Socket, d.VMs.Gone)
	must(h.t, d.View.Load(ctx))
	restored := h.Store.Restored()
	if restored.IsZero() {
		must(h.t, d.Actions.Sweep(ctx))
		must(h.t, d.Engine.SweepSets(ctx))
	}
	h.t.Cleanup(d.Stop)
	if _, err := d.VMs.Adopt(ctx); err != nil {
		d.Stop()
		return nil, err
	}
	back, err := d.Actions.PutBackSealed(ctx, action.Call{Root: true, Actor: operation.Actor{Name: "hvd", Via: "boot"}})
	if err != nil && !points.Cut() {
		log.Warn("what was sealed does not stand", "err", err)
	}
	if points.Cut() {
		d.Stop()
		return nil, errCut
	}
	if back || !restored.IsZero() {
		_, err := d.Actions.TakeUp(ctx, restored, d.VMs.Observe)
		must(h.t, err)
		must(h.t, h.Store.NoteRestored(ctx))
	}
	d.wg.Go(func() { d.told("view", d.View.Run(ctx)) })
	d.wg.Go(func() { d.told("engine", d.Engine.Run(ctx)) })
	return d, nil
}

// Hand returns a hand on processes alone, that has just adopted what is there: no engine acts.
func (h *Host) Hand() *qemu.Host {
	h.t.Helper()
	hand := qemu.New(qemu.Config{Helper: h.Helper, Dial: dial, Words: h.Logs.Words, Log: slog.New(slog.DiscardHandler), Poke: func(string) {}})
	h.t.Cleanup(hand.Close)
	if _, err := hand.Adopt(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	return hand
}

func (d *Daemon) told(who string, err error) {
	if err != nil && !d.Points.Cut() {
		d.t.Errorf("%s: %v", who, err)
	}
}

// Stop ends the daemon; VMs go on.
func (d *Daemon) Stop() {
	d.once.Do(func() {
		d.cancel()
		d.wg.Wait()
		d.Lines.Close()
		d.VMs.Close()
	})
}

func (d *Daemon) uuid(ctx context.Context, ref model.Ref) (string, error) {
	o, _, err := store.Get[vm.Object](ctx, d.Store, store.SpecKey(store.Ref{Kind: "vm", Project: ref.Project, Name: ref.Name}))
	return o.Spec.UUID, err
}

func dial(ctx context.Context, to qemu.MonitorAt) (qemu.Monitor, error) {
	return monitor.Dial(ctx, to.Path, monitor.Options{VM: to.Name, UUID: to.UUID, Events: true, Greeting: greeting(to)})
}

func greeting(to qemu.MonitorAt) time.Duration {
	if to.Fresh {
		return 30 * time.Second
	}
	return 500 * time.Millisecond // a second client is kept waiting, and tests with it
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// errCut is what everything says after the daemon was cut off.
var errCut = fault.New(fault.Unavailable, "the daemon was cut off")
