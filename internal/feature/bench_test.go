package feature

import (
	"maps"
	"slices"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// everything names all features, with each of the worst that a selection can have.
func everything(change func(*Declaration)) Declaration {
	var names []string
	for _, f := range catalogue.All() {
		if !f.Core {
			names = append(names, string(f.ID))
		}
	}
	d := custom(names...)
	change(&d)
	return d
}

// worst are the selections that take longest: each makes as many findings as can be of one sort.
func worst() map[string]Declaration {
	all := *everything(func(*Declaration) {}).EnabledFeatures
	required := []string{"monitoring", "localBackup", "remoteBackup", "microSegmentation", "threatDetection"}
	return map[string]Declaration{
		"full, accepting":           {Profile: "full", RiskTolerance: "accepting"},
		"full, paranoid":            {Profile: "full", RiskTolerance: "paranoid"},
		"full, not acknowledged":    {Profile: "full"},
		"full, its grounds off":     {Profile: "full", RiskTolerance: "accepting", DisabledFeatures: required},
		"everything named":          everything(func(d *Declaration) { d.RiskTolerance = "accepting" }),
		"everything over the cap":   everything(func(d *Declaration) { d.RiskTolerance = "paranoid" }),
		"everything unacknowledged": everything(func(*Declaration) {}),
		"everything twice":          everything(func(d *Declaration) { d.ExtraFeatures, d.RiskTolerance = all, "paranoid" }),
		"everything on and off":     everything(func(d *Declaration) { d.DisabledFeatures, d.RiskTolerance = all, "paranoid" }),
		"everything off":            {Profile: "full", DisabledFeatures: all},
	}
}

func BenchmarkResolve(b *testing.B) {
	all := worst()
	for name, d := range recommended {
		all[name] = d
	}
	none := but(slices.Collect(maps.Keys(ready().Needs))...)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		d := all[name]
		for host, facts := range map[string]Facts{"ready": ready(), "bare": none, "not asked": {}, "ARM64": on(catalogue.LinuxARM)} {
			b.Run(name+"/"+host, func(b *testing.B) {
				for b.Loop() {
					Resolve(d, facts)
				}
			})
		}
	}
}

// BenchmarkResolveAllBuilt is the same on the day on which this build lacks nothing.
func BenchmarkResolveAllBuilt(b *testing.B) {
	cat := built(b)
	none := but(slices.Collect(maps.Keys(ready().Needs))...)
	for _, name := range slices.Sorted(maps.Keys(worst())) {
		d := worst()[name]
		for host, facts := range map[string]Facts{"ready": ready(), "bare": none} {
			b.Run(name+"/"+host, func(b *testing.B) {
				for b.Loop() {
					resolve(cat, d, facts)
				}
			})
		}
	}
}
