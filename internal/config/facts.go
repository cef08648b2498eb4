package config

import (
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/fit"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// FeatureFacts is what features need to know of a host's facts. What was not asked stays unknown; what is limited is
// there.
func FeatureFacts(f host.Facts) feature.Facts {
	out := feature.Facts{Platform: fit.Platform(f), Needs: map[catalogue.Need]feature.NeedState{}}
	for n, v := range fit.Needs(f) {
		out.Needs[n] = feature.NeedState{Met: v.Answer != fit.No, Why: v.Why, Remedy: v.Remedy}
	}
	return out
}
