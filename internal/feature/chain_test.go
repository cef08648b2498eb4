package feature

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

func TestAChainGoesFromTheDeclarationToTheFeature(t *testing.T) {
	cat := built(t)
	d := with(custom("continuousReplication", "forensics"), func(d *Declaration) { d.ExtraFeatures = []string{"remoteBackup"} })
	r := resolve(cat, d, ready())
	for id, want := range map[catalogue.ID][]string{
		"localBackup": {
			"remoteBackup (selected in extraFeatures) → localBackup",
			"continuousReplication (selected in enabledFeatures) → remoteBackup → localBackup",
		},
		"auditLogging": {"auditLogging (core)", "forensics (selected in enabledFeatures) → auditLogging"},
		"snapshots":    nil,
	} {
		var got []string
		for _, c := range r.Chains(id) {
			got = append(got, c.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
	profiled := resolve(cat, Declaration{}, ready())
	if got := profiled.Chains("localBackup"); len(got) != 2 || got[1].String() != "remoteBackup (from profile balanced) → localBackup" {
		t.Errorf("got %v", got)
	}
}

func TestEveryEffectiveFeatureHasAChain(t *testing.T) {
	cat := built(t)
	rapid.Check(t, func(t *rapid.T) {
		r := resolve(cat, drawDeclaration(t), drawFacts(t))
		for _, e := range r.Effective {
			chains := r.Chains(e.ID)
			if len(chains) == 0 {
				t.Errorf("nothing says why %s is there", e.ID)
			}
			for _, c := range chains {
				if c[0].Kind == RequiredBy || c[len(c)-1].ID != e.ID {
					t.Errorf("the chain %s does not go from the declaration to %s", c, e.ID)
				}
				for i, l := range c[1:] {
					if l.Kind != RequiredBy || l.By != string(c[i].ID) {
						t.Errorf("%s breaks at %s", c, l.ID)
					}
				}
			}
		}
	})
}
