package pools

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/convert"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/qcow2"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Copy makes a volume's content anew as the one file of another, durably, and compares the two. It shares blocks where
// the pool can, and takes over holes. A copy that was begun before is begun anew. Nobody may write to from meanwhile.
func (p *Pools) Copy(ctx context.Context, from, to storage.Volume, tell func(percent float64)) error {
	b, err := p.Of(to.Spec.Pool)
	if err != nil {
		return err
	}
	if err := b.Remove(ctx, to.File); err != nil {
		return err
	}
	what := "cannot copy volume %q into pool %q"
	chain := from.Chain()
	header, err := p.header(ctx, to.Head())
	if err != nil {
		return fault.Wrap(err, what, from.Name, to.Spec.Pool)
	}
	// What is encrypted is never copied as it is: each copy has a header, and a key, of its own.
	plain := header == nil && len(storage.Keys(chain)) == 0
	if at, err := p.Of(chain[0].Pool); err == nil && plain && len(chain) == 1 && at == b && b.Can().Reflink && chain[0].Format == to.Spec.Format {
		return fault.Wrap(b.Clone(ctx, from.File, to.File), what, from.Name, to.Spec.Pool)
	}
	source, err := p.image(ctx, chain)
	defer closeAll(source)
	if err != nil {
		return err
	}
	limit := model.Bytes(0)
	if from.Moving != nil {
		limit = from.Moving.Limit
	}
	target := convert.Image{Format: convert.Format(to.Spec.Format)}
	if target.Secret, err = p.secret(ctx, to.Head()); err != nil {
		return fault.Wrap(err, what, from.Name, to.Spec.Pool)
	}
	size := to.Spec.Size + model.Bytes(len(header))
	if to.Spec.Format == storage.QCOW2 {
		size = 0 // as large as its file gets
	}
	err = b.Make(ctx, to.File, size, func(ctx context.Context, f *os.File) error {
		target.File = f
		if header != nil {
			return encrypted(ctx, *source, target, header, to.Spec.Size, limit, tell)
		}
		if plain && source.Backing == nil && string(source.Format) == string(to.Spec.Format) && !b.Can().Block && regular(source.File) {
			return sparse(ctx, source.File, f, limit, tell)
		}
		if b.Can().Block {
			return convert.Fill(ctx, *source, target, true, limit, tell)
		}
		return convert.Convert(ctx, *source, f, convert.Format(to.Spec.Format), convert.Options{Limit: limit}, tell)
	})
	if err == nil {
		err = p.same(ctx, *source, b, to, target.Secret)
	}
	return fault.Wrap(err, what, from.Name, to.Spec.Pool)
}

// encrypted fills an image that begins with a header of its own.
func encrypted(ctx context.Context, source, target convert.Image, header []byte, size, limit model.Bytes, tell func(float64)) error {
	if target.Format == convert.QCOW2 {
		if err := qcow2.Make(target.File, qcow2.Image{Size: size, LUKS: header}); err != nil {
			return err
		}
		return convert.Fill(ctx, source, target, true, limit, tell)
	}
	if _, err := target.File.WriteAt(header, 0); err != nil {
		return err
	}
	return convert.Fill(ctx, source, target, false, limit, tell) // what was never written does not read as zeros
}

// same compares a copy with what it is one of, before anybody takes it for that.
func (p *Pools) same(ctx context.Context, source convert.Image, b backend.Backend, to storage.Volume, secret string) (err error) {
	f, err := b.Open(ctx, to.File, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var equal bool
	if source.Secret+secret == "" && source.Backing == nil && string(source.Format) == string(to.Spec.Format) && regular(source.File) && regular(f) {
		equal, err = alike(ctx, source.File, f)
	} else {
		equal, err = convert.Compare(ctx, source, convert.Image{File: f, Format: convert.Format(to.Spec.Format), Secret: secret})
	}
	if err == nil && !equal {
		err = errors.Join(fault.New(fault.Unavailable, "what was copied is not what was read back").Try("dmesg says whether a disk fails").WithCode("HV-VOL-010"),
			b.Remove(ctx, to.File))
	}
	return err
}

// image opens a chain for reading, its head first.
func (p *Pools) image(ctx context.Context, chain []storage.Layer) (head *convert.Image, err error) {
	for _, l := range chain {
		b, err := p.Of(l.Pool)
		if err != nil {
			return head, err
		}
		secret, err := p.secret(ctx, l)
		if err != nil {
			return head, err
		}
		f, err := b.Open(ctx, l.File(), true)
		if err != nil {
			return head, err
		}
		head = &convert.Image{File: f, Format: convert.Format(l.Format), Backing: head, Secret: secret}
	}
	return head, nil
}

func closeAll(i *convert.Image) {
	for ; i != nil; i = i.Backing {
		_ = i.File.Close() // was only read
	}
}

func regular(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// piece is how much is copied or compared between two looks at whether to go on.
const piece = 8 << 20

// sparse copies what is in a file, at most limit bytes a second unless that is 0, and leaves its holes.
func sparse(ctx context.Context, from, to *os.File, limit model.Bytes, tell func(percent float64)) error {
	info, err := from.Stat()
	if err != nil {
		return err
	}
	if err := to.Truncate(info.Size()); err != nil {
		return err
	}
	begun, copied := time.Now(), int64(0)
	return extents(ctx, from, info.Size(), func(at, n int64) error {
		if copied += n; limit > 0 {
			if err := notBefore(ctx, begun.Add(time.Duration(float64(copied)/float64(limit)*float64(time.Second)))); err != nil {
				return err
			}
		}
		if _, err := from.Seek(at, io.SeekStart); err != nil {
			return err
		}
		if _, err := to.Seek(at, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.CopyN(to, from, n); err != nil {
			return err
		}
		if tell != nil {
			tell(float64(at+n) * 100 / float64(info.Size()))
		}
		return nil
	})
}

func notBefore(ctx context.Context, due time.Time) error {
	wait := time.NewTimer(time.Until(due))
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "the copy was given up").Because(context.Cause(ctx))
	}
}

// alike compares a file with a copy of it, in which all else is holes.
func alike(ctx context.Context, a, b *os.File) (bool, error) {
	one, err := a.Stat()
	if err != nil {
		return false, err
	}
	other, err := b.Stat()
	if err != nil || one.Size() != other.Size() {
		return false, err
	}
	equal := true
	x, y := make([]byte, piece), make([]byte, piece)
	err = extents(ctx, a, one.Size(), func(at, n int64) error {
		if !equal {
			return nil
		}
		if _, err := a.ReadAt(x[:n], at); err != nil {
			return err
		}
		if _, err := b.ReadAt(y[:n], at); err != nil {
			return err
		}
		equal = bytes.Equal(x[:n], y[:n])
		return nil
	})
	return equal, err
}

// extents goes through what is in a file, piece by piece, and leaves out its holes.
func extents(ctx context.Context, f *os.File, size int64, do func(at, n int64) error) error {
	for at := int64(0); at < size; {
		data, err := f.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // the rest is a hole
		}
		if err != nil {
			return err
		}
		end, err := f.Seek(data, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		for at = data; at < end; {
			if ctx.Err() != nil {
				return fault.New(fault.Unavailable, "the copy was given up").Because(context.Cause(ctx))
			}
			n := min(piece, end-at)
			if err := do(at, n); err != nil {
				return err
			}
			at += n
		}
	}
	return nil
}

// Discard removes files that a volume consisted of; what is gone is no error.
func (p *Pools) Discard(ctx context.Context, layers []storage.Layer) error {
	var errs []error
	for _, l := range layers {
		b, err := p.Of(l.Pool)
		if err == nil {
			err = b.Remove(ctx, l.File())
		}
		errs = append(errs, osfault.File(err, "cannot remove %s from pool %q", l.File(), l.Pool))
	}
	return errors.Join(errs...)
}
