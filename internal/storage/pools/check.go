package pools

import (
	"context"
	"errors"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/convert"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Check looks whether the files of a volume are in order, its head last. With repair what can be is put in order in the
// head: the layers below it may be others' too, and are only read. Nobody may write to the volume meanwhile.
func (p *Pools) Check(ctx context.Context, v storage.Volume, repair bool) (found storage.VolumeCheck, err error) {
	chain := v.Chain()
	for i, l := range chain {
		mends := repair && i == len(chain)-1
		one, err := p.check(ctx, l, mends)
		if err != nil {
			return found, fault.Wrap(err, "cannot check %s of volume %q", l.File(), v.Name)
		}
		if mends && one.Fixed+one.LeaksFixed > 0 { // what is left is counted anew
			fixed := one.Fixed + one.LeaksFixed
			if one, err = p.check(ctx, l, false); err != nil {
				return found, fault.Wrap(err, "cannot check %s of volume %q", l.File(), v.Name)
			}
			found.Repaired += fixed
		}
		found.Layers++
		found.Corruptions += one.Corruptions + one.Errors
		found.Leaks += one.Leaks
	}
	return found, nil
}

func (p *Pools) check(ctx context.Context, l storage.Layer, repair bool) (h convert.Health, err error) {
	b, err := p.Of(l.Pool)
	if err != nil {
		return h, err
	}
	f, err := b.Open(ctx, l.File(), !repair)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h, err = convert.Check(ctx, convert.Image{File: f, Format: convert.Format(l.Format)}, repair)
	if err == nil && repair {
		err = f.Sync()
	}
	return h, err
}
