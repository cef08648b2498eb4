package reconcile

import (
	"slices"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// turning holds, by key: for writing while its secret turns, for reading while something is opened or made with it. Who
// reads several takes them in the order of their names, and a writer has one: nobody waits in a circle.
type turning struct {
	mu   sync.Mutex
	keys map[string]*sync.RWMutex
}

func (t *turning) of(key string) *sync.RWMutex {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys == nil {
		t.keys = map[string]*sync.RWMutex{}
	}
	if t.keys[key] == nil {
		t.keys[key] = &sync.RWMutex{}
	}
	return t.keys[key]
}

// holdKeys keeps the keys of chains from turning until it is let go of: what is made or opened meanwhile is so with one
// secret from beginning to end.
func (e *Engine) holdKeys(chains ...[]storage.Layer) func() {
	var names []string
	for _, chain := range chains {
		names = append(names, storage.Keys(chain)...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, name := range names {
		e.turning.of(name).RLock()
	}
	return func() {
		for _, name := range names {
			e.turning.of(name).RUnlock()
		}
	}
}

// holdKeysOf is holdKeys of a VM's volumes.
func (e *Engine) holdKeysOf(in plan.VMInput) func() {
	var chains [][]storage.Layer
	for _, v := range in.Volumes {
		chains = append(chains, v.Chain())
	}
	return e.holdKeys(chains...)
}
