// Package pools knows which pools are open, and finds the one that somebody names.
//
// What lives here: opening and closing pools as they are wished, and volumes as action and reconcile speak of
// them, on whatever keeps them. What does not: any backend (they are handed in by daemon), and which pools there
// ought to be (the store says; reconcile tells).
package pools

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/luks"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Open opens a pool of the kind and at the place that spec names. Where fresh, nothing was ever in it, and a place that
// is missing is made.
type Open func(ctx context.Context, name string, spec storage.PoolSpec, fresh bool) (backend.Backend, error)

// Keys know what opens encrypted volumes.
type Keys interface {
	// Secret is what opens, now, what is encrypted with a key.
	Secret(ctx context.Context, key string) (string, error)
}

// Pools are the pools of this host.
type Pools struct {
	Keys Keys // nil: nothing is encrypted

	open    Open
	stretch uint32     // rounds of what a person has made up
	headers sync.Mutex // held while a LUKS header is changed
	opening sync.Mutex // one at a time; whoever asks for an open one does not wait for it

	mu    sync.RWMutex
	known map[string]*pool
}

// pool is one that is wished; its backend is nil while it cannot be opened.
type pool struct {
	spec    storage.PoolSpec
	backend backend.Backend
	why     error
}

// New returns pools of which none is known yet.
func New(open Open) *Pools {
	return &Pools{open: open, stretch: luks.Rounds, known: map[string]*pool{}}
}

// Reach opens a pool that is wished, and returns what it can do. One that is open at that place already stays
// so. One that cannot be opened is known all the same: whoever asks for it hears why. One whose place is missing is
// not there: an empty one in that place would hide what is on a disk that is not mounted yet.
func (p *Pools) Reach(ctx context.Context, name string, spec storage.PoolSpec) (storage.Capabilities, error) {
	return p.reach(ctx, name, spec, false)
}

// Make is Reach of a pool in which nothing was ever: its place is made where it is missing.
func (p *Pools) Make(ctx context.Context, name string, spec storage.PoolSpec) (storage.Capabilities, error) {
	return p.reach(ctx, name, spec, true)
}

func (p *Pools) reach(ctx context.Context, name string, spec storage.PoolSpec, fresh bool) (storage.Capabilities, error) {
	p.opening.Lock()
	defer p.opening.Unlock()
	spec = spec.Effective()
	if at := p.at(name); at != nil && at.backend != nil {
		if at.spec.Kind != spec.Kind || at.spec.Where() != spec.Where() {
			return storage.Capabilities{}, fault.New(fault.Conflict, "pool %q is open at %s, and cannot be at %s", name, at.spec.Where(), spec.Where())
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.known[name] = &pool{spec: spec, backend: at.backend} // its watermarks may be others
		return at.backend.Can(), nil
	}
	b, err := p.open(ctx, name, spec, fresh)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.known[name] = &pool{spec: spec, why: err}
		return storage.Capabilities{}, err
	}
	p.known[name] = &pool{spec: spec, backend: b}
	return b.Can(), nil
}

func (p *Pools) at(name string) *pool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.known[name]
}

// Leave closes a pool that is wished no more; what was opened in it stays open.
func (p *Pools) Leave(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.known[name]
	delete(p.known, name)
	if at == nil || at.backend == nil {
		return nil
	}
	return at.backend.Close()
}

// Close closes all of them.
func (p *Pools) Close() error {
	var errs []error
	for _, name := range p.Names() {
		errs = append(errs, p.Leave(name))
	}
	return errors.Join(errs...)
}

// Names are the names of all pools that are known, in order.
func (p *Pools) Names() []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.Sorted(maps.Keys(p.known))
}

// Of returns the pool of that name; the default one for no name.
func (p *Pools) Of(name string) (backend.Backend, error) {
	if name == "" {
		name = storage.DefaultPool
	}
	at := p.at(name)
	switch {
	case at == nil:
		return nil, fault.New(fault.NotFound, "there is no pool %q", name).WithCode("HV-POOL-001").Try("hv pool list")
	case at.backend == nil:
		return nil, fault.New(fault.Unavailable, "pool %q is not open", name).Because(at.why).WithCode("HV-POOL-002").Try("hv pool show %s", name)
	}
	return at.backend, nil
}

// Can is what a pool can do.
func (p *Pools) Can(name string) (storage.Capabilities, error) {
	b, err := p.Of(name)
	if err != nil {
		return storage.Capabilities{}, err
	}
	return b.Can(), nil
}

// Room is how much there is below a pool.
func (p *Pools) Room(ctx context.Context, name string) (storage.Room, error) {
	b, err := p.Of(name)
	if err != nil {
		return storage.Room{}, err
	}
	return b.Room(ctx)
}

// upTo is how much may be put into a pool before it is as full as its owner lets it be.
func (p *Pools) upTo(ctx context.Context, name string) (model.Bytes, error) {
	room, err := p.Room(ctx, name)
	if err != nil {
		return 0, err
	}
	name = cmp.Or(name, storage.DefaultPool)
	at := p.at(name)
	if at == nil {
		return 0, fault.New(fault.NotFound, "there is no pool %q", name).WithCode("HV-POOL-001").Try("hv pool list")
	}
	return room.Until(at.spec.StopPercent), nil
}
