package action

import (
	"context"
	"errors"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Keys is the hand that keeps what encrypted volumes are opened with. No secret comes out of it to here.
type Keys interface {
	// Reach says what a key's spec is, and how the key is.
	Reach(ctx context.Context, key storage.Key, made bool) (storage.KeyStatus, error)
	// Make makes a key's first secret and reports whether it did; what is there already is unlocked.
	Make(ctx context.Context, name string, spec storage.KeySpec, passphrase string) (made bool, err error)
	Unlock(ctx context.Context, name, passphrase string) error
	// Reseal has another passphrase open a key, and the one before no more.
	Reseal(ctx context.Context, name, passphrase string) error
	// Renew makes the secret of that number for a key whose sealed file is gone or damaged.
	Renew(ctx context.Context, name string, spec storage.KeySpec, passphrase string, number int) error
	Lock(name string)
	// Leave removes a key.
	Leave(name string) error
}

func keyTarget(name string) operation.Target {
	return operation.Target{Kind: "key", Ref: model.Ref{Project: store.HostWide, Name: name}}
}

func keyRef(name string) store.Ref {
	return store.Ref{Kind: "key", Project: store.HostWide, Name: name}
}

func keyKey(name string) string { return store.SpecKey(keyRef(name)) }

// key reads one key that is not being deleted.
func (a *Actions) key(ctx context.Context, name string) (storage.Key, store.KV, error) {
	k, kv, err := store.Get[storage.Key](ctx, a.Store, keyKey(name))
	if fault.KindOf(err) == fault.NotFound {
		return k, kv, fault.New(fault.NotFound, "there is no key %q", name).Try("hv key list; hv key create %s", name).WithCode("HV-KEY-001")
	}
	if err == nil && k.Deleted != nil {
		return k, kv, fault.New(fault.Conflict, "key %q is being deleted", name)
	}
	return k, kv, err
}

func (a *Actions) keyStatus(ctx context.Context, name string) (storage.KeyStatus, error) {
	st, _, err := store.Find[storage.KeyStatus](ctx, a.Store, store.StatusKey(keyRef(name), "reconcile"))
	return st, err
}

// CreateKey makes a key with a secret of its own, sealed by what its spec says.
func (a *Actions) CreateKey(ctx context.Context, call Call, body wire.CreateKey) (Result, error) {
	target := keyTarget(body.Name)
	made := false
	res, err := a.do(ctx, call, KeyCreate, target, func(c *change) error {
		if err := a.newKey(ctx, body); err != nil {
			return err
		}
		k := storage.Key{
			Metadata: a.byHand(c, store.HostWide, body.Name, body.Labels),
			Spec:     body.KeySpec, Secret: 1,
		}
		c.step("make a secret, sealed by %s", k.Spec.Sealed())
		c.wish.TargetUID, c.wish.Generation = k.UID, 1
		c.act = func(ctx context.Context) error {
			one, err := a.Keys.Make(ctx, k.Name, k.Spec, body.Passphrase)
			made = made || one
			return fault.Wrap(err, "cannot make key %q", k.Name)
		}
		c.require(store.Absent(keyKey(k.Name)))
		if err := c.put(store.StatusKey(keyRef(k.Name), "reconcile"), storage.KeyStatus{State: storage.KeyUnlocked, Secret: 1}); err != nil {
			return err
		}
		return c.put(keyKey(k.Name), k)
	})
	if err != nil && made {
		if _, _, gone := a.key(ctx, body.Name); fault.KindOf(gone) == fault.NotFound {
			err = errors.Join(err, a.Keys.Leave(body.Name))
		}
	}
	return res, err
}

// newKey refuses what cannot be one.
func (a *Actions) newKey(ctx context.Context, body wire.CreateKey) error {
	errs := append(storage.CheckKey(body.Name, body.KeySpec), model.CheckLabels(body.Labels)...)
	if body.KeySpec.Effective().Kind == storage.PassphraseKey {
		if err := storage.CheckPassphrase(body.Passphrase); err != nil {
			errs = append(errs, err)
		}
	} else if body.Passphrase != "" {
		errs = append(errs, fault.New(fault.Invalid, "a key of kind %s has no passphrase", body.Kind))
	}
	if len(errs) > 0 {
		return fault.New(fault.Invalid, "cannot make key %q", body.Name).Because(errors.Join(errs...))
	}
	if _, err := a.Store.Get(ctx, keyKey(body.Name)); err == nil {
		return fault.New(fault.Conflict, "key %q exists already", body.Name).Try("hv key show %s", body.Name).WithCode("HV-KEY-009")
	}
	return nil
}

// changeKey is a change of a key that is done at once, beside the store, and has reconcile look at it.
func (a *Actions) changeKey(ctx context.Context, call Call, row Row, name, step string, do func(context.Context, storage.Key, storage.KeyStatus) error) (Result, error) {
	target, done := keyTarget(name), false
	return a.do(ctx, call, row, target, func(c *change) error {
		k, kv, err := a.key(ctx, name)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		st, err := a.keyStatus(ctx, name)
		if err != nil {
			return err
		}
		c.step("%s key %s", step, name)
		c.wish.TargetUID, c.wish.Generation = k.UID, k.Generation
		c.atOnce(a.Now())
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		c.act = func(ctx context.Context) error {
			if done { // and put together anew: the passphrase that was given opens it no more where it was to be another
				return nil
			}
			err := do(ctx, k, st)
			done = err == nil
			return err
		}
		return c.put(kv.Key, k) // as it is: whoever waits for it looks again
	})
}

// UnlockKey opens a key; that of a declared one which never had a secret is made.
func (a *Actions) UnlockKey(ctx context.Context, call Call, name, passphrase string) (Result, error) {
	return a.changeKey(ctx, call, KeyUnlock, name, "unlock", func(ctx context.Context, k storage.Key, st storage.KeyStatus) error {
		if st.Secret == 0 && st.State != storage.KeyLost {
			_, err := a.Keys.Make(ctx, name, k.Spec, passphrase)
			return err
		}
		if _, err := a.Keys.Reach(ctx, k, true); err != nil && k.Spec.Effective().Kind != storage.PassphraseKey {
			return err
		}
		return a.Keys.Unlock(ctx, name, passphrase)
	})
}

// LockKey forgets a key's secret. VMs that run go on; none is started with it.
func (a *Actions) LockKey(ctx context.Context, call Call, name string) (Result, error) {
	return a.changeKey(ctx, call, KeyLock, name, "lock", func(_ context.Context, k storage.Key, _ storage.KeyStatus) error {
		if kind := k.Spec.Effective().Kind; kind != storage.PassphraseKey {
			return fault.New(fault.Precondition, "key %q is sealed by %s, which opens it again by itself", name, k.Spec.Sealed()).WithCode("HV-KEY-015").
				Try("stop the VMs that use it, where it is not to be used")
		}
		a.Keys.Lock(name)
		return nil
	})
}

// ResealKey gives a key another passphrase. Who asks must know the one before.
func (a *Actions) ResealKey(ctx context.Context, call Call, name string, body wire.ResealKey) (Result, error) {
	return a.changeKey(ctx, call, KeyReseal, name, "seal anew", func(ctx context.Context, k storage.Key, _ storage.KeyStatus) error {
		if k.Spec.Effective().Kind != storage.PassphraseKey {
			return fault.New(fault.Precondition, "key %q is sealed by %s and has no passphrase", name, k.Spec.Sealed()).WithCode("HV-KEY-015").
				Try("make another key, and clone the volumes with it")
		}
		if err := storage.CheckPassphrase(body.New); err != nil {
			return err
		}
		if err := a.Keys.Unlock(ctx, name, body.Passphrase); err != nil {
			return err
		}
		return a.Keys.Reseal(ctx, name, body.New)
	})
}

// RotateKey wishes for another secret in the place of the one that a key has.
func (a *Actions) RotateKey(ctx context.Context, call Call, name string) (Result, error) {
	target := keyTarget(name)
	return a.do(ctx, call, KeyRotate, target, func(c *change) error {
		k, kv, err := a.key(ctx, name)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		st, err := a.keyStatus(ctx, name)
		switch {
		case err != nil:
			return err
		case st.State == storage.KeyRotating:
			return fault.New(fault.Conflict, "key %q is being rotated already", name).WithCode("HV-KEY-016").Try("hv operation wait %s", k.Rotation)
		case st.State != storage.KeyUnlocked:
			return notUsable(name, st)
		}
		users, err := a.keyUsers(ctx, name)
		if err != nil {
			return err
		}
		c.step("make a new secret")
		c.step("have it open the %d layers that are encrypted with key %s", len(users.layers), name)
		c.step("have the one before open nothing any more")
		k.Secret, k.Rotation = st.Secret+1, c.wish.ID
		k.Generation++
		c.wish.TargetUID, c.wish.Generation = k.UID, k.Generation
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		return c.put(kv.Key, k)
	})
}

// DeleteKey wishes a key away that nothing is encrypted with.
func (a *Actions) DeleteKey(ctx context.Context, call Call, name string) (Result, error) {
	target := keyTarget(name)
	return a.do(ctx, call, KeyDelete, target, func(c *change) error {
		k, kv, err := a.key(ctx, name)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		if k.Origin == model.Declared {
			return a.keyDeclared(ctx, name)
		}
		users, err := a.keyUsers(ctx, name)
		if err != nil {
			return err
		}
		if len(users.names) > 0 {
			return fault.New(fault.Conflict, "%s encrypted with key %q", isOrAre(users.names), name).WithCode("HV-KEY-013").
				Try("delete them first, also from the trash (hv volume trash), or go on keeping the key")
		}
		c.step("delete key %s and its sealed file", name)
		return a.dropKey(c, kv, k)
	})
}

func (a *Actions) dropKey(c *change, kv store.KV, k storage.Key) error {
	now := c.wish.Created
	k.Deleted = &now
	k.Generation++
	c.wish.TargetUID, c.wish.Generation = k.UID, k.Generation
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	return c.put(kv.Key, k)
}

// keyDeclared refuses to delete by hand what is declared, and says where that stands.
func (a *Actions) keyDeclared(ctx context.Context, name string) error {
	at := ""
	if stands, _, err := a.standing(ctx); err == nil { // else it is told without its place
		if p := stands.decl.Sources.At("hypervisor.storage.keys." + name); p.Line > 0 {
			at = " (" + p.String() + ")"
		}
	}
	return fault.New(fault.Denied, "key %q stands in the host's declaration%s and is deleted there only", name, at).
		Try("take it out there, then apply it").WithCode("HV-KEY-017")
}
