package view

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type keyEntry struct {
	key    storage.Key
	status storage.KeyStatus
}

func (v *View) keyEntry(name string) *keyEntry {
	e := v.keys[name]
	if e == nil {
		e = &keyEntry{}
		v.keys[name] = e
	}
	return e
}

func (v *View) applyKey(name string, ev store.Event, gone bool) error {
	if gone {
		delete(v.keys, name)
		return nil
	}
	k, err := store.Decode[storage.Key](ev.KV)
	if err != nil {
		return err
	}
	k.Revision = ev.KV.ModRevision
	v.keyEntry(name).key = k
	return nil
}

func (v *View) applyKeyStatus(name string, ev store.Event, gone bool) error {
	if gone {
		if e := v.keys[name]; e != nil {
			e.status = storage.KeyStatus{}
		}
		return nil
	}
	st, err := store.Decode[storage.KeyStatus](ev.KV)
	if err != nil {
		return err
	}
	v.keyEntry(name).status = st
	return nil
}

func (v *View) wireKey(e *keyEntry) wire.Key {
	out := wire.Key{
		Kind: "key", Metadata: e.key.Metadata, Spec: e.key.Spec.Effective(), Sealed: e.key.Spec.Sealed(),
		State: cmp.Or(e.status.State, storage.KeyUnmade), Secret: e.status.Secret, Problem: e.status.Problem, Hint: e.status.Hint,
	}
	for ref, vol := range v.volumes {
		if slices.ContainsFunc(vol.volume.Chain(), func(l storage.Layer) bool { return l.Key == e.key.Name }) {
			out.Volumes = append(out.Volumes, ref.String())
		}
	}
	slices.Sort(out.Volumes)
	return out
}

// ListKeys lists the keys of the host.
func (v *View) ListKeys(_ context.Context, opt ListOptions) (wire.Page, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	t := newTable()
	for name, e := range v.keys {
		if e.key.Name != "" {
			t.put(name, row{name: name, labels: e.key.Labels, item: encode(v.wireKey(e))})
		}
	}
	page, err := t.page("", opt)
	page.Revision = v.revision
	return page, err
}

// Key is one key, with what is encrypted with it.
func (v *View) Key(_ context.Context, name string) (wire.Key, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	e := v.keys[name]
	if e == nil || e.key.Name == "" {
		return wire.Key{}, notFound("key", name, "hv key list").WithCode("HV-KEY-001")
	}
	return v.wireKey(e), nil
}

// closed says which key keeps a volume from being opened, and what to do; empty for none.
func (v *View) closed(vol storage.Volume) string {
	for _, key := range storage.Keys(vol.Chain()) {
		e := v.keys[key]
		switch {
		case e == nil || e.key.Name == "":
			return "key " + key + " is gone: hv storage recover"
		case e.status.State == storage.KeyLost:
			return "key " + key + " is lost: " + e.status.Problem + " (" + e.status.Hint + ")"
		case e.status.Problem != "" && !e.status.Usable():
			return "key " + key + " cannot be opened: " + e.status.Problem + " (" + e.status.Hint + ")"
		case !e.status.Usable():
			return "key " + key + " is locked: hv key unlock " + key
		}
	}
	return ""
}

// closedDisk says which disk of a VM cannot be opened, and why; empty for none.
func (v *View) closedDisk(ref model.Ref, disks map[string]vm.Disk) string {
	for _, name := range slices.Sorted(maps.Keys(disks)) {
		if e := v.volumes[model.Ref{Project: ref.Project, Name: disks[name].Volume}]; e != nil {
			if why := v.closed(e.volume); why != "" {
				return "disk " + name + ": " + why
			}
		}
	}
	return ""
}
