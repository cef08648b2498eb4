//go:build linux

package image

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/convert"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/image/sniff"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// The steps, as a person reads them.
const (
	stepLook    = "look it up"
	stepFetch   = "fetch"
	stepCheck   = "check"
	stepUnpack  = "unpack"
	stepConvert = "convert"
)

// build is one image being made.
type build struct {
	*Library
	image storage.Image
	from  storage.ImageSource // as it is now: what its source lists of it
	sums  string              // by whom the list that has its sum is signed
	tell  Tell
	st    storage.ImageStatus
}

// run makes the image of what comes under a name.
func (b *build) run(ctx context.Context, name string) (st storage.ImageStatus, err error) {
	if err := b.lookUp(ctx); err != nil {
		return st, err
	}
	src, err := b.arrive(ctx, name)
	if err != nil {
		return st, err
	}
	defer func() { _ = src.Close() }()
	defer func() {
		if err != nil && ctx.Err() == nil && !fault.Retryable(err) {
			err = errors.Join(err, b.drop(name)) // what it should be it will not become: who tries again gets it anew
		}
	}()
	if err := b.check(ctx, src); err != nil {
		return st, err
	}
	info, err := src.Stat()
	if err != nil {
		return st, osfault.File(err, "cannot read the image")
	}
	plain, found, done, err := b.open(ctx, src, name)
	if err != nil {
		return st, err
	}
	defer func() { done() }()
	if err := b.fits(found); err != nil {
		return st, err
	}
	if err := b.keep(ctx, plain, found, info.Size()); err != nil {
		return st, err
	}
	return b.st, b.write()
}

// arrive has the content come, or finds what was sent.
func (b *build) arrive(ctx context.Context, name string) (*os.File, error) {
	s := b.from
	if s.URL == "" {
		f, err := b.incoming.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.New(fault.NotFound, "what was sent is gone").Try("import it again").WithCode("HV-IMG-017")
		}
		return f, osfault.File(err, "cannot read what was sent")
	}
	f, err := b.incoming.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, osfault.File(err, "cannot store the download")
	}
	n, err := b.incoming.OpenFile(name+note, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		b.tell(stepFetch, 0, 0)
		err = b.fetch.Fetch(ctx, storage.Download{URL: s.URL, Insecure: s.Insecure, Local: s.Local, Most: storage.MaxImage}, f, n,
			func(done, total model.Bytes) { b.tell(stepFetch, done, total) })
		err = errors.Join(err, n.Close())
	}
	if err != nil {
		return nil, errors.Join(osfault.File(err, "cannot fetch %s", s.URL), f.Close())
	}
	return f, nil
}

// check holds the content against the sums that it must have.
func (b *build) check(ctx context.Context, src *os.File) error {
	s := b.from
	want := map[int]string{}
	b.st.Checked, b.st.Signed = "", "not checked"
	if s.Checksums != "" {
		sum, signed, err := b.sum(ctx)
		if err != nil {
			return err
		}
		want[len(sum)], b.st.Checked, b.st.Signed = sum, "as "+storage.FileOf(s.Checksums)+" says", signed
	}
	for _, given := range []string{s.SHA256, s.SHA512} {
		if given == "" {
			continue
		}
		if other, ok := want[len(given)]; ok && other != given {
			return fault.New(fault.Invalid, "the sum that was given is not the one in %s", s.Checksums).WithCode("HV-IMG-016")
		}
		want[len(given)], b.st.Checked = given, "as was given"
		if s.Index != nil {
			b.st.Checked, b.st.Signed = "as "+s.Listed+" says", b.sums
		}
	}
	info, err := src.Stat()
	if err != nil {
		return osfault.File(err, "cannot read the image")
	}
	h256, h512 := sha256.New(), hash.Hash(nil)
	to := io.Writer(h256)
	if want[2*sha512.Size] != "" {
		h512 = sha512.New()
		to = io.MultiWriter(h256, h512)
	}
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return osfault.File(err, "cannot read the image")
	}
	r := &following{ctx: ctx, r: src, tell: func(n int64) { b.tell(stepCheck, model.Bytes(n), model.Bytes(info.Size())) }}
	if _, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{r}, make([]byte, 1<<20)); err != nil {
		return osfault.File(err, "cannot read the image")
	}
	b.st.SHA256 = hex.EncodeToString(h256.Sum(nil))
	got := map[int]string{2 * sha256.Size: b.st.SHA256}
	if h512 != nil {
		got[2*sha512.Size] = hex.EncodeToString(h512.Sum(nil))
	}
	for n, w := range want {
		if got[n] != w {
			return fault.New(fault.Denied, "the content is not what it must be: its sum is %s, and not %s", got[n], w).
				Try("fetch it again, and the sum too: one of both was changed").WithCode("HV-IMG-018")
		}
	}
	if r := b.image.Replaces; r != nil && r.SHA256 == b.st.SHA256 {
		return b.newest()
	}
	return nil
}

// open says what the content is, unpacked where it is packed. done gives back what that took.
func (b *build) open(ctx context.Context, src *os.File, name string) (*os.File, sniff.Found, func(), error) {
	info, err := src.Stat()
	if err != nil {
		return nil, sniff.Found{}, nil, osfault.File(err, "cannot read the image")
	}
	found, err := b.look(src, info.Size())
	if err != nil {
		return nil, found, nil, err
	}
	b.st.Was = string(found.Kind)
	if !found.Kind.Packed() && !found.Packed {
		return src, found, func() {}, nil
	}
	at, size, how := int64(0), info.Size(), found.Kind
	if found.Packed {
		at, size, how = found.At, found.Len, sniff.Gzip
	}
	out, err := b.incoming.OpenFile(name+unpacked, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, found, nil, osfault.File(err, "cannot unpack the image")
	}
	done := func() { _ = errors.Join(out.Close(), b.incoming.Remove(name+unpacked)) } // forgotten later, if not now
	n, err := b.unpack(ctx, how, src, at, size, out)
	if err != nil {
		done()
		return nil, found, nil, err
	}
	inner, err := b.look(out, n)
	if err == nil && (inner.Kind.Packed() || inner.Packed || found.Packed && inner.Kind == sniff.OVA) {
		err = fault.New(fault.Invalid, "the image is packed twice").Try("unpack it first").WithCode("HV-IMG-010")
	}
	if err != nil {
		done()
		return nil, found, nil, err
	}
	b.st.Was = string(inner.Kind) + " in " + b.st.Was
	if found.Packed { // it came in an OVA: that says what the machine is
		inner.Machine = found.Machine
	}
	return out, inner, done, nil
}

// look is what the content is; raw where its owner says so and it is not packed.
func (b *build) look(f *os.File, size int64) (sniff.Found, error) {
	found, err := sniff.Look(f, size)
	if b.image.Spec.Source.Format != storage.Raw || err == nil && found.Kind.Packed() {
		return found, err
	}
	return sniff.AsRaw(size)
}

// fits refuses a disk for an ISO, and an ISO for a disk.
func (b *build) fits(found sniff.Found) error {
	iso := b.image.Spec.Kind == storage.ISOImage
	switch {
	case iso && found.Kind != sniff.ISO && b.image.Spec.Source.Format != storage.Raw:
		return fault.New(fault.Invalid, "this is no ISO: it is %s", found.Kind).Try("leave --kind iso out").WithCode("HV-IMG-010")
	case !iso && found.Kind == sniff.ISO:
		return fault.New(fault.Invalid, "this is an ISO: a CD, and no disk").Try("--kind iso").WithCode("HV-IMG-010")
	}
	return nil
}

var formats = map[sniff.Kind]convert.Format{
	sniff.Raw: convert.Raw, sniff.QCOW2: convert.QCOW2, sniff.VMDK: convert.VMDK, sniff.VHD: convert.VHD, sniff.VHDX: convert.VHDX, sniff.VDI: convert.VDI,
	sniff.ISO: convert.Raw,
}

// keep writes the image into the library: an ISO as it is, a disk as qcow2. came is how long it was as it came.
func (b *build) keep(ctx context.Context, src *os.File, found sniff.Found, came int64) error {
	b.st.Ready, b.st.Format = true, storage.QCOW2
	if b.image.Spec.Kind == storage.ISOImage {
		b.st.Format = storage.Raw
	}
	from := convert.Image{File: src, Format: formats[found.Kind]}
	if found.Kind == sniff.OVA {
		from.Format, from.At, from.Size = formats[found.Disk], found.At, found.Len
		b.st.OVF = &storage.Needs{CPUs: found.Machine.CPUs, Memory: found.Machine.Memory}
	}
	most, err := b.measure(ctx, from, came)
	if err != nil {
		return err
	}
	name := storage.ImageFile(b.image.UID, b.st.Format)
	if err := b.place.Remove(ctx, name); err != nil { // of one that was cut off before it was written down
		return err
	}
	err = b.place.Make(ctx, name, 0, func(ctx context.Context, f *os.File) error {
		b.tell(stepConvert, 0, found.Size)
		if b.st.Format == storage.Raw {
			if err := copySparse(ctx, src, f); err != nil {
				return err
			}
			b.st.Size = found.Size
			return f.Truncate(int64(found.Size))
		}
		err := convert.Convert(ctx, from, f, convert.QCOW2, convert.Options{Most: most}, func(p float64) {
			b.tell(stepConvert, model.Bytes(p/100*float64(found.Size)), found.Size)
		})
		if err != nil {
			return err
		}
		info, err := convert.Describe(ctx, convert.Image{File: f, Format: convert.QCOW2})
		b.st.Size, b.st.Stored = info.VirtualSize, info.Allocated
		return err
	})
	if b.st.Stored == 0 {
		b.st.Stored = b.st.Size
	}
	return osfault.File(err, "cannot convert the image")
}

// write writes what became of the image beside it.
func (b *build) write() error {
	text, err := json.Marshal(b.st)
	if err != nil {
		return err
	}
	err = b.folder.Make(func(f *os.File) (string, error) {
		_, err := f.Write(text)
		return b.image.UID + ".json", err
	})
	return osfault.File(err, "cannot write what is kept of an image")
}

// following is a reader that ends with a context and tells how far it is.
type following struct {
	ctx  context.Context
	r    io.Reader
	done int64
	tell func(int64)
}

func (f *following) Read(p []byte) (int, error) {
	if f.ctx.Err() != nil {
		return 0, fault.New(fault.Unavailable, "it was stopped").Because(context.Cause(f.ctx))
	}
	n, err := f.r.Read(p)
	f.done += int64(n)
	f.tell(f.done)
	return n, err
}
