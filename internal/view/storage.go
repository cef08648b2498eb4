package view

import (
	"context"
	"encoding/json"
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

func (v *View) applyVolumeCheck(ref model.Ref, ev store.Event, gone bool) error {
	if gone && v.volumes[ref] == nil {
		return nil
	}
	var found *storage.VolumeCheck
	if !gone {
		c, err := store.Decode[storage.VolumeCheck](ev.KV)
		if err != nil {
			return err
		}
		found = &c
	}
	v.volumeEntry(ref).check = found
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
	problem := e.status.Problem
	if problem == "" {
		problem = v.closed(e.volume)
	}
	return wire.Volume{
		Kind: "volume", Metadata: e.volume.Metadata, Spec: e.volume.Spec, SHA256: e.volume.SHA256,
		Usage: storage.VolumeUsage{UsedBy: strings.Join(v.claims[ref].Holders(), ", ")}, Ready: e.status.Made,
		Problem: problem, Check: e.check,
	}
}

// Volumes lists the volumes of a project, with what their files take now: that is asked for what the
// page holds, and for no more.
func (v *View) Volumes(ctx context.Context, project string, opt ListOptions) (wire.Page, error) {
	p, err := v.list(v.volRows, project, opt)
	for i, item := range p.Items {
		var listed wire.Volume
		if json.Unmarshal(item, &listed) != nil {
			continue // told in the item
		}
		full, err := v.Volume(ctx, model.Ref{Project: listed.Metadata.Project, Name: listed.Metadata.Name})
		if err == nil { // else it was deleted since the page was made
			p.Items[i] = encode(full)
		}
	}
	return p, err
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
		return out, notFound("volume", ref.String(), "hv volume list").WithCode("HV-VOL-001")
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

// BootFiles lists the kernels and initrds of a project, with the VMs that boot from them.
func (v *View) BootFiles(_ context.Context, project string, opt ListOptions) (wire.Page, error) {
	p, err := v.list(v.bootRows, project, opt)
	if len(p.Items) == 0 {
		return p, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	users := v.bootUsers()
	for i, item := range p.Items {
		var listed wire.BootFile
		if json.Unmarshal(item, &listed) == nil {
			listed.UsedBy = users[model.Ref{Project: listed.Metadata.Project, Name: listed.Metadata.Name}]
			p.Items[i] = encode(listed)
		}
	}
	return p, err
}

// bootUsers are the VMs that boot from each file, by name.
func (v *View) bootUsers() map[model.Ref][]string {
	users := map[model.Ref][]string{}
	for ref, e := range v.vms {
		if b := e.object.Spec.Boot; e.object.Spec.BootsKernel() {
			for _, name := range []string{b.Kernel, b.Initrd} {
				file := model.Ref{Project: ref.Project, Name: name}
				users[file] = append(users[file], "vm/"+ref.Name)
			}
		}
	}
	for _, l := range users {
		slices.Sort(l)
	}
	return users
}

// BootFile returns one kernel or initrd, with the VMs that boot from it.
func (v *View) BootFile(_ context.Context, ref model.Ref) (wire.BootFile, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	f, ok := v.boots[ref]
	if !ok {
		return wire.BootFile{}, notFound("boot file", ref.String(), "hv boot-file list")
	}
	return wire.BootFile{
		Kind: "boot-file", Metadata: f.Metadata, Content: f.Kind, SHA256: f.SHA256, Size: f.Size, UsedBy: v.bootUsers()[ref],
	}, nil
}
