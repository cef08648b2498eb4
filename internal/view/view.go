// Package view answers what is asked without changing anything: from an index in memory that one
// watch of the store feeds. It never touches QEMU.
//
// What lives here: the index, lists and their pages, objects in full, events. What does not:
// changing anything (action), and decoding requests (api/*). What follows from specs and facts is
// computed here when it is asked, and never stored.
package view

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Audit is what is read of the audit log. *audit.Log is one.
type Audit interface {
	Read(ctx context.Context, after int64, limit int, f audit.Filter) (audit.Page, error)
	Size() int64
}

// Config is what a view is made of.
type Config struct {
	Store store.Store
	Audit Audit
	Facts func() host.Facts
	// Features is what the standing declaration comes to, and its revision.
	Features func(ctx context.Context) (feature.Resolution, int64, error)
	// Allocated returns how much room a volume's file takes.
	Allocated func(ctx context.Context, v storage.Volume) (model.Bytes, error)
	Pools     Pools // nil where nothing can be measured
	Now       func() time.Time
	Zone      *time.Location // by whose clocks schedules are; UTC where it is nil
	// Processes are the VMs' processes that live, by UUID; nil for none.
	Processes func() map[string]vm.Living
	// Sample is what VMs use, by UUID; nil for nothing. It may take a second, and reads while it is called only.
	Sample func(ctx context.Context) (vm.Sample, error)
	// Keeping is how the store is, and what else the daemon has found about its host; nil for nothing.
	Keeping func() (wire.Keeping, finding.List)
	// Phase is the phase of the host; nil where nobody keeps one.
	Phase func(context.Context) (host.Phase, error)
	// Applying is who applies a declaration just now; nil for what knows of nobody.
	Applying   func() *wire.Applying
	Version    string
	Started    time.Time
	DeclaredBy string // the host's own file that is its declaration
	Log        *slog.Logger
}

// View is the index. Its one goroutine is whoever calls Run.
type View struct {
	Config

	mu       sync.RWMutex
	revision int64
	reached  chan struct{} // closed and replaced whenever revision grows

	vms      map[model.Ref]*vmEntry
	volumes  map[model.Ref]*volumeEntry
	boots    map[model.Ref]storage.BootFile
	pools    map[string]*poolEntry
	shares   map[string]storage.Share
	keys     map[string]*keyEntry
	images   map[model.Ref]*imageEntry
	sources  map[string]storage.Index
	ops      map[string]*operation.Operation
	claims   map[model.Ref]storage.Claim
	sets     map[string]map[string]vm.Snapshot // by the VM's UUID and their own names
	vmRows   *table
	volRows  *table
	bootRows *table
	trashed  *table

	imageRows  *table
	sourceRows *table
	opRows     *table
	running    int
}

type vmEntry struct {
	object vm.Object
	power  *vm.PowerStatus
	guest  *vm.GuestStatus

	schedule *vm.ScheduleStatus
}

type volumeEntry struct {
	volume storage.Volume
	status storage.VolumeStatus
	check  *storage.VolumeCheck // what the last one found
}

// New returns a view that knows nothing until Load.
func New(c Config) *View {
	return &View{
		Config: c, reached: make(chan struct{}),
		vms: map[model.Ref]*vmEntry{}, volumes: map[model.Ref]*volumeEntry{}, boots: map[model.Ref]storage.BootFile{}, pools: map[string]*poolEntry{}, shares: map[string]storage.Share{}, keys: map[string]*keyEntry{}, images: map[model.Ref]*imageEntry{}, sources: map[string]storage.Index{}, sourceRows: newTable(),
		ops: map[string]*operation.Operation{}, claims: map[model.Ref]storage.Claim{}, sets: map[string]map[string]vm.Snapshot{},
		vmRows: newTable(), volRows: newTable(), bootRows: newTable(), trashed: newTable(), imageRows: newTable(), opRows: newTable(),
	}
}

// Load reads everything once.
func (v *View) Load(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	opt := store.ListOptions{}
	for {
		page, err := v.Store.List(ctx, store.Root, opt)
		if err != nil {
			return fault.Wrap(err, "cannot read the store")
		}
		for _, kv := range page.KVs {
			v.apply(store.Event{Type: store.Put, KV: kv})
		}
		if !page.More {
			v.advance(page.Revision)
			return nil
		}
		opt.After, opt.Revision = page.KVs[len(page.KVs)-1].Key, page.Revision
	}
}

// Run follows the store from where Load ended, until ctx ends.
func (v *View) Run(ctx context.Context) error {
	v.mu.RLock()
	from := v.revision + 1
	v.mu.RUnlock()
	watch, err := v.Store.Watch(ctx, store.Root, from)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to end
	}
	if err != nil {
		return fault.Wrap(err, "cannot follow the store")
	}
	for batch := range watch.Events() {
		v.mu.Lock()
		for _, ev := range batch.Events {
			v.apply(ev)
		}
		v.advance(batch.Revision)
		v.mu.Unlock()
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to end
	}
	return watch.Err()
}

func (v *View) advance(revision int64) {
	v.revision = revision
	close(v.reached)
	v.reached = make(chan struct{})
}

// Revision is the store's that the view has reached.
func (v *View) Revision() int64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.revision
}

// Await returns when the view has reached a revision.
func (v *View) Await(ctx context.Context, revision int64) error {
	for {
		v.mu.RLock()
		there, wait := v.revision >= revision, v.reached
		v.mu.RUnlock()
		if there {
			return nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "the view has not reached revision %d yet", revision).Because(context.Cause(ctx))
		}
	}
}

// apply takes one change into the index. What cannot be read is left out and told in the log.
func (v *View) apply(ev store.Event) {
	gone := ev.Type == store.Delete
	var err error
	if what, project, name, bad := store.ParseClaim(ev.KV.Key); bad == nil {
		if what == "disk" {
			err = v.applyClaim(model.Ref{Project: project, Name: name}, ev, gone)
		}
	} else if ref, writer, bad := store.ParseStatus(ev.KV.Key); bad == nil {
		err = v.applyStatus(ref, writer, ev, gone)
	} else if ref, bad := store.ParseSpec(ev.KV.Key); bad == nil {
		err = v.applySpec(ref, ev, gone)
	}
	if err != nil {
		v.Log.Error("left out of what is shown", "key", ev.KV.Key, "err", err)
	}
}

func (v *View) applyClaim(ref model.Ref, ev store.Event, gone bool) error {
	delete(v.claims, ref)
	if !gone {
		claim, err := store.Decode[storage.Claim](ev.KV)
		if err != nil {
			return err
		}
		v.claims[ref] = claim
	}
	v.volumeRow(ref)
	return nil
}

func (v *View) applySpec(r store.Ref, ev store.Event, gone bool) error {
	ref := model.Ref{Project: r.Project, Name: r.Name}
	switch r.Kind {
	case "vm":
		return v.applyVM(ref, ev, gone)
	case "volume":
		return v.applyVolume(ref, ev, gone)
	case "trash":
		return v.applyTrash(ref, ev, gone)
	case "boot-file":
		return v.applyBootFile(ref, ev, gone)
	case "pool":
		return v.applyPool(ref.Name, ev, gone)
	case "share":
		return v.applyShare(ref.Name, ev, gone)
	case "key":
		return v.applyKey(ref.Name, ev, gone)
	case "snapshot":
		return v.applySnapshot(r, ev, gone)
	case "image-source":
		return v.applyImageSource(ref.Name, ev, gone)
	case "image":
		return v.applyImage(ref, ev, gone)
	case "operation":
		return v.applyOperation(r.Name, ev, gone)
	}
	return nil
}

func (v *View) applyStatus(r store.Ref, writer string, ev store.Event, gone bool) error {
	ref := model.Ref{Project: r.Project, Name: r.Name}
	switch {
	case r.Kind == "vm" && writer == "power":
		return v.applyPower(ref, ev, gone)
	case r.Kind == "vm" && writer == "guest":
		return v.applyGuest(ref, ev, gone)
	case r.Kind == "vm" && writer == "schedule":
		return v.applySchedule(ref, ev, gone)
	case r.Kind == "volume" && writer == "check":
		return v.applyVolumeCheck(ref, ev, gone)
	case r.Kind == "volume":
		return v.applyVolumeStatus(ref, ev, gone)
	case r.Kind == "pool":
		return v.applyPoolStatus(ref.Name, ev, gone)
	case r.Kind == "key":
		return v.applyKeyStatus(ref.Name, ev, gone)
	case r.Kind == "image":
		return v.applyImageStatus(ref, ev, gone)
	case r.Kind == "operation":
		return v.applyOperationStatus(r.Name, ev, gone)
	}
	return nil
}

// encode is an item of a list. Our own words always encode; if they do not it is told in the item.
func encode(item any) json.RawMessage {
	data, err := json.Marshal(item)
	if err != nil {
		data, _ = json.Marshal(map[string]string{"error": err.Error()})
	}
	return data
}

func notFound(what, name, list string) *fault.Error {
	return fault.New(fault.NotFound, "there is no %s %q", what, name).Try("%s", list)
}
