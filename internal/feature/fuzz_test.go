package feature

import (
	"encoding/json"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

func FuzzResolve(f *testing.F) {
	for _, d := range recommended {
		text, err := json.Marshal(d)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "Linux x86_64")
	}
	f.Add(`{"profile":"full","riskTolerance":"accepting","conflictScope":{"liveMigration":{"remoteBackup":"vm"}}}`, "BSD")
	f.Add(`{"profile":"fulll","enabledFeatures":["","\u0000","é","metrics","metrics"],"acknowledgedRisks":{"":"x"}}`, "macOS")
	f.Add(`{"conflictScope":{"a":{"b":"c"},"srIov":{"liveMigration":"host"}},"disabledFeatures":["localBackup"]}`, "x")
	cat := built(f)
	f.Fuzz(func(t *testing.T, text, platform string) {
		var d Declaration
		if json.Unmarshal([]byte(text), &d) != nil {
			return
		}
		r := resolve(cat, d, Facts{Platform: catalogue.Platform(platform)})
		for _, e := range r.Effective {
			for _, id := range cat.Closure(e.ID) {
				if _, ok := r.Lookup(id); !ok {
					t.Errorf("%s is effective without %s", e.ID, id)
				}
			}
		}
		for _, g := range r.Findings {
			if g.What == "" || g.Remedy == "" {
				t.Errorf("%s says nothing: %+v", g.Code, g)
			}
		}
		for _, feature := range cat.All() {
			if g, off := r.WhyOff(string(feature.ID)); off == r.On(string(feature.ID)) || (off && g.Remedy == "") {
				t.Errorf("%s is on %v and off %v: %+v", feature.ID, !off, off, g)
			}
		}
	})
}
