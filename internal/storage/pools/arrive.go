package pools

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/convert"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/luks"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/qcow2"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// receiveSealed is Receive of a volume that is encrypted. Nothing of what arrives is written in clear: a raw image is encrypted as it
// comes; one of qcow2 is kept whole behind a header of its own, for what stands in it is not known before, and is
// then written anew as an encrypted one.
func (p *Pools) receiveSealed(ctx context.Context, b backend.Backend, v storage.Volume, size model.Bytes, r io.Reader) (sum string, virtual model.Bytes, err error) {
	secret, err := p.secret(ctx, v.Head())
	if err != nil {
		return "", 0, err
	}
	if v.Spec.Format == storage.Raw {
		virtual = b.Can().Round(size)
		err = b.Arrive(ctx, v.File, virtual+luks.Size, func(ctx context.Context, f *os.File) error {
			sum, err = sealed(ctx, f, secret, size, virtual, r)
			return err
		})
		return sum, virtual, err
	}
	name := storage.VolumeFile(fileID(), storage.Raw)
	whole := (size + 511) / 512 * 512
	err = b.Arrive(ctx, name, whole+luks.Size, func(ctx context.Context, f *os.File) error {
		if sum, err = sealed(ctx, f, secret, size, whole, r); err != nil {
			return err
		}
		inside, err := luks.Open(f, secret)
		if err == nil {
			virtual, err = qcow2.Size(inside)
		}
		return err
	})
	if err == nil {
		err = p.reseal(ctx, b, name, convert.Image{Format: convert.QCOW2, Around: secret}, v, virtual, nil, b.Arrive)
	}
	return sum, virtual, errors.Join(err, b.Remove(context.WithoutCancel(ctx), name))
}

// sealed receives size bytes of r behind a new header, and fills up with zeros.
func sealed(ctx context.Context, f *os.File, secret string, size, whole model.Bytes, r io.Reader) (sum string, err error) {
	header, err := luks.New(secret)
	if err != nil {
		return "", err
	}
	if _, err := f.WriteAt(header, 0); err != nil {
		return "", err
	}
	to, err := luks.Open(f, secret)
	if err != nil {
		return "", err
	}
	if sum, err = folder.Receive(ctx, to, size, r); err != nil {
		return "", err
	}
	return sum, to.Fill(int64(whole))
}

// reseal makes a volume's file, encrypted, of what stands in another file of the pool, and compares the two.
func (p *Pools) reseal(ctx context.Context, b backend.Backend, name string, from convert.Image, v storage.Volume, virtual model.Bytes, tell func(float64),
	do func(ctx context.Context, name string, size model.Bytes, fill backend.Fill) error,
) (err error) {
	if from.File, err = b.Open(ctx, name, true); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.File.Close()) }()
	need := virtual
	if v.Spec.Format == storage.QCOW2 {
		n, err := convert.Measure(ctx, from, convert.QCOW2)
		if err != nil {
			return err
		}
		need = n.Required
	}
	most, err := p.upTo(ctx, v.Spec.Pool)
	if err != nil {
		return err
	}
	if need > most {
		return fault.New(fault.Exhausted, "volume %q takes %s when it is encrypted, beside what has arrived, and pool %q has room for %s before it is as full as it may be", v.Name, need, v.Spec.Pool, most).
			Try("make room, or name another pool").WithCode("HV-POOL-003")
	}
	header, err := p.header(ctx, v.Head())
	if err != nil {
		return err
	}
	secret, err := p.secret(ctx, v.Head())
	if err != nil {
		return err
	}
	size := virtual + luks.Size
	if v.Spec.Format == storage.QCOW2 {
		size = 0 // as large as its file gets
	}
	err = do(ctx, v.File, size, func(ctx context.Context, f *os.File) error {
		return encrypted(ctx, from, convert.Image{File: f, Format: convert.Format(v.Spec.Format), Secret: secret}, header, virtual, 0, tell)
	})
	if err != nil {
		return err
	}
	return p.same(ctx, from, b, v, secret)
}

// fetchSealed is Fetch of a volume that is encrypted. What fetches wants a file that it can go on with, so what was fetched
// lies in clear beside it for as long as it takes to encrypt it.
func (p *Pools) fetchSealed(ctx context.Context, b backend.Backend, v storage.Volume, get func(ctx context.Context, f *os.File) error) error {
	name := storage.VolumeFile(fileID(), storage.Raw) // whatever it holds
	err := b.Arrive(ctx, name, 0, get)
	if err == nil {
		err = p.sealFetched(ctx, b, name, v)
	}
	return errors.Join(err, b.Remove(context.WithoutCancel(ctx), name))
}

func (p *Pools) sealFetched(ctx context.Context, b backend.Backend, name string, v storage.Volume) error {
	f, err := b.Open(ctx, name, true)
	if err != nil {
		return err
	}
	var virtual model.Bytes
	if v.Spec.Format == storage.QCOW2 {
		virtual, err = qcow2.Size(f)
	} else {
		var n int64
		n, err = f.Seek(0, io.SeekEnd)
		virtual = model.Bytes(n)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return p.reseal(ctx, b, name, convert.Image{Format: convert.Format(v.Spec.Format)}, v, virtual, nil, b.Make)
}
