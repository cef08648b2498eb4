package pools

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/luks"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/qcow2"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Exists reports whether a volume's file is there.
func (p *Pools) Exists(ctx context.Context, pool, file string) (bool, error) {
	b, err := p.Of(pool)
	if err != nil {
		return false, err
	}
	return b.Exists(ctx, file)
}

// Create makes the file of a volume's head, empty: it reads as what is below it, or as zeros. One that is there is left
// as it is.
func (p *Pools) Create(ctx context.Context, v storage.Volume) error {
	b, err := p.Of(v.Head().Pool)
	if err != nil {
		return err
	}
	size, fill, err := p.empty(ctx, v)
	if err != nil {
		return fault.Wrap(err, "cannot make the file of volume %q", v.Name)
	}
	return fault.Wrap(b.Make(ctx, v.File, size, fill), "cannot make the file of volume %q", v.Name)
}

// Prepare is Create of a volume that there is not yet: its file is among Unsettled until Settle or Delete.
func (p *Pools) Prepare(ctx context.Context, v storage.Volume) error {
	b, err := p.Of(v.Head().Pool)
	if err != nil {
		return err
	}
	size, fill, err := p.empty(ctx, v)
	if err != nil {
		return fault.Wrap(err, "cannot make the file of volume %q", v.Name)
	}
	return fault.Wrap(b.Arrive(ctx, v.File, size, fill), "cannot make the file of volume %q", v.Name)
}

// empty is how the file of a volume's head begins.
func (p *Pools) empty(ctx context.Context, v storage.Volume) (model.Bytes, backend.Fill, error) {
	chain := v.Chain()
	head := v.Head()
	header, err := p.header(ctx, head)
	if err != nil {
		return 0, nil, err
	}
	if head.Format != storage.QCOW2 {
		if header == nil {
			return v.Spec.Size, nil, nil
		}
		return v.Spec.Size + luks.Size, func(_ context.Context, f *os.File) error {
			_, err := f.WriteAt(header, 0)
			return err
		}, nil
	}
	image := qcow2.Image{Size: v.Spec.Size, LUKS: header}
	if n := len(chain); n > 1 && chain[n-2].Pool == chain[n-1].Pool {
		image.Backing, image.Format = chain[n-2].File(), chain[n-2].Format
	}
	return 0, func(_ context.Context, f *os.File) error { return qcow2.Make(f, image) }, nil
}

// Delete removes a volume's file and its note; what is gone is no error.
func (p *Pools) Delete(ctx context.Context, v storage.Volume) error {
	b, err := p.Of(v.Spec.Pool)
	if err != nil {
		return err
	}
	if err := b.Remove(ctx, v.File); err != nil {
		return fault.Wrap(err, "cannot delete the file of volume %q", v.Name)
	}
	if v.UID == "" { // what arrived and got no object has no note
		return nil
	}
	return fault.Wrap(b.DropNote(ctx, v.UID), "cannot delete the note of volume %q", v.Name)
}

// Open opens a volume's file anew, as an open file description of its own.
func (p *Pools) Open(ctx context.Context, pool, file string, readOnly bool) (*os.File, error) {
	b, err := p.Of(pool)
	if err != nil {
		return nil, err
	}
	return b.Open(ctx, file, readOnly)
}

// Usage is what a volume's file takes of its pool.
func (p *Pools) Usage(ctx context.Context, pool, file string) (storage.Usage, error) {
	b, err := p.Of(pool)
	if err != nil {
		return storage.Usage{}, err
	}
	return b.Usage(ctx, file)
}

// Allocated is how much room a volume's file takes.
func (p *Pools) Allocated(ctx context.Context, v storage.Volume) (model.Bytes, error) {
	u, err := p.Usage(ctx, v.Spec.Pool, v.File)
	return u.Allocated, err
}

// Receive stores size bytes of r as a volume's file, and returns their digest and the virtual size
// of the image. The file has its name only when all of it is there, is of the format and is durable; it
// is among Unsettled until Settle or Delete.
// A raw image is padded with zeros to the size that the pool can keep. That of a volume with a key is encrypted before it is written.
func (p *Pools) Receive(ctx context.Context, v storage.Volume, size model.Bytes, r io.Reader) (sum string, virtual model.Bytes, err error) {
	b, err := p.Of(v.Spec.Pool)
	if err != nil {
		return "", 0, err
	}
	if size <= 0 || size > storage.MaxVolume {
		return "", 0, fault.New(fault.Invalid, "an image of %s is not between 1B and %s", size, storage.MaxVolume)
	}
	if v.Spec.Encryption != "" {
		sum, virtual, err = p.receiveSealed(ctx, b, v, size, r)
	} else {
		if v.Spec.Format == storage.Raw {
			virtual = b.Can().Round(size)
		}
		err = b.Arrive(ctx, v.File, virtual, func(ctx context.Context, f *os.File) (err error) {
			if sum, err = folder.Receive(ctx, f, size, r); err == nil && v.Spec.Format == storage.QCOW2 {
				virtual, err = qcow2.Size(f)
			}
			return err
		})
	}
	if err == nil && sum == "" {
		err = fault.New(fault.Conflict, "%s is in pool %q already", v.File, v.Spec.Pool)
	}
	if err != nil {
		return "", 0, osfault.File(err, "cannot store the image")
	}
	return sum, virtual, nil
}

// Settle says that a volume names a file that was received.
func (p *Pools) Settle(ctx context.Context, v storage.Volume) error {
	b, err := p.Of(v.Spec.Pool)
	if err != nil {
		return err
	}
	return b.Settle(ctx, v.File)
}

// Unsettled are the files that were received and of which nobody has said that a volume names them, each as a
// volume that has nothing else. Pools that are not open are left for when they are.
func (p *Pools) Unsettled(ctx context.Context) ([]storage.Volume, error) {
	var out []storage.Volume
	var errs []error
	for _, name := range p.Names() {
		b, err := p.Of(name)
		if err != nil {
			continue
		}
		files, err := b.Unsettled(ctx)
		errs = append(errs, err)
		for _, file := range files {
			out = append(out, storage.Volume{Spec: storage.VolumeSpec{Pool: name}, File: file})
		}
	}
	return out, errors.Join(errs...)
}
