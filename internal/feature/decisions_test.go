package feature

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// The decisions of "reading the matrix" that resolving follows, each as its text says it. The cases beside other tests go
// into their corners.

func codes(r Resolution) map[string][]string {
	out := map[string][]string{}
	for _, f := range r.Findings {
		out[f.Code] = append(out[f.Code], strings.Join(f.Subject, " "))
	}
	return out
}

func stands(t *testing.T, r Resolution, want ...string) {
	t.Helper()
	for _, w := range want {
		id, state, _ := strings.Cut(w, "=")
		if got := r.StateOf(catalogue.ID(id)); got != state {
			t.Errorf("%s is %s, want %s", id, got, state)
		}
	}
}

func TestDecision1AMissingRequirementIsAddedAndSaid(t *testing.T) {
	production := resolve(built(t), recommended["production"], ready())
	stands(t, production, "localBackup=on", "remoteBackup=on")
	if got := codes(production)["HV-FEAT-018"]; !slices.Equal(got, []string{"localBackup remoteBackup"}) {
		t.Errorf("production says %q", got)
	}
	critical := resolve(built(t), recommended["security-critical"], ready())
	if got := codes(critical)["HV-FEAT-018"]; !slices.Equal(got, []string{"monitoring threatDetection behavioralAnalysis"}) {
		t.Errorf("security-critical says %q", got)
	}
	// Above the cap it is refused, with both facts.
	above := requirementCases(t)
	r := resolve(above.cat, with(custom("remoteBackup"), func(d *Declaration) { d.RiskTolerance = "cautious" }), ready())
	if f := r.Findings.Of(finding.Refused); len(f) != 1 || !strings.Contains(f[0].What, "remoteBackup requires localBackup") || !strings.Contains(f[0].What, "allows at most moderate") {
		t.Errorf("got %v", f)
	}
}

func TestDecision2ANeedNotMetWaitsAndAFeatureNotInThisBuildIsUnavailable(t *testing.T) {
	r := resolve(built(t), custom("webDashboard", "snapshots"), but(catalogue.Nginx))
	stands(t, r, "webDashboard=waiting", "snapshots=on")
	if r.Refused() || len(codes(r)["HV-FEAT-027"]) != 1 {
		t.Errorf("got %s", report(r))
	}
	r = Resolve(custom("webDashboard"), ready())
	stands(t, r, "webDashboard=unavailable")
	if r.Refused() || !slices.Contains(codes(r)["HV-FEAT-026"], "webDashboard") {
		t.Errorf("got %s", report(r))
	}
	for name, d := range recommended {
		for _, p := range append(catalogue.Platforms(), catalogue.AnyOther) {
			if r := Resolve(d, Facts{Platform: p}); r.Refused() {
				t.Errorf("%s does not resolve on %s", name, p)
			}
		}
	}
}

func TestDecision3RiskIsCappedAcknowledgedAndNeverASum(t *testing.T) {
	for tolerance, most := range map[string]catalogue.Risk{"paranoid": catalogue.Low, "cautious": catalogue.Moderate, "balanced": catalogue.High, "accepting": catalogue.Critical} {
		for _, f := range catalogue.All() {
			d := with(custom(string(f.ID)), func(d *Declaration) {
				d.RiskTolerance, d.AcknowledgedRisks = tolerance, map[string]string{string(f.ID): "we know"}
			})
			over := len(codes(resolve(built(t), d, ready()))["HV-FEAT-012"]) > 0
			if over != f.Risk.Over(most) {
				t.Errorf("%s (%s) under %s: over the cap is %v", f.ID, f.Risk, tolerance, over)
			}
			d.AcknowledgedRisks = nil
			asked := len(codes(resolve(built(t), d, ready()))["HV-FEAT-014"]) > 0
			if want := f.Risk.Rank() >= catalogue.High.Rank() && tolerance == "balanced"; asked != want {
				t.Errorf("%s (%s) under %s: an acknowledgement is wanted: %v", f.ID, f.Risk, tolerance, asked)
			}
		}
	}
	// From a profile it is left out and said, where it would be refused if it were named.
	r := resolve(built(t), Declaration{Profile: "full"}, ready())
	if r.Refused() || !slices.Contains(codes(r)["HV-FEAT-019"], "automatedResponse") {
		t.Errorf("full says %q", codes(r))
	}
	// More defences and more of one level make no higher level.
	few, many := resolve(built(t), custom("api"), ready()), resolve(built(t), custom("api", "webDashboard", "remoteBackup", "mlAnalysis", "threatDetection", "encryption"), ready())
	if few.Risk.Level != catalogue.Moderate || many.Risk.Level != catalogue.Moderate || len(many.Risk.Contributors) <= len(few.Risk.Contributors) {
		t.Errorf("one: %+v, many: %+v", few.Risk, many.Risk)
	}
	for _, c := range many.Risk.Contributors {
		if len(c.Mitigations) == 0 {
			t.Errorf("%s does not say what mitigates it", c.ID)
		}
	}
}

func TestDecision4AFeatureThatIsOffIsOffAndTheRefusalSaysHowToTurnItOn(t *testing.T) {
	cat := built(t)
	for _, f := range cat.All() {
		r := resolve(cat, custom(), ready())
		why, off := r.WhyOff(string(f.ID))
		if off == f.Core || r.On(string(f.ID)) != f.Core {
			t.Fatalf("%s: on %v, core %v", f.ID, !off, f.Core)
		}
		if f.Core {
			continue
		}
		if !slices.Contains(why.Subject, string(f.ID)) || why.Severity != finding.Refused || len(why.Ways) == 0 {
			t.Errorf("%s is refused with %+v", f.ID, why)
		}
	}
	// What others use is not turned off, and all of them are named.
	r := resolve(cat, with(custom("threatDetection", "behavioralAnalysis", "mlAnalysis"), func(d *Declaration) { d.DisabledFeatures = []string{"monitoring"} }), ready())
	if got := codes(r)["HV-FEAT-010"]; !slices.Equal(got, []string{"monitoring threatDetection behavioralAnalysis mlAnalysis"}) {
		t.Errorf("got %q", got)
	}
}

func TestDecision5WhatLimitsEachOtherIsOnAndTheBlindSpotIsSaid(t *testing.T) {
	for pair, says := range map[[2]string]string{
		{"threatDetection", "liveMigration"}: "its detector is blind and scoring is suspended", {"mlAnalysis", "liveMigration"}: "its detector is blind and scoring is suspended",
		{"threatDetection", "gpuPassthrough"}: "invisible to the host's sensors", {"mlAnalysis", "gpuPassthrough"}: "invisible to the host's sensors",
		{"threatDetection", "srIov"}: "by-pass the host's taps and filters",
	} {
		r := resolve(built(t), with(custom(pair[0], pair[1]), func(d *Declaration) { d.RiskTolerance = "accepting" }), ready())
		stands(t, r, pair[0]+"=on", pair[1]+"=on")
		i := slices.IndexFunc(r.Findings, func(f finding.Finding) bool { return f.Code == "HV-FEAT-021" })
		if r.Refused() || i < 0 || !strings.Contains(r.Findings[i].Why, says) {
			t.Errorf("%s with %s: %s", pair[0], pair[1], report(r))
		}
	}
}

func TestDecision6AConflictHoldsForTheHostUnlessItIsNarrowed(t *testing.T) {
	two := func(scope string) Declaration {
		return with(custom("remoteBackup", "liveMigration"), func(d *Declaration) {
			d.RiskTolerance = "accepting"
			if scope != "" {
				d.ConflictScope = map[string]map[string]string{"liveMigration": {"remoteBackup": scope}}
			}
		})
	}
	for scope, code := range map[string]string{"": "HV-FEAT-015", "host": "HV-FEAT-015", "vm": "HV-FEAT-017", "operation": "HV-FEAT-017", "rack": "HV-FEAT-016"} {
		r := resolve(built(t), two(scope), ready())
		if got := codes(r)[code]; len(got) != 1 || r.Refused() != (code != "HV-FEAT-017") {
			t.Errorf("scope %q: %s", scope, report(r))
		}
	}
	// Either way round it is the same pair, and what a narrowing adds is said.
	other := two("")
	other.ConflictScope = map[string]map[string]string{"remoteBackup": {"liveMigration": "vm"}}
	a, b := resolve(built(t), two("vm"), ready()), resolve(built(t), other, ready())
	same := func(r Resolution) string {
		r.Declaration = Declaration{}
		for i := range r.Findings {
			r.Findings[i].Path, r.Findings[i].Remedy, r.Findings[i].Ways = "", "", nil
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if same(a) != same(b) {
		t.Errorf("one way round:\n%s\nthe other:\n%s", report(a), report(b))
	}
	if !strings.Contains(report(a), "a VM with remote backups never live-migrates") {
		t.Errorf("it does not say what that adds: %s", report(a))
	}
}
