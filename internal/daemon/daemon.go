//go:build linux

// Package daemon puts hvd together, in the order in which one would explain it.
//
// What lives here: wiring, the order of starting and stopping. What does not: anything that is
// wired.
package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/api/rest"
	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/console"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/guest/agent"
	"github.com/hyper-nixos/hyper-nixos/internal/guest/seed"
	"github.com/hyper-nixos/hyper-nixos/internal/host/probe"
	"github.com/hyper-nixos/hyper-nixos/internal/importer"
	"github.com/hyper-nixos/hyper-nixos/internal/monitoring"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/monitor"
	"github.com/hyper-nixos/hyper-nixos/internal/reconcile"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/boot"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/firmware"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/image"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/keys"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/pools"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/reserve"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/saved"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/internal/store/sealing"
	"github.com/hyper-nixos/hyper-nixos/internal/store/snapshot"
	"github.com/hyper-nixos/hyper-nixos/internal/view"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Options are what a daemon is told.
type Options struct {
	State       string   // the folder that holds everything that stays
	Declaration string   // the file that is the host's declaration, if it is there; empty for none
	Firmware    []string // the folders in which packages install UEFI firmware; /usr/share where there is none
	Fetcher     string   // the socket behind which fetchers are started; empty where hvd starts them
	Version     string
	Ready       func() // called when the API is served
	Log         *slog.Logger
}

// Run serves until ctx ends. VMs go on without it.
func Run(ctx context.Context, opt Options) (err error) {
	helper := privilege.Dial(filepath.Join(privilege.RunFolder(opt.State), privilege.HelperSocket))
	defer helper.Close()

	kept, err := keep(opt, helper)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.close()) }()

	steady, err := openClock(filepath.Join(opt.State, "clock"), opt.Log)
	if err != nil {
		return err
	}
	host := &facts{helper: helper, qemu: probe.NewCache(filepath.Join(opt.State, "qemu.json")), log: opt.Log, firmware: opt.Firmware}
	if err := host.ask(ctx); err != nil {
		return err
	}

	d := &daemon{Options: opt, helper: helper, kept: kept, facts: host, steady: steady, started: time.Now()}
	defer d.close()
	d.wire(ctx)
	return d.serve(ctx)
}

// kept is what stays when the daemon goes.
type kept struct {
	file    *local.Store
	store   *sealing.Store // what everybody speaks to
	audit   *audit.Log
	volumes *pools.Pools
	keys    *keys.Keys
	boots   *boot.Files
	images  *image.Library
	fetch   *importer.Importer
	nvram   *firmware.Files
	saved   *saved.Files
	seeds   *seed.Seeds
	sets    *saved.Files
	logs    *console.Logs
}

func keep(opt Options, helper *privilege.Client) (k *kept, err error) {
	k = &kept{}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.close())
		}
	}()
	in := func(name string) string { return filepath.Join(opt.State, name) }
	if k.file, err = local.Open(in(storeFolder), local.Options{Snapshots: in(snapshotFolder)}); err != nil {
		return k, err
	}
	if k.store, err = sealing.Open(context.Background(), k.file, in(storeKey), secrets, !k.file.Restored().IsZero()); err != nil {
		return k, err
	}
	if k.audit, err = audit.Open(in("audit"), audit.Options{}); err != nil {
		return k, err
	}
	k.volumes = openPools(opt, helper)
	if k.keys, err = keys.Open(filepath.Join(opt.State, keyFolder), helper); err != nil {
		return k, err
	}
	k.volumes.Keys = k.keys
	if _, err = k.volumes.Reach(context.Background(), storage.DefaultPool, storage.PoolSpec{}); err != nil {
		return k, err
	}
	if k.boots, err = boot.Open(in("boot")); err != nil {
		return k, err
	}
	if k.images, k.fetch, err = openImages(opt, k.volumes); err != nil {
		return k, err
	}
	if k.nvram, err = firmware.Open(in("nvram"), opt.Firmware...); err != nil {
		return k, err
	}
	if k.saved, err = saved.Open(in("saved")); err != nil {
		return k, err
	}
	if k.seeds, err = seed.Open(in("seeds")); err != nil {
		return k, err
	}
	if k.sets, err = saved.Open(in("sets")); err != nil {
		return k, err
	}
	k.logs, err = console.OpenLogs(in("logs"), opt.Log)
	return k, err
}

// close closes in the reverse order of opening.
func (k *kept) close() error {
	var errs []error
	if k.logs != nil {
		errs = append(errs, k.logs.Close())
	}
	if k.sets != nil {
		errs = append(errs, k.sets.Close())
	}
	if k.saved != nil {
		errs = append(errs, k.saved.Close())
	}
	if k.nvram != nil {
		errs = append(errs, k.nvram.Close())
	}
	if k.images != nil {
		errs = append(errs, k.images.Close())
	}
	if k.boots != nil {
		errs = append(errs, k.boots.Close())
	}
	if k.volumes != nil {
		errs = append(errs, k.volumes.Close())
	}
	if k.audit != nil {
		errs = append(errs, k.audit.Close())
	}
	switch {
	case k.store != nil:
		errs = append(errs, k.store.Close())
	case k.file != nil:
		errs = append(errs, k.file.Close())
	}
	return errors.Join(errs...)
}

// daemon is everything that is wired.
type daemon struct {
	Options
	*kept
	helper  *privilege.Client
	facts   *facts
	steady  clock
	started time.Time

	vms     *qemu.Host
	guests  *agent.Agents
	engine  *reconcile.Engine
	reserve *reserve.Reserve
	keeping *keeping
	actions *action.Actions
	view    *view.View
	lines   *console.Lines
	screens *console.Screens
}

func (d *daemon) wire(ctx context.Context) {
	d.guests = agent.New(agent.Config{
		Find: d.uuid, Socket: func(uuid, name string) (string, error) { return d.vms.Socket(uuid, name) },
		Found: func(uuid string, g vm.GuestStatus) { d.engine.Guest(uuid, g) }, Now: now, Log: d.Log,
	})
	d.vms = qemu.New(qemu.Config{
		Helper: d.helper, RunFolder: privilege.RunFolder(d.State), Dial: dial, Words: d.logs.Words, Agent: d.guests.Port, Log: d.Log,
		Poke: func(uuid string) { d.engine.Poke(uuid) },
	})
	declared := ""
	// One that is there and cannot be looked at stands all the same: it is told, not passed over.
	if _, err := os.Stat(d.Declaration); d.Declaration != "" && !errors.Is(err, os.ErrNotExist) {
		declared = d.Declaration
	}
	d.reserve = reserve.New(filepath.Join(d.State, "reserve"), reserve.Size)
	d.keeping = &keeping{state: d.State, store: d.file}
	sealed := sealedFile{filepath.Join(d.State, "sealed.json"), d.store}
	if err := sealed.sealLeft(); err != nil { // it is tried again at the next start
		d.Log.Error("the copy of what was sealed was not looked through for secrets in clear", "err", err)
	}
	d.actions = action.New(action.Config{
		Store: d.store, Audit: d.audit, Volumes: d.volumes, Pools: d.volumes, Keys: d.keys, BootFiles: d.boots, Images: d.images, Mirror: d.fetch.Mirrored, MakeRoom: d.reserve.Give,
		Facts: d.facts.known, Now: now, Zone: time.Local, SavedRoom: d.sets.Room, Random: random, Steady: d.steady.now, DeclaredBy: declared, Log: d.Log,
		Seal: d.helper, Members: members, AuditWhole: d.auditWhole, Declared: d.declaredNow,
		SealedCopy: sealed,
	})
	d.engine = reconcile.New(reconcile.Config{
		Store: d.store, Hypervisor: hypervisor{d.vms, d.guests}, Volumes: d.volumes, Pools: d.volumes, Keys: d.keys, Images: d.images, Fetch: d.fetch.Fetch, BootFiles: d.boots, Firmware: d.nvram, SavedVMs: d.saved, Seeds: d.seeds, Sets: d.sets, Guests: frozen{d.guests}, Logs: d.logs,
		Facts: d.facts.now(ctx), Features: d.actions.Resolution, Now: now, Scheduled: d.actions, Zone: time.Local, Steady: d.steady.now, Outcome: d.actions.Ended, Recorded: d.actions.Recorded, Log: d.Log,
	})
	d.view = view.New(view.Config{
		Store: d.store, Audit: d.audit, Facts: d.facts.known, Allocated: d.volumes.Allocated, Pools: d.volumes,
		Features: d.actions.Resolution, Now: now, Zone: time.Local, Version: d.Version, Started: d.started, DeclaredBy: declared, Log: d.Log,
		Processes: d.vms.Living, Sample: monitoring.New(d.vms.Counters, time.Now).Sample, Keeping: d.keeping.now, Applying: d.actions.Applying, Phase: d.actions.Phase,
	})
	d.lines = console.NewLines(d.logs, d.uuid, d.vms.Socket, d.vms.Gone)
	d.screens = console.NewScreens(d.uuid, d.vms)
}

// close lets go of what runs on.
func (d *daemon) close() {
	if d.lines != nil {
		d.lines.Close()
	}
	if d.guests != nil {
		d.guests.Close()
	}
	if d.vms != nil {
		d.vms.Close()
	}
}

// serve takes up what runs already, and then goes on until ctx ends.
func (d *daemon) serve(ctx context.Context) error {
	if err := d.view.Load(ctx); err != nil {
		return err
	}
	if err := d.reachPools(ctx); err != nil {
		return err
	}
	if d.file.Restored().IsZero() { // else what nobody names may be what the lost part of the store named
		if err := d.actions.Sweep(ctx); err != nil { // it wastes room, and keeps nobody from his VMs
			d.Log.Error("cannot tidy up", "err", err)
		}
		if err := d.engine.SweepSets(ctx); err != nil {
			d.Log.Error("cannot tidy up after snapshots", "err", err)
		}
	}
	alive, err := d.vms.Adopt(ctx)
	if err != nil {
		return err
	}
	if alive > 0 {
		d.Log.Info("adopted", "vms", alive)
	}
	d.seeHost(ctx, nil)
	if err := d.takeUp(ctx, d.putBackSealed(ctx)); err != nil {
		return err
	}
	listener, err := d.listen(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.view.Run(ctx) })
	g.Go(func() error { return d.engine.Run(ctx) })
	g.Go(func() error { d.logs.Run(ctx, slices.Collect(maps.Keys(d.vms.Living()))); return nil })
	g.Go(func() error { d.keeping.watch(ctx, d.Log); return nil })
	g.Go(func() error { d.actions.KeepPhase(ctx); return nil })
	g.Go(func() error { d.watchHost(ctx); return nil })
	g.Go(func() error { tidy(ctx, giveBack); return nil })
	g.Go(func() error { d.file.KeepSnapshots(ctx, snapshot.Hourly, d.Log); return nil })
	g.Go(func() error {
		d.reserve.Run(ctx, 30*time.Second, func(err error) { d.Log.Warn("no reserve for a full disk", "err", err) })
		return nil
	})
	g.Go(func() error {
		if err := d.declare(ctx); err != nil {
			d.Log.Error("the declaration is not applied", "err", err, "hint", fault.HintOf(err))
			d.undeclared(err)
		}
		if d.Ready != nil {
			d.Ready()
		}
		return nil
	})
	handler := rest.New(rest.Config{
		Actions: d.actions, View: d.view, Console: d.lines, Screens: d.screens, Images: d.images, Volumes: d.volumes, Sources: d.fetch, Guests: d.guests, Logs: d.lines, Version: d.Version, Log: d.Log,
	})
	g.Go(func() error { return rest.Serve(ctx, listener, handler) })
	return g.Wait()
}

// listen asks hv-helper for the API's socket: making it in /run needs its rights.
func (d *daemon) listen(ctx context.Context) (net.Listener, error) {
	f, err := d.helper.Listen(ctx)
	if err != nil {
		return nil, fault.Wrap(err, "no socket for the API")
	}
	l, err := net.FileListener(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fault.New(fault.Internal, "the API's socket is none").Because(err)
	}
	return l, nil
}

// uuid finds a VM by its name.
func (d *daemon) uuid(ctx context.Context, ref model.Ref) (string, error) {
	o, _, err := store.Get[vm.Object](ctx, d.store, store.SpecKey(store.Ref{Kind: "vm", Project: ref.Project, Name: ref.Name}))
	if fault.KindOf(err) == fault.NotFound {
		return "", fault.New(fault.NotFound, "there is no vm %q", ref.String()).Try("hv vm list").WithCode("HV-VM-021")
	}
	return o.Spec.UUID, err
}

// dial connects to a VM's monitor.
func dial(ctx context.Context, to qemu.MonitorAt) (qemu.Monitor, error) {
	opt := monitor.Options{VM: to.Name, UUID: to.UUID, Events: true}
	if to.Fresh {
		opt.Greeting = 30 * time.Second // fifty that start together keep each other waiting
	}
	return monitor.Dial(ctx, to.Path, opt)
}

func now() time.Time { return time.Now().UTC() }

// random returns n random bytes; Go's reader never fails.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
