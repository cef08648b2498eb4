package pools

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/qcow2"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Fetch makes a volume's file of what get puts into it: an image of the volume's format, of not more than there is room for
// up to the pool's watermark. It has its name when all of it is there, holds what its sum says and, as qcow2, names no other file.
func (p *Pools) Fetch(ctx context.Context, v storage.Volume, get func(ctx context.Context, into, note *os.File, most model.Bytes) error) error {
	b, err := p.Of(v.Spec.Pool)
	if err != nil {
		return err
	}
	most, err := p.upTo(ctx, v.Spec.Pool)
	if err != nil {
		return err
	}
	if most <= 0 {
		return fault.New(fault.Exhausted, "pool %q is as full as it may be, and nothing is fetched into it", v.Spec.Pool).
			Try("hv pool show %s says who uses what; delete, or make it larger", v.Spec.Pool).WithCode("HV-POOL-005")
	}
	if err := b.Remove(ctx, v.File); err != nil {
		return err
	}
	fill := func(ctx context.Context, f *os.File) (err error) {
		fd, err := unix.MemfdCreate("fetched", unix.MFD_CLOEXEC)
		if err != nil {
			return fault.New(fault.Exhausted, "there is no memory for a note").Because(err)
		}
		note := os.NewFile(uintptr(fd), "fetched")
		defer func() { err = errors.Join(err, note.Close()) }()
		if err := get(ctx, f, note, min(most, storage.MaxVolume)); err != nil {
			return err
		}
		return fetched(f, b, v)
	}
	if v.Spec.Encryption != "" {
		return p.fetchSealed(ctx, b, v, fill)
	}
	return b.Make(ctx, v.File, 0, fill)
}

// fetched refuses what is not what was asked for.
func fetched(f *os.File, b backend.Backend, v storage.Volume) error {
	if want := v.Source.SHA256; want != "" {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, f); err != nil {
			return err
		}
		if got := fmt.Sprintf("%x", sum.Sum(nil)); got != want {
			return fault.New(fault.Invalid, "what was fetched has the SHA-256 %s, and not %s", got, want).
				Try("see where the sum is from: one of both was changed").WithCode("HV-IMG-018")
		}
	}
	if v.Spec.Format == storage.QCOW2 {
		_, err := qcow2.Size(f)
		return err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil && size == 0 {
		err = fault.New(fault.Invalid, "what was fetched is empty")
	}
	if err != nil {
		return err
	}
	return f.Truncate(int64(b.Can().Round((model.Bytes(size) + 511) / 512 * 512)))
}
