package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Digest is the SHA-256 of what d says, as "sha256:" and 64 hex digits. Where it stands in its owner's files,
// in which of the three forms it was written and in which order it names features play no part: two
// declarations between which Diff finds nothing have one digest.
func (d Declaration) Digest() (string, error) {
	text, err := json.Marshal(d.sorted().document())
	if err != nil {
		return "", fault.New(fault.Internal, "cannot encode the declaration").Because(err)
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// sorted is a copy of d in which lists that are sets are sorted, each item once.
func (d Declaration) sorted() Declaration {
	set := func(l []string) []string {
		l = slices.Clone(l)
		slices.Sort(l)
		return slices.Compact(l)
	}
	f := &d.FeatureManager
	if f.EnabledFeatures != nil {
		l := set(*f.EnabledFeatures)
		f.EnabledFeatures = &l
	}
	f.ExtraFeatures, f.DisabledFeatures = set(f.ExtraFeatures), set(f.DisabledFeatures)
	d.VMs = maps.Clone(d.VMs)
	for name, v := range d.VMs {
		if v.Startup != nil {
			v.Spec = v.Clone()
			v.Startup.After = set(v.Startup.After)
			d.VMs[name] = v
		}
	}
	return d
}
