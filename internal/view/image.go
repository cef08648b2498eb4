package view

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type imageEntry struct {
	image  storage.Image
	status storage.ImageStatus
}

func (v *View) applyImage(ref model.Ref, ev store.Event, gone bool) error {
	if gone {
		delete(v.images, ref)
		v.imageRows.drop(key(ref))
		return nil
	}
	i, err := store.Decode[storage.Image](ev.KV)
	if err != nil {
		return err
	}
	i.Revision = ev.KV.ModRevision
	v.imageEntry(ref).image = i
	v.imageRow(ref)
	return nil
}

func (v *View) applyImageStatus(ref model.Ref, ev store.Event, gone bool) error {
	if gone {
		return nil // the image goes with it
	}
	st, err := store.Decode[storage.ImageStatus](ev.KV)
	if err != nil {
		return err
	}
	v.imageEntry(ref).status = st
	v.imageRow(ref)
	return nil
}

func (v *View) imageEntry(ref model.Ref) *imageEntry {
	e := v.images[ref]
	if e == nil {
		e = &imageEntry{}
		v.images[ref] = e
	}
	return e
}

func (v *View) imageRow(ref model.Ref) {
	if e := v.images[ref]; e.image.Name != "" {
		v.imageRows.put(key(ref), row{name: e.image.Name, labels: e.image.Labels, item: encode(wireImage(e))})
	}
}

func wireImage(e *imageEntry) wire.Image {
	return wire.Image{Kind: "image", Metadata: e.image.Metadata, Spec: e.image.Spec, Status: e.status}
}

// imageUsers are the volumes that stand on each image, by its UID.
func (v *View) imageUsers() map[string][]string {
	users := map[string][]string{}
	for ref, e := range v.volumes {
		for _, l := range e.volume.Layers {
			users[l.ID] = append(users[l.ID], "volume/"+ref.Name)
		}
	}
	for _, l := range users {
		slices.Sort(l)
	}
	return users
}

// Images lists the images of a project, with the volumes that stand on them.
func (v *View) Images(_ context.Context, project string, opt ListOptions) (wire.Page, error) {
	p, err := v.list(v.imageRows, project, opt)
	if len(p.Items) == 0 {
		return p, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	users := v.imageUsers()
	for i, item := range p.Items {
		var listed wire.Image
		if json.Unmarshal(item, &listed) == nil {
			listed.UsedBy = users[listed.Metadata.UID]
			p.Items[i] = encode(listed)
		}
	}
	return p, err
}

// Image returns one image.
func (v *View) Image(_ context.Context, ref model.Ref) (wire.Image, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	e := v.images[ref]
	if e == nil || e.image.Name == "" {
		return wire.Image{}, notFound("image", ref.String(), "hv image list").WithCode("HV-IMG-021")
	}
	out := wireImage(e)
	out.UsedBy = v.imageUsers()[out.Metadata.UID]
	return out, nil
}
