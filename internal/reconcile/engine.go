// Package reconcile makes wishes come true: it compares what the store wishes with what the hands
// see, asks package plan what is to be done, and has the hands do it. It writes statuses, and
// nothing else but the removal of what was deleted.
//
// What lives here: one file a resource, the queue, the writer of statuses. What does not: deciding
// (plan), doing (the hands behind the interfaces of hands.go), and wishing (action).
package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Config is what an engine is made of.
type Config struct {
	Store      store.Store
	Hypervisor Hypervisor
	Volumes    Volumes
	Pools      Pools // nil for none but what Volumes knows
	Keys       Keys  // nil: nothing is encrypted
	Images     Images
	BootFiles  BootFiles
	Firmware   Firmware
	SavedVMs   SavedVMs
	Seeds      Seeds
	Sets       SavedVMs // what snapshots hold besides disks, by their UIDs
	Guests     Guests   // nil where nobody speaks to agents
	Logs       Logs
	Scheduled  Scheduled      // nil: no schedule is due for anything
	Zone       *time.Location // by whose clocks it is; UTC where it is nil
	// Fetch downloads into a file; nil where nobody can.
	Fetch func(ctx context.Context, d storage.Download, into, note *os.File, tell func(done, total model.Bytes)) error
	Facts func() host.Facts
	// Features is what the host's declaration comes to, and its revision.
	Features func(context.Context) (feature.Resolution, int64, error)
	Now      func() time.Time // by the clock on the wall, for what people read
	// Steady is a time that no change of that clock moves, the same for every daemon of one boot: what is
	// due is held against it. Now where it is nil.
	Steady func() time.Time
	// Outcome is told of every operation that ended: the audit log's other half.
	Outcome func(context.Context, operation.Operation)
	// Recorded returns how those of operations ended that Outcome was told of before, by ID.
	Recorded func(context.Context, []operation.Operation) (map[string]operation.Status, error)
	Log      *slog.Logger
	// Workers is how many objects are worked on at once; 8 when 0.
	Workers int
}

// Engine runs the reconcilers.
type Engine struct {
	Config
	queue    *queue[operation.Target]
	writer   *writer
	ops      *ops
	copies   *copies
	followed *followed
	layers   sync.Mutex // held while it is found out what shares the layers of a volume, and what nobody shares goes
	turning  turning
	images   *makings

	mu     sync.Mutex
	names  map[string]model.Ref // UUID → VM
	alones map[string]*named    // by UUID
	power  map[operation.Target]*vm.PowerStatus
	tries  map[operation.Target]int
	boot   *plan.Order                            // of the VMs that start because their host did
	halt   *halt                                  // while all VMs are stopped because their host is to end
	resets map[operation.Target]vm.Resets         // as the hand last counted them
	sets   map[string]map[string]vm.SnapshotPhase // snapshots that are being taken, by the VM's UUID
	merges map[string]*merging                    // of layers in QEMU, that this daemon has begun, by the VM's UUID

	schedules map[operation.Target]operation.Operation // of snapshots, with what they asked for last and how that ended, where it has
	skew      time.Duration                            // by which the clock on the wall was ahead of the steady one
}

// New returns an engine that does nothing until Run.
func New(c Config) *Engine {
	if c.Workers == 0 {
		c.Workers = 8
	}
	if c.Steady == nil {
		c.Steady = c.Now
	}
	if c.Outcome == nil {
		c.Outcome = func(context.Context, operation.Operation) {}
	}
	if c.Recorded == nil {
		c.Recorded = func(context.Context, []operation.Operation) (map[string]operation.Status, error) { return nil, nil }
	}
	e := &Engine{
		schedules: map[operation.Target]operation.Operation{},
		Config:    c, queue: newQueue[operation.Target](), writer: newWriter(c.Store, c.Log), followed: newFollowed(), images: newMakings(),
		names: map[string]model.Ref{}, alones: map[string]*named{}, power: map[operation.Target]*vm.PowerStatus{}, tries: map[operation.Target]int{},
		resets: map[operation.Target]vm.Resets{}, sets: map[string]map[string]vm.SnapshotPhase{}, merges: map[string]*merging{},
	}
	e.skew = c.Now().Sub(c.Steady())
	tell := c.Outcome
	c.Outcome = func(ctx context.Context, op operation.Operation) {
		tell(ctx, op)
		e.scheduledEnded(op)
	}
	e.ops, e.copies = newOps(e.writer, c), newCopies()
	return e
}

// The kinds of objects that are reconciled, as the store and operations name them.
const (
	KindVM        = "vm"
	KindVolume    = "volume"
	KindSnapshot  = "snapshot"
	KindPool      = "pool"
	KindTrash     = "trash"
	KindImage     = "image"
	KindKey       = "key"
	KindHost      = "host"
	KindOperation = "operation"

	// writerName is the last part of the status keys that this package writes.
	writerName = "reconcile"
	powerName  = "power"
	guestName  = "guest"
)

// Run looks at everything once, then at whatever changes, until ctx ends. It returns when all that
// was begun has ended or could be left at a safe place.
func (e *Engine) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	e.copies.ctx = ctx
	watch, err := e.begin(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	var writerDone, workers sync.WaitGroup
	writerDone.Go(func() { e.writer.run(writing) })
	for range e.Workers {
		workers.Go(func() { e.work(ctx) })
	}
	workers.Go(func() { e.housekeep(ctx, time.Minute) })
	for batch := range watch.Events() {
		e.follow(batch)
		e.followed.advance(batch.Revision)
		for _, ev := range batch.Events {
			e.noticed(ev)
		}
	}
	asked := ctx.Err() != nil
	stop() // where the watch ended by itself, nothing of what follows is seen
	workers.Wait()
	e.copies.wg.Wait()
	e.images.all.Wait()
	e.queue.close()
	stopWriting()
	writerDone.Wait()
	if asked {
		return nil
	}
	return watch.Err()
}

// begin reads everything, and follows it from there.
func (e *Engine) begin(ctx context.Context) (store.Watcher, error) {
	from, err := e.load(ctx)
	if err != nil {
		return nil, fault.Wrap(err, "cannot read what is wished")
	}
	e.followed.advance(from)
	watch, err := e.Store.Watch(ctx, store.Root, from+1)
	return watch, fault.Wrap(err, "cannot follow what is wished")
}

// follow takes up the operations of a batch, before anybody looks at what they are about. Those whose
// end was committed with them nobody has to run.
func (e *Engine) follow(batch store.Batch) {
	ended := endedIn(batch)
	for _, ev := range batch.Events {
		ref, err := store.ParseSpec(ev.KV.Key)
		if err == nil && ref.Kind == KindOperation && ev.Type == store.Put && !ended[ref.Name] {
			e.takeUp(ev)
		}
	}
}

func endedIn(batch store.Batch) map[string]bool {
	ended := map[string]bool{}
	for _, ev := range batch.Events {
		if ref, _, err := store.ParseStatus(ev.KV.Key); err == nil && ref.Kind == KindOperation && ev.Type == store.Put {
			if st, err := store.Decode[operation.Status](ev.KV); err == nil && st.State.Ended() {
				ended[ref.Name] = true
			}
		}
	}
	return ended
}

// load queues every object and takes up every operation that has not ended.
func (e *Engine) load(ctx context.Context) (int64, error) {
	vms, rev, err := store.ListAll[vm.Object](ctx, e.Store, store.SpecPrefix(KindVM))
	if err != nil {
		return 0, err
	}
	if err := e.loadPools(ctx); err != nil {
		return 0, err
	}
	if err := e.LoadKeys(ctx); err != nil {
		return 0, err
	}
	for _, o := range vms {
		e.know(o.Value)
		e.queue.add(target(KindVM, o.Value.Metadata))
		e.knowSchedule(o.Value)
	}
	if err := e.loadBoot(ctx, vms); err != nil {
		return 0, err
	}
	if err := e.loadVolumes(ctx); err != nil {
		return 0, err
	}
	if err := e.loadTrash(ctx); err != nil {
		return 0, err
	}
	if err := e.loadSets(ctx); err != nil {
		return 0, err
	}
	if err := e.loadImages(ctx); err != nil {
		return 0, err
	}
	return rev, e.ops.load(ctx, e.Store, rev, func(t operation.Target) { e.queue.add(t) })
}

func target(kind string, m model.Metadata) operation.Target {
	return operation.Target{Kind: kind, Ref: model.Ref{Project: m.Project, Name: m.Name}}
}

func (e *Engine) know(o vm.Object) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.names[o.Spec.UUID] = model.Ref{Project: o.Project, Name: o.Name}
}

// Poke asks for a look at the VM with this UUID: something happened to its process.
func (e *Engine) Poke(uuid string) {
	e.mu.Lock()
	ref, ok := e.names[uuid]
	e.mu.Unlock()
	if ok {
		e.queue.add(operation.Target{Kind: KindVM, Ref: ref})
	}
}

// Guest writes down what a VM's guest says of itself.
func (e *Engine) Guest(uuid string, said vm.GuestStatus) {
	e.mu.Lock()
	ref, ok := e.names[uuid]
	e.mu.Unlock()
	if ok {
		e.writer.put(guestKey(operation.Target{Kind: KindVM, Ref: ref}), said)
	}
}

// noticed turns a change of the store into looks.
func (e *Engine) noticed(ev store.Event) {
	if what, project, name, err := store.ParseClaim(ev.KV.Key); err == nil {
		if what == "disk" { // one that is deleted waits for it to go; the note on the pool says who has it
			e.queue.add(operation.Target{Kind: KindVolume, Ref: model.Ref{Project: project, Name: name}})
		}
		return
	}
	ref, err := store.ParseSpec(ev.KV.Key)
	if err != nil {
		return // a status: ours
	}
	switch ref.Kind {
	case KindVM:
		if o, err := store.Decode[vm.Object](ev.KV); err == nil && ev.Type == store.Put {
			e.know(o)
			e.knowSchedule(o)
		}
		e.queue.add(operation.Target{Kind: KindVM, Ref: model.Ref{Project: ref.Project, Name: ref.Name}})
	case KindSnapshot:
		e.noticedSet(ev)
	case KindVolume, KindPool, KindTrash, KindKey:
		e.queue.add(operation.Target{Kind: ref.Kind, Ref: model.Ref{Project: ref.Project, Name: ref.Name}})
	case KindImage:
		e.noticedImage(ev)
		e.queue.add(operation.Target{Kind: KindImage, Ref: model.Ref{Project: ref.Project, Name: ref.Name}})
	}
}

// takeUp begins to follow a new operation, or hears that one is to be cancelled. One that was
// changed and is not followed has ended.
func (e *Engine) takeUp(ev store.Event) {
	wish, err := store.Decode[operation.Wish](ev.KV)
	if err != nil {
		e.Log.Error("an operation cannot be read", "key", ev.KV.Key, "err", err)
		return
	}
	if ev.Prev == nil {
		e.ops.follow(wish)
	} else {
		e.ops.hear(wish)
	}
	e.queue.add(wish.Target)
}

// work takes keys until ctx ends.
func (e *Engine) work(ctx context.Context) {
	for {
		t, ok := e.queue.next(ctx)
		if !ok {
			return
		}
		e.look(ctx, t)
		e.queue.done(t)
	}
}

// look reconciles one object, and sees to it that a failure is tried again, later each time.
func (e *Engine) look(ctx context.Context, t operation.Target) {
	var err error
	switch t.Kind {
	case KindVM:
		err = e.reconcileVM(ctx, t)
	case KindSchedule:
		err = e.reconcileSchedule(ctx, t)
	case KindHost:
		err = e.reconcileHost(ctx, t)
	case KindVolume:
		err = e.reconcileVolume(ctx, t)
	case KindPool:
		err = e.reconcilePool(ctx, t)
	case KindTrash:
		err = e.reconcileTrash(ctx, t)
	case KindImage:
		err = e.reconcileImage(ctx, t)
	case KindKey:
		err = e.reconcileKey(ctx, t)
	default:
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		delete(e.tries, t)
		return
	}
	if ctx.Err() != nil {
		return
	}
	e.tries[t]++
	wait := backoff(e.tries[t])
	e.Log.Warn("not as wished", "object", t.String(), "err", err, "again in", wait)
	e.queue.after(t, wait)
}

// backoff is how long to wait before try n+1: from one second, doubling, to five minutes.
func backoff(n int) time.Duration {
	const most = 5 * time.Minute
	if n > 9 {
		return most
	}
	return min(time.Second<<(n-1), most)
}

// problem is an error as an operation keeps it.
func problem(err error) *operation.Problem {
	if err == nil {
		return nil
	}
	return &operation.Problem{Kind: fault.KindOf(err).Error(), Code: fault.CodeOf(err), What: err.Error(), Hint: fault.HintOf(err)}
}

// missing reports whether err says that a key does not exist.
func missing(err error) bool { return errors.Is(err, fault.NotFound) }
