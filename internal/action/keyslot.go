package action

import (
	"context"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// changeKeyslots is a change of the headers of a volume's layers. It is done beside the store, also under a VM that runs: QEMU reads a header
// when it opens an image. Cut off between two layers, it is done again. The key must not turn meanwhile.
func (a *Actions) changeKeyslots(ctx context.Context, call Call, row Row, ref model.Ref, step string, do func(context.Context, storage.Volume) error) (Result, error) {
	target, done := volumeTarget(ref), false
	return a.do(ctx, call, row, target, func(c *change) error {
		v, kv, err := a.freeVolume(ctx, call, target)
		if err != nil {
			return err
		}
		names := storage.Keys(v.Chain())
		if len(names) == 0 {
			return fault.New(fault.Precondition, "volume %q is not encrypted, and has no keyslots", v.Name).WithCode("HV-KEY-031").
				Try("hv volume clone %s NEW --encryption KEY makes an encrypted one", v.Name)
		}
		for _, name := range names {
			if _, err := a.secretNumber(ctx, name); err != nil {
				return err
			}
		}
		c.step("%s", step)
		c.wish.TargetUID, c.wish.Generation = v.UID, v.Generation
		c.atOnce(a.Now())
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		c.act = func(ctx context.Context) error {
			if done {
				return nil
			}
			err := do(ctx, v)
			done = err == nil
			return fault.Wrap(err, "volume %q", v.Name)
		}
		return nil
	})
}

// AddKeyslot has a recovery passphrase open a volume, beside its key.
func (a *Actions) AddKeyslot(ctx context.Context, call Call, ref model.Ref, body wire.AddKeyslot) (Result, error) {
	slot := -1
	if body.Slot != nil {
		slot = *body.Slot
	}
	return a.changeKeyslots(ctx, call, KeyslotAdd, ref, "have the passphrase open every layer of it that is encrypted", func(ctx context.Context, v storage.Volume) error {
		if err := storage.CheckPassphrase(body.Passphrase); err != nil {
			return err
		}
		_, err := a.Volumes.AddKeyslot(ctx, v.Chain(), slot, body.Passphrase)
		return err
	})
}

// RemoveKeyslot has what opens a slot of a volume open it no more.
func (a *Actions) RemoveKeyslot(ctx context.Context, call Call, ref model.Ref, slot int, force bool) (Result, error) {
	return a.changeKeyslots(ctx, call, KeyslotRemove, ref, "empty keyslot "+strconv.Itoa(slot)+" of every layer of it that is encrypted", func(ctx context.Context, v storage.Volume) error {
		return a.Volumes.WipeKeyslot(ctx, v.Chain(), slot, force)
	})
}

// RecoverKeyslots has a volume's key open it again, by a passphrase that does.
func (a *Actions) RecoverKeyslots(ctx context.Context, call Call, ref model.Ref, passphrase string) (Result, error) {
	return a.changeKeyslots(ctx, call, KeyslotRecover, ref, "have its key open what the passphrase opens", func(ctx context.Context, v storage.Volume) error {
		for _, name := range storage.Keys(v.Chain()) {
			st, err := a.keyStatus(ctx, name)
			if err != nil {
				return err
			}
			if !st.Usable() {
				return notUsable(name, st)
			}
		}
		opens, of, err := a.Volumes.RecoverKeyslots(ctx, v.Chain(), passphrase)
		if err == nil && opens < of {
			err = fault.New(fault.Denied, "the passphrase opens %d of its %d encrypted layers: the others were made after it was added", opens, of).WithCode("HV-KEY-023").
				Try("put the key's file back from a backup; what stands on the layers that open is in snapshots of before")
		}
		return err
	})
}

// RenewKey makes a new secret for a key whose sealed file is gone or damaged. What is encrypted opens with it once a recovery
// passphrase has made room for it.
func (a *Actions) RenewKey(ctx context.Context, call Call, name, passphrase string) (Result, error) {
	return a.changeKey(ctx, call, KeyRenew, name, "make a new secret for", func(ctx context.Context, k storage.Key, st storage.KeyStatus) error {
		if st.State != storage.KeyLost {
			return fault.New(fault.Precondition, "key %q is %s, and not lost", name, st.State).WithCode("HV-KEY-033").Try("hv key rotate %s puts another secret in the place of the one that it has", name)
		}
		if k.Spec.Effective().Kind == storage.PassphraseKey {
			if err := storage.CheckPassphrase(passphrase); err != nil {
				return err
			}
		}
		return a.Keys.Renew(ctx, name, k.Spec, passphrase, max(st.Secret, k.Secret)+1)
	})
}
