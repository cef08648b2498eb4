package feature

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

func TestOffIsOffAndSaysHowToTurnItOn(t *testing.T) {
	cat := built(t)
	paranoid := with(custom("snapshots"), func(d *Declaration) { d.RiskTolerance = "paranoid" })
	for _, c := range []struct {
		name, feature string
		d             Declaration
		facts         Facts
		cat           *catalogue.Catalogue
		want          []string // code, what, remedy
	}{
		{"not declared in a list", "snapshots", custom(), ready(), cat,
			[]string{codeOff, "snapshots is off", `add "snapshots" to hypervisor.featureManager.enabledFeatures`}},
		{"not declared beside a profile", "api", Declaration{}, ready(), cat,
			[]string{codeOff, "api is off", `add "api" to hypervisor.featureManager.extraFeatures`}},
		{"by an older name", "restApi", Declaration{}, ready(), cat, []string{codeOff, "api is off", `add "api"`}},
		{"over the cap besides", "api", paranoid, ready(), cat, []string{codeOff, "api is off", `riskTolerance = "cautious"`}},
		{"turned off", "snapshots", Declaration{DisabledFeatures: []string{"snapshots"}}, ready(), cat,
			[]string{codeOff, "snapshots is off", `remove "snapshots" from hypervisor.featureManager.disabledFeatures`}},
		{"waiting", "webDashboard", custom("webDashboard"), but(catalogue.Nginx), cat, []string{codeWaiting, "it needs nginx", "install nginx"}},
		{"left out", "webDashboard", Declaration{RiskTolerance: "paranoid"}, ready(), cat, []string{codeLeftOut, "left out of profile", `"cautious"`}},
		{"over the cap", "api", with(custom("api"), func(d *Declaration) { d.RiskTolerance = "paranoid" }), ready(), cat,
			[]string{codeOverCap, "api is moderate", `"cautious"`}},
		{"the whole is refused", "snapshots", custom("snapshots", "nonsense"), ready(), cat,
			[]string{codeOff, "the declaration is refused", "hv config check"}},
		{"not in this build", "localBackup", custom(), ready(), catalogue.Default(), []string{codeNotInBuild, "not in this build", "turns on with the release"}},
		{"on a platform that runs no VMs", "snapshots", custom("snapshots"), on(catalogue.AnyOther), cat, []string{codeNoPlatform, "snapshots is unavailable: not on other", "Linux"}},
		{"no feature", "snapshotz", custom(), ready(), cat, []string{codeUnknown, "there is no feature", "snapshots"}},
	} {
		r := resolve(c.cat, c.d, c.facts)
		f, off := r.WhyOff(c.feature)
		if r.On(c.feature) || !off {
			t.Errorf("%s: %s is on", c.name, c.feature)
		}
		if f.Severity != finding.Refused || f.Code != c.want[0] || !strings.Contains(f.What, c.want[1]) || !strings.Contains(f.Remedy, c.want[2]) {
			t.Errorf("%s: got %s %s %q, remedy %q; want %q", c.name, f.Severity, f.Code, f.What, f.Remedy, c.want)
		}
	}
}

func TestOnIsOn(t *testing.T) {
	r := resolve(built(t), custom("api", "nonsense"), ready())
	if !r.On("vmManagement") || r.On("api") || r.On("nonsense") {
		t.Error("of a refused declaration core alone is on")
	}
	r = resolve(built(t), custom("api"), ready())
	if _, off := r.WhyOff("restApi"); off || !r.On("restApi") || !r.On("api") {
		t.Error("api is declared and not on")
	}
	if (Resolution{}).On("vmManagement") {
		t.Error("something is on that nobody resolved")
	}
}
