package action

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// inUse refuses to turn a feature off that VMs use which this declaration does not speak of: those made by hand, and
// those that were declared once. Of the VMs that it declares each is held against it by itself, and one that it declares
// no more is stopped by it.
func (a *Actions) inUse(ctx context.Context, before, after config.Declaration, gone []string) (finding.List, error) {
	facts := config.FeatureFacts(a.Facts())
	was, is := feature.Resolve(before.FeatureManager, facts), feature.Resolve(after.FeatureManager, facts)
	if !feature.MayBeUsed(was, is) {
		return nil, nil
	}
	all, _, err := store.ListAll[vm.Object](ctx, a.Store, store.SpecPrefix("vm"))
	if err != nil {
		return nil, err
	}
	var objects []feature.Object
	for _, o := range all {
		v := o.Value
		_, declared := after.VMs[v.Name]
		spoken := v.Project == model.DefaultProject && (declared || slices.Contains(gone, v.Name))
		if spoken || v.Deleted != nil {
			continue
		}
		spec, err := json.Marshal(v.Spec)
		if err != nil {
			return nil, err
		}
		objects = append(objects, feature.Object{Kind: "vm", Name: v.Name, Spec: spec})
	}
	return feature.StillUsed(was, is, feature.UsersOf(objects)), nil
}
