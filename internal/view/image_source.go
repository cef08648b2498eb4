package view

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func (v *View) applyImageSource(name string, ev store.Event, gone bool) error {
	if gone {
		delete(v.sources, name)
		v.sourceRows.drop(name)
		return nil
	}
	s, err := store.Decode[storage.Index](ev.KV)
	if err != nil {
		return err
	}
	s.Revision = ev.KV.ModRevision
	v.sources[name] = s
	v.sourceRows.put(name, row{name: name, labels: s.Labels, item: encode(wireImageSource(s))})
	return nil
}

func wireImageSource(s storage.Index) wire.ImageIndex {
	return wire.ImageIndex{Kind: "image-source", Metadata: s.Metadata, Spec: s.Spec}
}

// ImageSources lists the places that list images.
func (v *View) ImageSources(_ context.Context, opt ListOptions) (wire.Page, error) {
	return v.list(v.sourceRows, "", opt)
}

// ImageSource is one of them.
func (v *View) ImageSource(_ context.Context, name string) (wire.ImageIndex, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s, ok := v.sources[name]
	if !ok {
		return wire.ImageIndex{}, notFound("image source", name, "hv image source list").WithCode("HV-IMG-030")
	}
	return wireImageSource(s), nil
}
