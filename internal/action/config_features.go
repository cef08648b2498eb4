package action

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// off is the state of a feature that is in no resolution.
const off = "off"

// features says which features come into another state, why, and which VMs use them.
func (p *planned) features(now, then feature.Resolution, decl config.Declaration) error {
	for _, f := range catalogue.All() {
		was, is := off, off
		if e, ok := now.Lookup(f.ID); ok {
			was = string(e.State)
		}
		e, ok := then.Lookup(f.ID)
		if ok {
			is = string(e.State)
		}
		if was == is {
			continue
		}
		one := wire.PlannedFeature{ID: string(f.ID), Was: was, Is: is}
		for _, why := range e.Why {
			one.Why = append(one.Why, why.String())
		}
		one.Why = append(one.Why, e.Held...)
		if !ok {
			one.Why = then.WhyGone(now, f.ID)
		}
		p.Features = append(p.Features, one)
	}
	return p.users(decl)
}

// users names with each feature the VMs that use it, or will. VMs are looked at only where one of the features
// is one that VMs use.
func (p *planned) users(decl config.Declaration) error {
	if !slices.ContainsFunc(feature.Uses(), func(u feature.Use) bool {
		return u.Kind == "vm" && slices.ContainsFunc(p.Features, func(f wire.PlannedFeature) bool { return f.ID == string(u.Feature) })
	}) {
		return nil
	}
	specs := map[string]vm.Spec{}
	for name, o := range p.objects {
		specs[name] = o.Spec
	}
	for name, def := range decl.VMs {
		specs[name] = def.Spec
	}
	var objects []feature.Object
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		spec, err := json.Marshal(specs[name])
		if err != nil {
			return err
		}
		objects = append(objects, feature.Object{Kind: "vm", Name: name, Spec: spec})
	}
	for _, u := range feature.UsersOf(objects) {
		name := strings.TrimPrefix(u.Object, "vm/")
		for i := range p.Features {
			if f := &p.Features[i]; f.ID == string(u.ID) && !slices.Contains(f.VMs, name) {
				f.VMs = append(f.VMs, name)
			}
		}
	}
	return nil
}
