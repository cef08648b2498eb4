package view

import (
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func (v *View) applyShare(name string, ev store.Event, gone bool) error {
	delete(v.shares, name)
	if gone {
		return nil
	}
	s, err := store.Decode[storage.Share](ev.KV)
	if err != nil {
		return err
	}
	s.Revision = ev.KV.ModRevision
	v.shares[name] = s
	return nil
}

// ListShares lists the shares, with who names them.
func (v *View) ListShares(opt ListOptions) (wire.Page, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	t := newTable()
	for name, s := range v.shares {
		t.put(name, row{name: name, labels: s.Labels, item: encode(v.wireShare(s))})
	}
	page, err := t.page("", opt)
	page.Revision = v.revision
	return page, err
}

// Share is one share, with who names it.
func (v *View) Share(name string) (wire.Share, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s, ok := v.shares[name]
	if !ok {
		return wire.Share{}, notFound("share", name, "hv share list").WithCode("HV-SHARE-001")
	}
	return v.wireShare(s), nil
}

func (v *View) wireShare(s storage.Share) wire.Share {
	out := wire.Share{Kind: "share", Metadata: s.Metadata, Spec: s.Spec}
	for ref, e := range v.vms {
		for _, used := range e.object.Spec.Shares {
			if used.Share == s.Name {
				out.UsedBy = append(out.UsedBy, ref.String())
			}
		}
	}
	slices.Sort(out.UsedBy)
	out.UsedBy = slices.Compact(out.UsedBy)
	return out
}
