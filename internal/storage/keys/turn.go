//go:build linux

package keys

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// one is what is known of a key. Its fields are guarded by Keys.mu, which is never held while anybody is waited for; its
// file is changed, and what opens it is asked, by whoever has its turn. So a key whose program takes its time holds up no other.
type one struct {
	turn    chan struct{} // has room for the one whose turn it is
	spec    *storage.KeySpec
	open    *opened
	opening *opening
}

// opening is a key that opens by itself just being opened, once for all who need it.
type opening struct {
	done    chan struct{}
	err     error // when done
	waiting int
	giveUp  context.CancelFunc
}

// of is what is known of a key; the caller has mu.
func (k *Keys) of(name string) *one {
	o := k.ring[name]
	if o == nil {
		o = &one{turn: make(chan struct{}, 1)}
		k.ring[name] = o
	}
	return o
}

// Know says what a key's spec is. Nothing is opened yet.
func (k *Keys) Know(key storage.Key) { k.know(key.Name, key.Spec) }

func (k *Keys) know(name string, spec storage.KeySpec) {
	spec = spec.Effective()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of(name).spec = &spec
}

// spec is what a key's spec is, if anybody has said so.
func (k *Keys) spec(name string) (storage.KeySpec, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if o := k.ring[name]; o != nil && o.spec != nil {
		return *o.spec, true
	}
	return storage.KeySpec{}, false
}

// now is what is open of a key; nil where it is locked.
func (k *Keys) now(name string) *opened {
	k.mu.Lock()
	defer k.mu.Unlock()
	if o := k.ring[name]; o != nil {
		return o.open
	}
	return nil
}

func (k *Keys) set(name string, open *opened) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of(name).open = open
}

// hold waits until it is the caller's turn with a key, or until ctx ends.
func (k *Keys) hold(ctx context.Context, name string) (release func(), err error) {
	k.mu.Lock()
	turn := k.of(name).turn
	k.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, gaveUp(ctx, name)
	}
}

func gaveUp(ctx context.Context, name string) error {
	return fault.New(fault.Unavailable, "key %q is being opened, and that was not waited for", name).Because(context.Cause(ctx))
}

// openBySelf opens a key that needs nobody. Who asks while that goes on waits for the same end; when nobody waits any more, it is
// given up.
func (k *Keys) openBySelf(ctx context.Context, name string) error {
	k.mu.Lock()
	o := k.of(name)
	if o.open != nil {
		k.mu.Unlock()
		return nil
	}
	f := o.opening
	if f == nil {
		within, giveUp := context.WithCancel(context.WithoutCancel(ctx))
		f = &opening{done: make(chan struct{}), giveUp: giveUp}
		o.opening = f
		go k.doOpen(within, name, o, f)
	}
	f.waiting++
	k.mu.Unlock()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.giveUp()
		if o.opening == f { // who comes now begins anew
			o.opening = nil
		}
	}
	return gaveUp(ctx, name)
}

func (k *Keys) doOpen(ctx context.Context, name string, o *one, f *opening) {
	defer f.giveUp()
	release, err := k.hold(ctx, name)
	if err == nil {
		if k.now(name) == nil {
			err = k.unlock(ctx, name, "")
		}
		release()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if o.opening == f {
		o.opening = nil
	}
	f.err = err
	close(f.done)
}
