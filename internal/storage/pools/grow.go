package pools

import (
	"context"
	"errors"
	"os"

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
		return u.Virtual, err
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
		return fault.Wrap(b.Grow(ctx, head.File(), v.Spec.Size), "cannot make volume %q larger", v.Name)
	}
	has, err := p.Size(ctx, v)
	if err != nil || has >= v.Spec.Size {
		return err
	}
	f, err := b.Open(ctx, head.File(), false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return osfault.File(errors.Join(growImage(ctx, f, v.Spec.Size), f.Sync()), "cannot make volume %q larger", v.Name)
}

func growImage(ctx context.Context, f *os.File, size model.Bytes) error {
	return convert.Resize(ctx, convert.Image{File: f, Format: convert.QCOW2}, size)
}
