package action

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// The specification's four configurations, as it writes them, become a host's declaration one after the other, and
// what they name stands on the host, or says why it does not.
func TestTheRecommendedConfigurationsAreApplied(t *testing.T) {
	d := newDesk(t)
	for _, c := range catalogue.Default().Configurations() {
		decl, err := config.Read(t.Context(), os.DirFS("../../examples"), c.ID+".nix")
		d.must(err)
		encoded, err := decl.Encode()
		d.must(err)
		_, err = d.ApplyConfig(t.Context(), root, encoded)
		d.must(err)
		res, _, err := d.Resolution(t.Context())
		d.must(err)
		for _, id := range c.Enabled {
			e, ok := res.Lookup(id)
			if !ok || e.State == "" || !res.On(string(id)) && len(e.Held) == 0 {
				t.Errorf("%s: %s is %+v", c.Name, id, e)
			}
		}
		if res.Profile != c.Profile || res.RiskTolerance != c.Tolerance {
			t.Errorf("%s stands as profile %s, tolerance %s", c.Name, res.Profile, res.RiskTolerance)
		}
	}
}

// Every pair that the matrix marks ❌ is refused where a declaration of both is applied, and nothing of it is done.
func TestADeclarationOfTwoThatConflictIsNotApplied(t *testing.T) {
	d := newDesk(t)
	before, tried := d.revision(), 0
	for _, r := range catalogue.Default().Relations() {
		if catalogue.Default().Verdict(r.A, r.B) != catalogue.Nothing {
			continue
		}
		tried++
		_, err := d.ApplyConfig(t.Context(), root, d.declare(fmt.Sprintf(
			`{"hypervisor":{"featureManager":{"profile":"custom","riskTolerance":"accepting","enabledFeatures":[%q,%q]}}}`, r.A, r.B)))
		told(t, err, fault.Invalid, "the declaration is refused", fmt.Sprintf("%s and %s conflict on one host", r.A, r.B), r.Reason, "HV-FEAT-015")
	}
	if tried < 3 || d.revision() != before {
		t.Errorf("%d pairs were tried; the revision is %d, before %d", tried, d.revision(), before)
	}
}

// Any two that the matrix does not mark ❌ are taken, and both stand on the host: on, or each with what holds it back. Of
// those that it marks ⚠️ the limit is told, with its reason.
func TestADeclarationOfTwoThatGoTogetherIsApplied(t *testing.T) {
	d, cat := newDesk(t), catalogue.Default()
	tried := 0
	for i, a := range cat.Matrix() {
		for _, b := range cat.Matrix()[i:] {
			verdict := cat.Verdict(a.ID, b.ID)
			if a.ID != b.ID && verdict == catalogue.Nothing {
				continue
			}
			tried++
			_, err := d.ApplyConfig(t.Context(), root, d.declare(fmt.Sprintf(
				`{"hypervisor":{"featureManager":{"profile":"custom","riskTolerance":"accepting","enabledFeatures":[%q,%q]}}}`, a.ID, b.ID)))
			d.must(err)
			res, _, err := d.Resolution(t.Context())
			d.must(err)
			for _, id := range []catalogue.ID{a.ID, b.ID} {
				if e, ok := res.Lookup(id); !ok || !res.On(string(id)) && len(e.Held) == 0 {
					t.Errorf("%s × %s: %s is %+v", a.ID, b.ID, id, e)
				}
			}
			told := slices.ContainsFunc(res.Findings, func(f finding.Finding) bool {
				return f.Code == "HV-FEAT-021" && slices.Contains(f.Subject, string(a.ID)) && slices.Contains(f.Subject, string(b.ID)) && f.Why != ""
			})
			if a.ID != b.ID && told != (verdict == catalogue.Limits) {
				t.Errorf("%s × %s is %s, and a limit is told: %v", a.ID, b.ID, verdict.Symbol(), told)
			}
		}
	}
	if tried != 34 {
		t.Errorf("%d of the 36 unordered pairs go together, want 34", tried)
	}
}
