package view

import (
	"context"
	"encoding/json"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func (v *View) applyTrash(ref model.Ref, ev store.Event, gone bool) error {
	if gone {
		v.trashed.drop(key(ref))
		return nil
	}
	t, err := store.Decode[storage.Trashed](ev.KV)
	if err != nil {
		return err
	}
	t.Revision = ev.KV.ModRevision
	v.trashed.put(key(ref), row{name: t.Name, labels: t.Labels, item: encode(trashedItem{
		TrashedVolume: wire.TrashedVolume{Kind: "trashed-volume", Metadata: t.Metadata, Spec: t.Spec, At: t.At, Until: t.Until, Going: t.Gone}, File: t.File,
	})})
	return nil
}

// trashedItem is a row, with what its file is called: that is asked for what it takes, and not shown.
type trashedItem struct {
	wire.TrashedVolume
	File string `json:"file"`
}

// VolumeTrash lists the volumes in the trash of a project, with what their files take now.
func (v *View) VolumeTrash(ctx context.Context, project string, opt ListOptions) (wire.Page, error) {
	p, err := v.list(v.trashed, project, opt)
	for i, item := range p.Items {
		var t trashedItem
		if json.Unmarshal(item, &t) != nil {
			continue // told in the item
		}
		if n, err := v.Allocated(ctx, storage.Volume{Metadata: t.Metadata, Spec: t.Spec, File: t.File}); err == nil { // absent when unknown
			t.Takes = n
		}
		p.Items[i] = encode(t.TrashedVolume)
	}
	return p, err
}
