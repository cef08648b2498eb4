package feature

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

func TestWhatGoesSaysWhatBroughtItInBefore(t *testing.T) {
	cat := built(t)
	extra := Declaration{Profile: "minimal", ExtraFeatures: []string{"snapshots"}}
	for _, c := range []struct {
		name, feature string
		before, after Declaration
		facts         Facts
		cat           *catalogue.Catalogue
		want          string
	}{
		{"on, and taken out of the list", "snapshots", custom("snapshots"), custom(), ready(), cat, "no longer in enabledFeatures"},
		{"not in this build", "snapshots", custom("snapshots"), custom(), ready(), catalogue.Default(), "no longer in enabledFeatures"},
		{"waiting", "webDashboard", custom("webDashboard"), custom(), but(catalogue.Nginx), cat, "no longer in enabledFeatures"},
		{"beside a profile", "snapshots", extra, Declaration{Profile: "minimal"}, ready(), cat, "no longer in extraFeatures"},
		{"of a profile", "snapshots", Declaration{}, Declaration{Profile: "minimal"}, ready(), cat, "profile balanced is not used"},
		{"of a profile that a list beats", "snapshots", Declaration{}, Declaration{EnabledFeatures: list()}, ready(), catalogue.Default(), "profile balanced is not used"},
		{"turned off", "snapshots", Declaration{}, Declaration{DisabledFeatures: []string{"snapshots"}}, ready(), cat, "in disabledFeatures"},
		{"left out", "webDashboard", Declaration{}, Declaration{RiskTolerance: "paranoid"}, ready(), cat, "left out of profile"},
		{"required", "localBackup", custom("remoteBackup"), custom(), ready(), cat, "remoteBackup, which requires it, goes too"},
		{"the whole is refused", "snapshots", custom("snapshots"), custom("nonsense"), ready(), cat, "the declaration is refused"},
		{"never there", "snapshots", custom(), custom(), ready(), cat, ""},
	} {
		before, after := resolve(c.cat, c.before, c.facts), resolve(c.cat, c.after, c.facts)
		got := strings.Join(after.WhyGone(before, catalogue.ID(c.feature)), "; ")
		if got != c.want && (c.name != "left out" || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
