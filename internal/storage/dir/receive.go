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
// of the image. The file has its name only when all of it is there, is of the format and is durable.
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
	err := p.folder.Make(func(f *os.File) (_ string, err error) {
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
