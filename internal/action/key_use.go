package action

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// keyUse is what is encrypted with a key.
type keyUse struct {
	names  []string // "volume web-root", "snapshot before of a VM"
	layers map[string]bool
}

// keyUsers are the volumes, also those in the trash, and snapshots that have layers which are encrypted with a key.
func (a *Actions) keyUsers(ctx context.Context, key string) (keyUse, error) {
	use := keyUse{layers: map[string]bool{}}
	note := func(name string, chain []storage.Layer) {
		has := false
		for _, l := range chain {
			if l.Key == key {
				use.layers[l.ID], has = true, true
			}
		}
		if has {
			use.names = append(use.names, name)
		}
	}
	volumes, _, err := store.ListAll[storage.Volume](ctx, a.Store, store.SpecPrefix("volume"))
	if err != nil {
		return use, err
	}
	for _, v := range volumes {
		note("volume "+model.Ref{Project: v.Value.Project, Name: v.Value.Name}.String(), v.Value.Chain())
		if m := v.Value.Moving; m != nil {
			note("volume "+v.Value.Name+" on its way", []storage.Layer{m.To})
		}
	}
	trash, _, err := store.ListAll[storage.Trashed](ctx, a.Store, store.SpecPrefix("trash"))
	if err != nil {
		return use, err
	}
	for _, t := range trash {
		note("volume "+t.Value.Name+" (in the trash)", t.Value.Chain())
	}
	sets, _, err := store.ListAll[vm.Snapshot](ctx, a.Store, store.SpecPrefix("snapshot"))
	for _, s := range sets {
		var all []storage.Layer
		for _, d := range s.Value.Disks {
			all = append(all, d.Layers...)
		}
		note("snapshot "+s.Value.Name, all)
	}
	slices.Sort(use.names)
	return use, err
}

func isOrAre(names []string) string {
	const most = 5
	shown := names
	if len(shown) > most {
		shown = append(slices.Clone(shown[:most]), fmt.Sprintf("%d more", len(names)-most))
	}
	if len(names) == 1 {
		return shown[0] + " is"
	}
	return strings.Join(shown, ", ") + " are"
}

// notUsable is why nothing can be opened with a key.
func notUsable(name string, st storage.KeyStatus) error {
	switch st.State {
	case storage.KeyLost:
		return fault.New(fault.Precondition, "key %q is lost: %s", name, st.Problem).Try("%s", st.Hint).WithCode("HV-KEY-003")
	case storage.KeyUnmade:
		return fault.New(fault.Precondition, "key %q has no secret yet", name).Try("hv key unlock %s asks for a passphrase, and makes it", name).WithCode("HV-KEY-004")
	default: // it is locked, or was until a moment ago
	}
	why := fault.New(fault.Precondition, "key %q is locked", name).Try("hv key unlock %s", name).WithCode("HV-KEY-002")
	if st.Problem != "" {
		why = fault.New(fault.Precondition, "key %q cannot be opened: %s", name, st.Problem).Try("%s", st.Hint).WithCode("HV-KEY-002")
	}
	return why
}

// encrypt fills in the key of a volume that is to be made, and refuses one that cannot be used. A volume that is made while
// its key is deleted is found by whoever commits later.
func (a *Actions) encrypt(ctx context.Context, c *change, spec storage.VolumeSpec) (storage.VolumeSpec, error) {
	if spec.Encryption == storage.NoKey {
		spec.Encryption = ""
		return spec, nil
	}
	res, _, err := a.Resolution(ctx)
	if err != nil {
		return spec, err
	}
	asked := spec.Encryption != ""
	if !asked {
		if !res.On(encryption) {
			return spec, nil
		}
		spec.Encryption = storage.DefaultKey
	} else if !res.On(encryption) {
		return spec, isOff(res, encryption, "encrypt a volume")
	}
	k, kv, err := a.key(ctx, spec.Encryption)
	if fault.KindOf(err) == fault.NotFound && !asked {
		spec.Encryption = ""
		return spec, nil
	}
	if err != nil {
		return spec, err
	}
	st, err := a.keyStatus(ctx, k.Name)
	if err != nil {
		return spec, err
	}
	if !st.Usable() {
		return spec, notUsable(k.Name, st)
	}
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	return spec, c.put(kv.Key, k) // as it is: whoever deletes it meanwhile and saw no volume looks again
}

// keepsEncrypted refuses a pool whose volumes are devices: their sizes have no room for a header.
func (a *Actions) keepsEncrypted(spec storage.VolumeSpec) error {
	if spec.Encryption == "" || a.Pools == nil {
		return nil
	}
	can, err := a.Pools.Can(spec.Pool)
	if err != nil || !can.Block {
		return err
	}
	return fault.New(fault.Precondition, "pool %q keeps devices, which are not encrypted", spec.Pool).WithCode("HV-KEY-027").
		Try("name a pool that is a folder; or put the thin pool on a disk that is encrypted (dm-crypt)")
}

// inClear refuses to keep the memory of a VM in a file, where what it writes to its disks is encrypted.
func (a *Actions) inClear(ctx context.Context, o vm.Object, what string) error {
	names, err := a.encryptedDisks(ctx, o)
	if err != nil || len(names) == 0 {
		return err
	}
	return fault.New(fault.Precondition, "cannot %s vm %q: %s encrypted, and its memory would lie in a file in clear", what, o.Name, isOrAre(names)).
		Try("hv vm stop %s", o.Name).WithCode("HV-KEY-011")
}

// encryptedDisks are the disks of a VM that have encrypted layers, by their volumes.
func (a *Actions) encryptedDisks(ctx context.Context, o vm.Object) ([]string, error) {
	var out []string
	for _, d := range o.Spec.Disks {
		v, _, err := store.Get[storage.Volume](ctx, a.Store, volumeKey(o.Project, d.Volume))
		if fault.KindOf(err) == fault.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(storage.Keys(v.Chain())) > 0 {
			out = append(out, v.Name)
		}
	}
	slices.Sort(out)
	return out, nil
}
