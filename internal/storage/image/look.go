//go:build linux

package image

import (
	"cmp"
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// lookUp finds out what is to be fetched: what its source lists of it now. One that replaces another ends here where
// there is nothing newer.
func (b *build) lookUp(ctx context.Context) error {
	if b.from.Index != nil {
		if err := b.list(ctx); err != nil {
			return err
		}
	}
	r := b.image.Replaces
	if r == nil {
		return nil
	}
	sum := cmp.Or(b.from.SHA512, b.from.SHA256)
	if b.from.Index == nil {
		if b.from.Checksums == "" {
			return nil // only what comes tells
		}
		b.tell(stepLook, 0, 0)
		var err error
		if sum, _, err = b.sum(ctx); err != nil {
			return err
		}
	}
	if sum != "" && (sum == r.Sum || sum == r.SHA256) {
		return b.newest()
	}
	return nil
}

// list takes from its source what that lists.
func (b *build) list(ctx context.Context) error {
	b.tell(stepLook, 0, 0)
	all, signed, err := b.fetch.Offers(ctx, *b.from.Index, true)
	if err != nil {
		return err
	}
	_, item, _ := storage.ParseListed(b.from.Listed)
	o, err := storage.FindOffer(all, item, b.image.Spec.Arch)
	if err != nil {
		return err
	}
	if o.Kind == storage.ISOImage != (b.image.Spec.Kind == storage.ISOImage) {
		return fault.New(fault.Invalid, "%s is of kind %s", b.from.Listed, o.Kind).Try("--kind %s", o.Kind).WithCode("HV-IMG-010")
	}
	if err := b.notOlder(o); err != nil {
		return err
	}
	b.from.URL, b.from.SHA256, b.from.SHA512 = o.URL, cmp.Or(b.from.SHA256, o.SHA256), cmp.Or(b.from.SHA512, o.SHA512)
	b.from.Insecure, b.from.Local = b.from.Index.Insecure, b.from.Index.Local
	b.sums, b.st.URL, b.st.Version, b.st.Sum = signed, o.URL, o.Version, cmp.Or(b.from.SHA512, b.from.SHA256)
	return nil
}

// sum is what the file of sums has for it.
func (b *build) sum(ctx context.Context) (sum, signed string, err error) {
	s := b.from
	sum, signed, err = b.fetch.Sum(ctx, storage.Download{URL: s.Checksums, Insecure: s.Insecure, Local: s.Local}, storage.FileOf(s.URL))
	b.st.Sum = sum
	return sum, signed, err
}

// newest says that what is there is the newest.
func (b *build) newest() error {
	return fault.New(fault.Conflict, "image %q is the newest already", b.image.Replaces.Name).WithCode(storage.CodeNewest)
}
