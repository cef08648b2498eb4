//go:build linux

package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/hyper-nixos/hyper-nixos/internal/confine"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/image/sniff"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// What is unpacked of an image may be long, for a disk is mostly zeros; but what is not zero of it may not be more than
// so many times what it was packed into, and then some.
const (
	maxRatio  = 200
	freeRatio = 64 << 20
	maxXZ     = 2 << 30 // memory of xz
	zstdRoom  = 256 << 20
)

// unpack writes what size bytes from at of src are unpacked to into out, and returns how long that is.
func (b *build) unpack(ctx context.Context, how sniff.Kind, src *os.File, at, size int64, out *os.File) (int64, error) {
	tell := func(n int64) { b.tell(stepUnpack, model.Bytes(n), model.Bytes(size)) }
	in := &following{ctx: ctx, r: io.NewSectionReader(src, at, size), tell: tell}
	w := &sparse{f: out, most: int64(storage.MaxImage), content: size*maxRatio + freeRatio}
	var err error
	switch how {
	case sniff.Gzip:
		var r *gzip.Reader
		if r, err = gzip.NewReader(in); err == nil {
			err = w.all(r)
		}
	case sniff.Zstd:
		var r *zstd.Decoder
		if r, err = zstd.NewReader(in, zstd.WithDecoderMaxMemory(zstdRoom), zstd.WithDecoderMaxWindow(zstdRoom), zstd.WithDecoderConcurrency(1)); err == nil {
			err = w.all(r)
			r.Close()
		}
	default:
		err = w.xz(ctx, in)
	}
	if err == nil {
		err = out.Truncate(w.at)
	}
	if w.failed != nil {
		err = w.failed
	}
	if err != nil && fault.KindOf(err) == fault.Internal && w.failed == nil {
		err = fault.New(fault.Invalid, "the image cannot be unpacked: it is no whole %s", how).Because(err).Try("fetch it again").WithCode("HV-IMG-010")
	}
	return w.at, osfault.File(err, "cannot unpack the image")
}

// xz unpacks by the program of that name, which gets two pipes and nothing else.
func (w *sparse) xz(ctx context.Context, in io.Reader) error {
	path, err := exec.LookPath("xz")
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "xz is missing").Try("apt-get install xz-utils").WithCode("HV-IMG-001")
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	inR, inW, err := os.Pipe()
	if err != nil {
		return err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return errors.Join(err, inR.Close(), inW.Close())
	}
	fed := make(chan error, 1)
	go func() {
		_, err := io.Copy(inW, in)
		fed <- errors.Join(err, inW.Close())
	}()
	written := make(chan error, 1)
	go func() {
		err := w.all(outR)
		if err != nil {
			stop(err) // nobody reads on
		}
		written <- errors.Join(err, outR.Close())
	}()
	err = confine.Command{
		Program: path, Args: []string{"xz", "-dc", "-q", "--memlimit-decompress=1GiB"}, In: inR, Out: outW, Limits: confine.Limits{Memory: maxXZ},
	}.Run(ctx)
	if _, ended := errors.AsType[*confine.Exit](err); err != nil && !ended && ctx.Err() == nil { // it says nothing of the image
		err = fault.New(fault.Unavailable, "cannot run xz").Because(err)
	}
	err = errors.Join(err, inR.Close(), outW.Close())
	if late := <-written; late != nil {
		err = late
	}
	if broken := <-fed; err == nil || fault.KindOf(broken) == fault.Unavailable {
		err = errors.Join(broken, err)
	}
	return err
}

// sparse writes a file and leaves holes where there are zeros. It bounds what is written.
type sparse struct {
	f       *os.File
	at      int64
	most    int64 // bytes of the file
	content int64 // bytes that are not in holes
	failed  error // of the disk
}

const block = 64 << 10

var zeros [block]byte

func (w *sparse) all(r io.Reader) error {
	buf := make([]byte, block)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			if err := w.put(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && n > 0 && whole(r):
			return nil
		case err != nil:
			return err
		}
	}
}

// whole reports whether a reader that ended within a block has ended well: it says so when it is asked again.
func whole(r io.Reader) bool {
	_, err := r.Read(make([]byte, 1))
	return err == io.EOF
}

func (w *sparse) put(p []byte) error {
	if w.at += int64(len(p)); w.at > w.most {
		return fault.New(fault.Exhausted, "it is unpacked to more than %s, the most that an image may have", model.Bytes(w.most)).WithCode("HV-IMG-014")
	}
	if bytes.Equal(p, zeros[:len(p)]) {
		return nil
	}
	if w.content -= int64(len(p)); w.content < 0 {
		return fault.New(fault.Denied, "it is unpacked to so much more than it was packed into that it is no disk").WithCode("HV-IMG-014")
	}
	_, w.failed = w.f.WriteAt(p, w.at-int64(len(p)))
	return w.failed
}
