package nix

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// told is what both resolvers say of a declaration.
type told struct {
	Effective []string `json:"effective"`
	Refused   []words  `json:"refused"`
	Added     []words  `json:"added"`
}

type words struct {
	Code   string `json:"code"`
	Path   string `json:"path"`
	What   string `json:"what"`
	Why    string `json:"why"`
	Remedy string `json:"remedy"`
}

const resolver = `
let resolve = import ./nix/resolve.nix { lib = import ./internal/nixlang/lib.nix (name: throw name); };
in map (declaration: removeAttrs (resolve { inherit declaration; platform = %q; }) [ "text" ]) %s`

func goSays(d feature.Declaration, p catalogue.Platform) told {
	r := feature.Resolve(d, feature.Facts{Platform: p})
	out := told{Refused: []words{}, Added: []words{}}
	for _, e := range r.Effective {
		out.Effective = append(out.Effective, string(e.ID))
	}
	for _, f := range r.Findings {
		w := words{f.Code, f.Path, f.What, f.Why, f.Remedy}
		switch {
		case f.Severity == finding.Refused:
			out.Refused = append(out.Refused, w)
		case f.Code == "HV-FEAT-018":
			out.Added = append(out.Added, w)
		}
	}
	return out
}

func listed(names ...string) *[]string { all := append([]string{}, names...); return &all }

// declarations are those of the examples and one for everything that may be refused.
func declarations(t *testing.T) []feature.Declaration {
	t.Helper()
	var out []feature.Declaration
	for _, name := range []string{"home-lab.nix", "development.nix", "production.nix", "security-critical.nix"} {
		d, err := config.Read(t.Context(), os.DirFS("../examples"), name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d.FeatureManager)
	}
	many := slices.Repeat([]string{"api"}, feature.MaxEntries+1)
	reasons := map[string]string{"liveMigration": "labs move", "gpuPassthrough": "renders", "kitchn": "x", "srIov": " "}
	return append(out,
		feature.Declaration{},
		feature.Declaration{Profile: "minimal"}, feature.Declaration{Profile: "full"}, feature.Declaration{Profile: "custom"},
		feature.Declaration{Profile: "full", RiskTolerance: "accepting"},
		feature.Declaration{Profile: "full", RiskTolerance: "accepting", ExtraFeatures: []string{"liveMigration"}},
		feature.Declaration{Profile: "ful", RiskTolerance: "reckless"}, feature.Declaration{Profile: "kitchen sink", RiskTolerance: "cautios"},
		feature.Declaration{EnabledFeatures: listed("monitorng", "promtheus", "kitchen", "kitchen", "sriv", strings.Repeat("x", 90))},
		feature.Declaration{EnabledFeatures: &many}, feature.Declaration{EnabledFeatures: listed()},
		feature.Declaration{RiskTolerance: "paranoid", EnabledFeatures: listed("api", "liveMigration", "remoteBackup")},
		feature.Declaration{RiskTolerance: "paranoid", EnabledFeatures: listed("continuousReplication")},
		feature.Declaration{RiskTolerance: "cautious", EnabledFeatures: listed("threatIntelligence", "automatedResponse", "publicBridge")},
		feature.Declaration{EnabledFeatures: listed("gpuPassthrough", "liveMigration"), AcknowledgedRisks: reasons},
		feature.Declaration{RiskTolerance: "accepting", EnabledFeatures: listed("continuousBackup", "liveMigration", "gpuPassthrough")},
		feature.Declaration{RiskTolerance: "accepting", ExtraFeatures: []string{"liveMigration"}, ConflictScope: map[string]map[string]string{
			"remoteBackup": {"liveMigration": "operation"}}},
		feature.Declaration{RiskTolerance: "accepting", EnabledFeatures: listed("remoteBackup", "liveMigration"), ConflictScope: map[string]map[string]string{
			"remoteBackup": {"liveMigration": "vm", "apy": "vm"}, "liveMigration": {"remoteBackup": "operation", "gpuPassthrough": "operation"}, "apy": {"x": "vm"}}},
		feature.Declaration{DisabledFeatures: []string{"auditLogging", "monitoring", "snapshots"}, ExtraFeatures: []string{"snapshots", "threatDetection"}},
		feature.Declaration{EnabledFeatures: listed("threatDetection", "metrics"), DisabledFeatures: []string{"monitoring", "prometheus"}},
		feature.Declaration{DisabledFeatures: []string{"localBackup"}},
	)
}

func TestNixSaysOfADeclarationWhatGoSays(t *testing.T) {
	all := declarations(t)
	for _, platform := range []catalogue.Platform{catalogue.LinuxX86, catalogue.LinuxARM} {
		expression := fmt.Sprintf(resolver, platform, literal(t, all))
		for by, ask := range map[string]func(*testing.T, string, any){"nixlang": evaluate, "nix": byNix} {
			t.Run(by+" on "+string(platform), func(t *testing.T) {
				var got []told
				ask(t, expression, &got)
				for i, d := range all {
					if diff := cmp.Diff(goSays(d, platform), got[i]); diff != "" {
						t.Errorf("%.400s\n%s", literal(t, d), diff)
					}
				}
			})
		}
	}
}

// Whatever anybody declares, both say the same.
func TestNixSaysOfAnyDeclarationWhatGoSays(t *testing.T) {
	names := append(slices.Sorted(maps.Keys(catalogue.Standard().Aliases)), "monitorng", "nothing at all")
	for _, f := range catalogue.All() {
		names = append(names, string(f.ID))
	}
	name := rapid.SampledFrom(names)
	some := func(n int) *rapid.Generator[[]string] { return rapid.SliceOfN(name, 0, n) }
	one := rapid.Custom(func(r *rapid.T) feature.Declaration {
		d := feature.Declaration{
			Profile:          rapid.SampledFrom([]string{"", "minimal", "balanced", "full", "custom"}).Draw(r, "profile"),
			RiskTolerance:    rapid.SampledFrom([]string{"", "paranoid", "cautious", "balanced", "accepting"}).Draw(r, "tolerance"),
			ExtraFeatures:    some(3).Draw(r, "extra"),
			DisabledFeatures: some(2).Draw(r, "disabled"),
			AcknowledgedRisks: rapid.MapOfN(name, rapid.SampledFrom([]string{"", " ", "why not"}), 0, 6).
				Draw(r, "risks"),
			ConflictScope: rapid.MapOfN(name, rapid.MapOfN(name, rapid.SampledFrom([]string{"host", "vm", "operation"}), 0, 2), 0, 2).Draw(r, "scopes"),
		}
		if rapid.Bool().Draw(r, "lists") {
			list := some(6).Draw(r, "list")
			d.EnabledFeatures = &list
		}
		if rapid.Bool().Draw(r, "narrows") {
			d.ConflictScope["liveMigration"] = map[string]string{"remoteBackup": rapid.SampledFrom([]string{"host", "vm", "operation"}).Draw(r, "scope")}
		}
		return d
	})
	rapid.Check(t, func(r *rapid.T) {
		d := one.Draw(r, "declaration")
		var got []told
		evaluate(t, fmt.Sprintf(resolver, catalogue.LinuxX86, literal(t, []feature.Declaration{d})), &got)
		if diff := cmp.Diff(goSays(d, catalogue.LinuxX86), got[0]); diff != "" {
			r.Error(diff)
		}
	})
}
