package action

import (
	"context"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// planKeys says what becomes of each key when decl stands, and what speaks against it. Nothing that is declared, or is declared
// no more, takes a secret away: a key that leaves the declaration is kept, and its owner's from then on.
func (a *Actions) planKeys(ctx context.Context, p *planned, decl config.Declaration) (finding.List, error) {
	list, _, err := store.ListAll[storage.Key](ctx, a.Store, store.SpecPrefix("key"))
	if err != nil {
		return nil, err
	}
	all := map[string]storage.Key{}
	p.keysAt = map[string]int64{}
	for _, k := range list {
		p.keysAt[k.Value.Name] = k.ModRevision
		all[k.Value.Name] = k.Value
	}
	p.keys = map[string]storage.Key{}
	note := func(name, becomes string, next storage.Key) {
		p.Keys = append(p.Keys, wire.PlannedKey{Name: name, Becomes: becomes, Sealed: next.Spec.Sealed()})
		if becomes != wire.Unchanged {
			p.keys[name] = next
		}
	}
	var found finding.List
	for _, name := range decl.Storage.KeyNames() {
		want := decl.Storage.Keys[name]
		if len(storage.CheckKey(name, want)) > 0 {
			continue // of that the declaration's own check tells
		}
		have, there := all[name]
		becomes, against, err := a.planKey(ctx, have, there, want, name)
		if err != nil {
			return nil, err
		}
		if !there {
			against = append(against, a.mayMakeKey(decl, name)...)
		}
		found = append(found, against...)
		have.Name, have.Spec, have.Origin = name, want, model.Declared
		note(name, becomes, have)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		k := all[name]
		if _, declared := decl.Storage.Keys[name]; declared || k.Origin != model.Declared || k.Deleted != nil {
			continue
		}
		k.Origin = model.Manual
		note(name, wire.Kept, k)
	}
	return found, nil
}

// planKey is what becomes of one declared key. One that was made by hand is taken over, for it could not be made anew.
func (a *Actions) planKey(ctx context.Context, have storage.Key, there bool, want storage.KeySpec, name string) (becomes string, found finding.List, err error) {
	refuse := func(code, what, remedy string) finding.List {
		return finding.List{{
			Code: code, Severity: finding.Refused, Subject: []string{"key/" + name}, Path: config.KeyPath(name), What: "key " + name + " " + what, Remedy: remedy,
		}}
	}
	switch {
	case !there:
		return wire.Created, nil, nil
	case have.Deleted != nil:
		return wire.Unchanged, refuse("HV-KEY-009", "is being deleted", "wait until it is gone, then apply again"), nil
	case !have.Spec.Same(want):
		st, err := a.keyStatus(ctx, name)
		if err != nil {
			return "", nil, err
		}
		is, next := have.Spec.Effective(), want.Effective()
		if st.Secret > 0 && (is.Kind != next.Kind || is.With != next.With) { // another command may print the same
			return wire.Unchanged, refuse("HV-KEY-005", "is sealed by "+have.Spec.Sealed()+", and stays so",
				"declare it as it is; or declare another key, and clone the volumes with it: hv volume clone NAME NEW --encryption KEY"), nil
		}
		return wire.Changed, nil, nil
	case have.Origin != model.Declared:
		return wire.Changed, nil, nil
	}
	return wire.Unchanged, nil, nil
}

// mayMakeKey refuses a key that is to be made where nothing may be encrypted.
func (a *Actions) mayMakeKey(decl config.Declaration, name string) finding.List {
	res := feature.Resolve(decl.FeatureManager, config.FeatureFacts(a.Facts()))
	if res.On(encryption) {
		return nil
	}
	return finding.List{{
		Code: config.CodeKey, Severity: finding.Refused, Subject: []string{"key/" + name}, Path: config.KeyPath(name),
		What: "key " + name + " is declared, and feature " + encryption + " is off", Remedy: `hypervisor.featureManager.extraFeatures = [ "` + encryption + `" ]; hv feature show ` + encryption + ` says what keeps it off`,
	}}
}

// putKeys writes the keys that a declaration makes, changes and lets go of, in its own transaction. Their secrets are made by
// reconcile, or, of those with a passphrase, when somebody says one.
func (a *Actions) putKeys(c *change, p planned) error {
	for _, planned := range p.Keys {
		next, changes := p.keys[planned.Name]
		if !changes {
			continue
		}
		if next.UID == "" {
			next.UID, next.Created, next.Project = uuid(a.Random(16)), c.wish.Created, store.HostWide
		}
		next.Generation++
		key := keyKey(next.Name)
		c.require(store.ModRevision(key, p.keysAt[next.Name])) // 0: there is none; a rotation or a delete since is looked at anew
		if err := c.put(key, next); err != nil {
			return err
		}
	}
	return nil
}
