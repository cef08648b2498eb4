package reconcile

import (
	"context"
	"sync"
)

// followed says how far the engine has followed the store. Who has read an object that is newer waits for what was
// committed with it: the operation that asks for what the object wishes. Without it the wish would come true in
// steps that nobody is told of.
type followed struct {
	mu       sync.Mutex
	revision int64
	grown    chan struct{} // closed and replaced whenever revision grows
}

func newFollowed() *followed { return &followed{grown: make(chan struct{})} }

func (f *followed) advance(revision int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revision = max(f.revision, revision)
	close(f.grown)
	f.grown = make(chan struct{})
}

// await returns when the engine has followed the store to a revision, or ctx ends.
func (f *followed) await(ctx context.Context, revision int64) error {
	for {
		f.mu.Lock()
		there, grown := f.revision >= revision, f.grown
		f.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
