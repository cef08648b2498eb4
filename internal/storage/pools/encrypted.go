package pools

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/luks"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/qcow2"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// secret is what opens a layer; empty for one that is not encrypted.
func (p *Pools) secret(ctx context.Context, l storage.Layer) (string, error) {
	if l.Key == "" {
		return "", nil
	}
	if p.Keys == nil {
		return "", fault.New(fault.Internal, "nobody keeps key %q", l.Key)
	}
	return p.Keys.Secret(ctx, l.Key)
}

// header is a new LUKS header for a layer; nil for one that is not encrypted.
func (p *Pools) header(ctx context.Context, l storage.Layer) ([]byte, error) {
	secret, err := p.secret(ctx, l)
	if err != nil || secret == "" {
		return nil, err
	}
	return luks.New(secret)
}

// before is how many bytes stand before the content of a raw layer.
func (p *Pools) before(ctx context.Context, l storage.Layer) (n model.Bytes, err error) {
	if l.Key == "" {
		return 0, nil
	}
	err = p.atHeader(ctx, l, true, func(f luks.File) error {
		at, err := luks.Payload(f)
		n = model.Bytes(at)
		return err
	})
	return n, err
}

// Opens reports whether a secret opens a layer.
func (p *Pools) Opens(ctx context.Context, l storage.Layer, secret string) (yes bool, err error) {
	err = p.atHeader(ctx, l, true, func(f luks.File) error {
		yes, err = luks.Opens(f, secret)
		return err
	})
	return yes, err
}

// AddSecret has one secret more open a layer that have opens, durably. A VM may run with it: QEMU has read the header.
func (p *Pools) AddSecret(ctx context.Context, l storage.Layer, have, more string) error {
	return p.atHeader(ctx, l, false, func(f luks.File) error { return luks.Add(f, have, more) })
}

// DropSecret has a secret open a layer no more that keep opens too, durably.
func (p *Pools) DropSecret(ctx context.Context, l storage.Layer, gone, keep string) error {
	return p.atHeader(ctx, l, false, func(f luks.File) error { return luks.Drop(f, gone, keep) })
}

// section is the part of a file that begins with a LUKS header.
type section struct {
	*os.File
	at int64
}

func (s section) ReadAt(b []byte, at int64) (int, error)  { return s.File.ReadAt(b, s.at+at) }
func (s section) WriteAt(b []byte, at int64) (int, error) { return s.File.WriteAt(b, s.at+at) }

func (p *Pools) atHeader(ctx context.Context, l storage.Layer, readOnly bool, do func(luks.File) error) (err error) {
	if !readOnly { // two who look for a free slot would find the same
		p.headers.Lock()
		defer p.headers.Unlock()
	}
	b, err := p.Of(l.Pool)
	if err != nil {
		return err
	}
	f, err := b.Open(ctx, l.File(), readOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s := section{File: f}
	if l.Format == storage.QCOW2 {
		at, size, err := qcow2.Encryption(f)
		if err != nil {
			return err
		}
		if size < luks.Size {
			return fault.New(fault.Unreadable, "%s in pool %q has no LUKS header", l.File(), l.Pool).WithCode("HV-KEY-020").Try("take the volume from a backup")
		}
		s.at = at
	}
	err = do(s)
	if errors.Is(err, io.EOF) {
		err = fault.New(fault.Unreadable, "%s in pool %q is cut off", l.File(), l.Pool).WithCode("HV-KEY-020").Try("take the volume from a backup")
	}
	return osfault.File(err, "cannot change the LUKS header of %s in pool %q", l.File(), l.Pool)
}
