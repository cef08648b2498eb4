package view

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func (v *View) applySnapshot(r store.Ref, ev store.Event, gone bool) error {
	uuid, name, _ := strings.Cut(r.Name, ".")
	if gone {
		delete(v.sets[uuid], name)
		if len(v.sets[uuid]) == 0 {
			delete(v.sets, uuid)
		}
		return nil
	}
	s, err := store.Decode[vm.Snapshot](ev.KV)
	if err != nil {
		return err
	}
	if v.sets[uuid] == nil {
		v.sets[uuid] = map[string]vm.Snapshot{}
	}
	v.sets[uuid][name] = s
	return nil
}

// Snapshots lists the sets of a VM, with what their own layers take now.
func (v *View) Snapshots(ctx context.Context, ref model.Ref) (wire.Snapshots, error) {
	v.mu.RLock()
	e := v.vms[ref]
	if e == nil || e.object.Name == "" {
		v.mu.RUnlock()
		return wire.Snapshots{}, notFound("VM", ref.String(), "hv vm list")
	}
	sets := slices.Collect(maps.Values(v.sets[e.object.Spec.UUID]))
	chains := map[string][]storage.Layer{}
	for _, d := range e.object.Spec.Disks {
		if vol := v.volumes[model.Ref{Project: ref.Project, Name: d.Volume}]; vol != nil {
			chains[vol.volume.UID] = vol.volume.Chain()
		}
	}
	v.mu.RUnlock()
	vm.SortSnapshots(sets)
	tree := vm.Tree(sets, chains)
	out := wire.Snapshots{Items: []wire.Snapshot{}, Current: tree.Current}
	for _, s := range sets {
		one := wireSnapshot(s)
		one.Parent, one.Current = tree.Parent[s.Name], s.Name == tree.Current
		for device, d := range s.Disks {
			w := wire.SnapshotDisk{Volume: d.Volume, Size: d.Top().Size, Layers: len(d.Layers)}
			if len(d.Layers) > 0 && v.Allocated != nil {
				if n, err := v.Allocated(ctx, storage.Volume{Spec: storage.VolumeSpec{Pool: d.Top().Pool}, File: d.Top().File()}); err == nil {
					w.Exclusive = n
				}
			}
			one.Disks[device] = w
		}
		out.Items = append(out.Items, one)
	}
	return out, nil
}

func wireSnapshot(s vm.Snapshot) wire.Snapshot {
	one := wire.Snapshot{
		Name: s.Name, UID: s.UID, State: "ready", Description: s.Description, Created: s.Created, Disks: map[string]wire.SnapshotDisk{},
	}
	if s.Phase != "" {
		one.State = string(s.Phase)
	}
	if t := s.Taken; t != nil {
		one.Taken, one.VMState, one.NVRAM, one.Quiesced, one.Note = &t.At, t.State, t.NVRAM, t.Quiesced, t.Note
		if t.Pause > 0 {
			one.Pause = t.Pause.String()
		}
		if t.Memory != nil {
			one.Memory = t.Memory.Bytes
		}
	}
	return one
}
