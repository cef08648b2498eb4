package pools

import (
	"context"
	"errors"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/convert"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/qcow2"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Size returns the size that a guest sees of a volume.
func (p *Pools) Size(ctx context.Context, v storage.Volume) (size model.Bytes, err error) {
	head := v.Head()
	b, err := p.Of(head.Pool)
	if err != nil {
		return 0, err
	}
	if head.Format != storage.QCOW2 {
		u, err := b.Usage(ctx, head.File())
		if err != nil || head.Key == "" {
			return u.Virtual, err
		}
		before, err := p.before(ctx, head)
		return u.Virtual - before, err
	}
	f, err := b.Open(ctx, head.File(), true)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return qcow2.Virtual(f)
}

// Grow makes a volume as large as it is wished, durably; one that is as large already is left as it is. Nobody may have
// it open for writing: a QEMU grows what it has itself. qemu-img takes QEMU's lock, and refuses an image that a QEMU has.
func (p *Pools) Grow(ctx context.Context, v storage.Volume) (err error) {
	head := v.Head()
	b, err := p.Of(head.Pool)
	if err != nil {
		return err
	}
	if head.Format != storage.QCOW2 {
		before, err := p.before(ctx, head)
		if err == nil {
			err = b.Grow(ctx, head.File(), v.Spec.Size+before)
		}
		return fault.Wrap(err, "cannot make volume %q larger", v.Name)
	}
	has, err := p.Size(ctx, v)
	if err != nil || has >= v.Spec.Size {
		return err
	}
	secret, err := p.secret(ctx, head)
	if err != nil {
		return err
	}
	f, err := b.Open(ctx, head.File(), false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	err = convert.Resize(ctx, convert.Image{File: f, Format: convert.QCOW2, Secret: secret}, v.Spec.Size)
	return osfault.File(errors.Join(err, f.Sync()), "cannot make volume %q larger", v.Name)
}
