//go:build linux

package dir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
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
	tmp := file + partial
	f, err := p.root.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", 0, osfault.File(err, "cannot make a file in pool %q", p.name)
	}
	sum, virtual, err := p.receive(ctx, f, format, size, r)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = p.publish(tmp, file)
	}
	if err != nil {
		_ = p.root.Remove(tmp) // swept at the next start if not now
		return "", 0, osfault.File(err, "cannot store the image")
	}
	return sum, virtual, nil
}

func (p *Pool) receive(ctx context.Context, f *os.File, format storage.Format, size model.Bytes, r io.Reader) (string, model.Bytes, error) {
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(readerWith(ctx, r), int64(size)))
	if err != nil {
		return "", 0, err
	}
	if n != int64(size) {
		return "", 0, fault.New(fault.Invalid, "the image ended after %d of %d bytes", n, int64(size)).Try("import it again")
	}
	virtual := (size + 511) / 512 * 512
	if format == storage.QCOW2 {
		virtual, err = qcow2Size(f)
	} else {
		err = f.Truncate(int64(virtual))
	}
	return hex.EncodeToString(hash.Sum(nil)), virtual, err
}

// readerWith ends a copy when ctx does.
func readerWith(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, fault.New(fault.Unavailable, "the import was given up").Because(context.Cause(ctx))
		}
		return r.Read(p)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
