package pools

import (
	"cmp"
	"context"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/luks"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// encryptedIn are the layers of a chain that are encrypted.
func encryptedIn(chain []storage.Layer) ([]storage.Layer, error) {
	out := slices.DeleteFunc(slices.Clone(chain), func(l storage.Layer) bool { return l.Key == "" })
	if len(out) == 0 {
		return nil, fault.New(fault.Precondition, "it is not encrypted, and has no keyslots").WithCode("HV-KEY-031").Try("hv volume clone NAME NEW --encryption KEY makes an encrypted one")
	}
	return out, nil
}

// Keyslots says what opens the layers of a chain. Which one its key opens is told where that is unlocked.
func (p *Pools) Keyslots(ctx context.Context, chain []storage.Layer) ([]storage.Keyslot, error) {
	layers, err := encryptedIn(chain)
	if err != nil {
		return nil, err
	}
	count := map[storage.Keyslot]int{}
	for _, l := range layers {
		secret, locked := p.secret(ctx, l)
		err := p.atHeader(ctx, l, true, func(f luks.File) error {
			all, err := luks.Slots(f)
			if err != nil {
				return err
			}
			own, has := 0, false
			if locked == nil {
				if own, has, err = luks.Opened(f, secret); err != nil {
					return err
				}
			}
			for i, s := range all {
				one := storage.Keyslot{Slot: i, Kind: storage.PassphraseSlot, Of: len(layers)}
				switch {
				case !s.Active:
					continue
				case has && i == own:
					one.Kind, one.Key = storage.KeySlot, l.Key
				case s.Made:
					one.Kind = storage.OtherSlot
				}
				count[one]++
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	out := make([]storage.Keyslot, 0, len(count))
	for one, n := range count {
		one.Layers = n
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b storage.Keyslot) int {
		return cmp.Or(cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
	return out, nil
}

// AddKeyslot has a passphrase open all encrypted layers of a chain, in the slot of that number, or, below 0, in the last one that is free in
// all. Layers that it opens there already are left, so that one which was cut off can be done again.
func (p *Pools) AddKeyslot(ctx context.Context, chain []storage.Layer, slot int, passphrase string) (int, error) {
	layers, err := encryptedIn(chain)
	if err != nil {
		return 0, err
	}
	if slot < 0 {
		if slot, err = p.freeSlot(ctx, layers); err != nil {
			return 0, err
		}
	}
	if err := p.slotIs(ctx, layers, slot, passphrase); err != nil {
		return 0, err
	}
	for _, l := range layers {
		secret, err := p.secret(ctx, l)
		if err != nil {
			return 0, err
		}
		if err := p.atHeader(ctx, l, false, func(f luks.File) error { return luks.AddAt(f, slot, secret, passphrase, p.stretch) }); err != nil {
			return 0, err
		}
	}
	return slot, nil
}

// slotIs refuses a slot that is taken in one of the layers, before anything is written to another one: what is refused has nobody's
// passphrase open half of a volume. One that the passphrase opens already is as it is to be.
func (p *Pools) slotIs(ctx context.Context, layers []storage.Layer, slot int, passphrase string) error {
	if slot < 0 || slot >= storage.MaxKeyslots {
		return luks.NoSlot(slot)
	}
	for _, l := range layers {
		err := p.atHeader(ctx, l, true, func(f luks.File) error {
			all, err := luks.Slots(f)
			if err != nil || !all[slot].Active {
				return err
			}
			if n, opens, err := luks.Opened(f, passphrase); err != nil || opens && n == slot {
				return err
			}
			return luks.Taken(slot)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Pools) freeSlot(ctx context.Context, layers []storage.Layer) (int, error) {
	taken := [storage.MaxKeyslots]bool{}
	for _, l := range layers {
		err := p.atHeader(ctx, l, true, func(f luks.File) error {
			all, err := luks.Slots(f)
			for i, s := range all {
				taken[i] = taken[i] || s.Active
			}
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	for i := len(taken) - 1; i > 1; i-- { // two are what a rotation needs
		if !taken[i] {
			return i, nil
		}
	}
	return 0, fault.New(fault.Exhausted, "no keyslot is free in all of its %d encrypted layers, beside two that its key needs", len(layers)).WithCode("HV-KEY-021").
		Try("hv volume keyslot list says which ones are taken; remove one")
}

// WipeKeyslot has what opens a slot open the layers of a chain no more. That of a key is emptied by force only, and the last one never.
func (p *Pools) WipeKeyslot(ctx context.Context, chain []storage.Layer, slot int, force bool) error {
	layers, err := encryptedIn(chain)
	if err != nil {
		return err
	}
	if slot < 0 || slot >= storage.MaxKeyslots {
		return luks.NoSlot(slot)
	}
	found := false
	for _, l := range layers {
		err := p.atHeader(ctx, l, true, func(f luks.File) error {
			all, err := luks.Slots(f)
			if err != nil {
				return err
			}
			found = found || all[slot].Active
			if all[slot].Active && all[slot].Made && !force {
				return luks.OfKey(slot)
			}
			others := all
			others[slot].Active = false
			if all[slot].Active && !slices.ContainsFunc(others[:], func(s luks.Slot) bool { return s.Active }) {
				return fault.Wrap(luks.Last(), "keyslot %d of %s", slot, l.File()) // before any other layer has lost it
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if !found {
		return fault.New(fault.NotFound, "keyslot %d is empty", slot).WithCode("HV-KEY-032").Try("hv volume keyslot list says which ones are taken")
	}
	for _, l := range layers {
		keep, err := p.secret(ctx, l)
		if err != nil && !force {
			return err
		}
		if err := p.atHeader(ctx, l, false, func(f luks.File) error { return luks.Wipe(f, slot, keep, force) }); err != nil {
			return err
		}
	}
	return nil
}

// RecoverKeyslots has the key of a chain's layers open those again that a passphrase opens, and says how many of how many its key opens then.
func (p *Pools) RecoverKeyslots(ctx context.Context, chain []storage.Layer, passphrase string) (opens, of int, err error) {
	layers, err := encryptedIn(chain)
	if err != nil {
		return 0, 0, err
	}
	for _, l := range layers {
		secret, err := p.secret(ctx, l)
		if err == nil {
			err = p.atHeader(ctx, l, false, func(f luks.File) error { return luks.Add(f, passphrase, secret) })
		}
		if fault.CodeOf(err) == "HV-KEY-023" {
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		opens++
	}
	return opens, len(layers), nil
}
