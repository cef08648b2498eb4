//go:build linux

package dir

import (
	"context"
	"io"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Receive stores size bytes of r as a volume's file, and returns their digest and the virtual size
// of the image. The file has its name only when all of it is there, is of the format and is durable; it
// is among Unsettled until Settle or Delete.
// A raw image is padded with zeros to a multiple of 512 bytes.
func (p *Pool) Receive(ctx context.Context, pool, file string, format storage.Format, size model.Bytes, r io.Reader) (string, model.Bytes, error) {
	if err := p.check(pool, file); err != nil {
		return "", 0, err
	}
	if size <= 0 || size > storage.MaxVolume {
		return "", 0, fault.New(fault.Invalid, "an image of %s is not between 1B and %s", size, storage.MaxVolume)
	}
	var sum string
	var virtual model.Bytes
	err := p.folder.Arrive(func(f *os.File) (_ string, err error) {
		if sum, err = folder.Receive(ctx, f, size, r); err == nil {
			virtual, err = shape(f, format, size)
		}
		return file, err
	})
	if err != nil {
		return "", 0, osfault.File(err, "cannot store the image")
	}
	return sum, virtual, nil
}

// shape returns the virtual size of an image of size bytes. A raw one becomes as large as that.
func shape(f *os.File, format storage.Format, size model.Bytes) (model.Bytes, error) {
	if format == storage.QCOW2 {
		return qcow2Size(f)
	}
	virtual := (size + 511) / 512 * 512
	return virtual, f.Truncate(int64(virtual))
}

// Settle says that a volume names a file that was received.
func (p *Pool) Settle(_ context.Context, v storage.Volume) error {
	if err := p.check(v.Spec.Pool, v.File); err != nil {
		return err
	}
	return osfault.File(p.folder.Settle(v.File), "cannot settle %s in pool %q", v.File, p.name)
}

// Unsettled are the files that were received and of which nobody has said that a volume names them, each as a
// volume that has nothing else.
func (p *Pool) Unsettled(_ context.Context) ([]storage.Volume, error) {
	names, err := p.folder.Unsettled()
	if err != nil {
		return nil, osfault.File(err, "cannot read the folder of pool %q", p.name)
	}
	var out []storage.Volume
	for _, name := range names {
		v := storage.Volume{Spec: storage.VolumeSpec{Pool: p.name}, File: name}
		if p.check(p.name, name) == nil {
			out = append(out, v)
		}
	}
	return out, nil
}
