package reconcile

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// rotate puts a key's next secret in the place of the one that it has. Everything is opened by the next one too; then
// that is the current one; then nothing is opened by the one before. So between any two steps the current one opens all
// there is, and what was cut off is begun again from where the key's file says that it is.
//
// VMs run on meanwhile: QEMU has read what it needs, and only keyslots are written.
func (e *Engine) rotate(ctx context.Context, k storage.Key) error {
	current, next, past, err := e.Keys.Begin(ctx, k.Name, k.Secret)
	if err != nil {
		return err
	}
	if next != "" {
		if err := e.turn(ctx, k, current, next); err != nil {
			return err
		}
		if current, _, past, err = e.Keys.Begin(ctx, k.Name, k.Secret); err != nil {
			return err
		}
	}
	if len(past) == 0 {
		return nil
	}
	// What was opened or made by the secret before has been so by now, and nothing new is.
	turns := e.turning.of(k.Name)
	turns.Lock()
	defer turns.Unlock()
	use, err := e.keyed(ctx, k.Name)
	if err != nil {
		return err
	}
	if err := idle(k, use); err != nil {
		return err
	}
	for _, l := range use.layers {
		for _, old := range past {
			if err := e.Volumes.DropSecret(ctx, l, old, current); err != nil && !use.notYet(l, err) {
				return fault.Wrap(lostFile(err), "the secret before of key %q opens %s still", k.Name, l.File())
			}
		}
	}
	return e.Keys.End(k.Name)
}

// turn has the next secret open everything, and makes it the current one. Most is done while others go on; what came to
// be meanwhile, while nobody makes anything with the key.
func (e *Engine) turn(ctx context.Context, k storage.Key, current, next string) error {
	done := map[string]bool{}
	add := func() error {
		use, err := e.keyed(ctx, k.Name)
		if err == nil {
			err = idle(k, use)
		}
		if err != nil {
			return err
		}
		for _, l := range use.layers {
			if done[l.ID] {
				continue
			}
			// A file that was never made is made with the secret that is the current one then.
			err := e.Volumes.AddSecret(ctx, l, current, next)
			if err != nil && !use.notYet(l, err) {
				return fault.Wrap(lostFile(err), "the new secret of key %q does not open %s yet", k.Name, l.File())
			}
			done[l.ID] = err == nil
		}
		return nil
	}
	if err := add(); err != nil {
		return err
	}
	turns := e.turning.of(k.Name)
	turns.Lock()
	defer turns.Unlock()
	if err := add(); err != nil {
		return err
	}
	return e.Keys.Switch(k.Name)
}

// idle refuses to turn a key while something is copied with one of its secrets.
func idle(k storage.Key, use keyUse) error {
	if use.busy == "" {
		return nil
	}
	return fault.New(fault.Unavailable, "key %q is not turned yet: %s", k.Name, use.busy).WithCode("HV-KEY-024").
		Try("it goes on by itself when that has ended: hv operation list")
}

// notYet reports whether an error is that a layer's file was not made yet.
func (u keyUse) notYet(l storage.Layer, err error) bool { return u.unmade[l.ID] && fileGone(err) }

// lostFile says what to do about a file that was made and is gone: put back after the key has turned it would be opened by nothing, so
// both secrets are kept until then.
func lostFile(err error) error {
	if !fileGone(err) {
		return err
	}
	return fault.New(fault.Unavailable, "its file is gone").Because(err).WithCode("HV-KEY-028").
		Try("put the file back, or delete what consists of it; the rotation goes on by itself then")
}

// fileGone reports whether a layer has no file, in a pool that is there.
func fileGone(err error) bool { return missing(err) && fault.CodeOf(err) != "HV-POOL-001" }
