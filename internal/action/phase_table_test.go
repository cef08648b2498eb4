package action

import (
	"slices"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
)

// What the published matrix says of the phases is what the gate enforces: both know the same kinds of action, and
// say the same of each.
func TestThePublishedPhasesAreThoseThatAreEnforced(t *testing.T) {
	for _, r := range Table() {
		published := catalogue.Allows(catalogue.HardenedPhase, catalogue.Deed(r.Class()))
		if enforced := r.Hardened() != phase.No; enforced != published {
			t.Errorf("%s of a hardened host: the table says %v, the published phases %v", r.Name(), enforced, published)
		}
	}
	parts := map[catalogue.Deed]phase.Class{catalogue.DeedUsers: phase.Configure, catalogue.DeedFeatures: phase.Configure}
	deeds := catalogue.Default().Deeds()
	for _, c := range phase.Classes() {
		if !slices.Contains(deeds, catalogue.Deed(c)) {
			t.Errorf("no line of the published phases speaks of %s", c)
		}
	}
	for _, d := range deeds {
		c := phase.Class(d)
		if whole, ok := parts[d]; ok {
			c = whole
		}
		if !slices.Contains(phase.Classes(), c) {
			t.Errorf("%s is published and not enforced", d)
			continue
		}
		for p, published := range map[phase.Phase]catalogue.Phase{phase.Setup: catalogue.SetupPhase, phase.Hardened: catalogue.HardenedPhase} {
			if got, want := p.Allows(c, true), catalogue.Allows(published, d); got != want {
				t.Errorf("%s while %s: enforced as %v, published as %v", d, p, got, want)
			}
		}
	}
}
