package view

import (
	"context"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func (v *View) applyVolume(ref model.Ref, ev store.Event, gone bool) error {
	if gone {
		delete(v.volumes, ref)
		v.volRows.drop(key(ref))
		return nil
	}
	vol, err := store.Decode[storage.Volume](ev.KV)
	if err != nil {
		return err
	}
	vol.Revision = ev.KV.ModRevision
	v.volumeEntry(ref).volume = vol
	v.volumeRow(ref)
	return nil
}

func (v *View) applyVolumeStatus(ref model.Ref, ev store.Event, gone bool) error {
	var st storage.VolumeStatus
	if !gone {
		var err error
		if st, err = store.Decode[storage.VolumeStatus](ev.KV); err != nil {
			return err
		}
	} else if v.volumes[ref] == nil {
		return nil
	}
	v.volumeEntry(ref).status = st
	v.volumeRow(ref)
	return nil
}

func (v *View) volumeEntry(ref model.Ref) *volumeEntry {
	e := v.volumes[ref]
	if e == nil {
		e = &volumeEntry{}
		v.volumes[ref] = e
	}
	return e
}

func (v *View) volumeRow(ref model.Ref) {
	e := v.volumes[ref]
	if e == nil || e.volume.Name == "" {
		return
	}
	v.volRows.put(key(ref), row{name: e.volume.Name, labels: e.volume.Labels, item: encode(v.wireVolume(ref, e))})
}

func (v *View) wireVolume(ref model.Ref, e *volumeEntry) wire.Volume {
	return wire.Volume{
		Kind: "volume", Metadata: e.volume.Metadata, Spec: e.volume.Spec, SHA256: e.volume.SHA256,
		Usage: storage.VolumeUsage{UsedBy: strings.Join(v.claims[ref].Holders(), ", ")}, Ready: e.status.Made,
		Problem: e.status.Problem,
	}
}

// Volumes lists the volumes of a project. What its file takes is told of each one alone, by Volume.
func (v *View) Volumes(_ context.Context, project string, opt ListOptions) (wire.Page, error) {
	return v.list(v.volRows, project, opt)
}

// Volume returns one volume, with what its file takes now.
func (v *View) Volume(ctx context.Context, ref model.Ref) (wire.Volume, error) {
	v.mu.RLock()
	e := v.volumes[ref]
	var out wire.Volume
	var vol storage.Volume
	if e != nil {
		out, vol = v.wireVolume(ref, e), e.volume
	}
	v.mu.RUnlock()
	if vol.Name == "" {
		return out, notFound("volume", ref.String(), "hv volume list")
	}
	if n, err := v.Allocated(ctx, vol); err == nil { // absent when unknown
		out.Usage.Allocated = n
	}
	return out, nil
}

func (v *View) applyBootFile(ref model.Ref, ev store.Event, gone bool) error {
	if gone {
		delete(v.boots, ref)
		v.bootRows.drop(key(ref))
		return nil
	}
	f, err := store.Decode[storage.BootFile](ev.KV)
	if err != nil {
		return err
	}
	f.Revision = ev.KV.ModRevision
	v.boots[ref] = f
	v.bootRows.put(key(ref), row{name: f.Name, labels: f.Labels, item: encode(wire.BootFile{
		Kind: "boot-file", Metadata: f.Metadata, Content: f.Kind, SHA256: f.SHA256, Size: f.Size,
	})})
	return nil
}

// BootFiles lists the kernels and initrds of a project.
func (v *View) BootFiles(_ context.Context, project string, opt ListOptions) (wire.Page, error) {
	return v.list(v.bootRows, project, opt)
}

// BootFile returns one kernel or initrd, with the VMs that boot from it.
func (v *View) BootFile(_ context.Context, ref model.Ref) (wire.BootFile, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	f, ok := v.boots[ref]
	if !ok {
		return wire.BootFile{}, notFound("boot file", ref.String(), "hv boot-file list")
	}
	out := wire.BootFile{Kind: "boot-file", Metadata: f.Metadata, Content: f.Kind, SHA256: f.SHA256, Size: f.Size}
	for other, e := range v.vms {
		if b := e.object.Spec.Boot; other.Project == ref.Project && b != nil && (b.Kernel == ref.Name || b.Initrd == ref.Name) {
			out.UsedBy = append(out.UsedBy, "vm/"+other.Name)
		}
	}
	slices.Sort(out.UsedBy)
	return out, nil
}
