package feature

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

func worded(all []Yes) []string {
	var out []string
	for _, y := range all {
		out = append(out, strings.ReplaceAll(strings.Join(append([]string{Worded(y.Way)}, y.Host...), " + "), section+".", ""))
	}
	return out
}

func TestTheWaysToYesAreTheSmallest(t *testing.T) {
	cat := built(t)
	for _, c := range []struct {
		name  string
		d     Declaration
		facts Facts
		id    catalogue.ID
		want  []string
	}{
		{"not declared", custom(), ready(), "snapshots", []string{`add "snapshots" to enabledFeatures`}},
		{"turned off", Declaration{DisabledFeatures: []string{"snapshots"}}, ready(), "snapshots", []string{`remove "snapshots" from disabledFeatures`}},
		{"over the cap: both steps in one", with(custom(), func(d *Declaration) { d.RiskTolerance = "paranoid" }), ready(), "api",
			[]string{`add "api" to enabledFeatures and set riskTolerance = "cautious"`}},
		{"high: acknowledged, or accepting", Declaration{}, ready(), "automatedResponse", []string{
			`add "automatedResponse" to extraFeatures and set acknowledgedRisks.automatedResponse = "why it is worth it"`,
			`add "automatedResponse" to extraFeatures and set riskTolerance = "accepting"`}},
		{"a conflict: narrowed either way, or without its rival", with(custom("remoteBackup"), func(d *Declaration) { d.RiskTolerance = "accepting" }),
			ready(), "liveMigration", []string{
				`add "liveMigration" to enabledFeatures and remove "remoteBackup" from enabledFeatures`,
				`add "liveMigration" to enabledFeatures and set conflictScope.remoteBackup.liveMigration = "vm"`,
				`add "liveMigration" to enabledFeatures and set conflictScope.remoteBackup.liveMigration = "operation"`}},
		{"what the host lacks is said besides", custom(), but(catalogue.Nginx), "webDashboard",
			[]string{`add "webDashboard" to enabledFeatures + install nginx (Debian: apt install nginx)`}},
		{"the host alone", custom("webDashboard"), but(catalogue.Nginx), "webDashboard", []string{` + install nginx (Debian: apt install nginx)`}},
		{"whatever else refuses is mended on the way", custom("monitorng"), ready(), "snapshots", []string{
			`remove "monitorng" from enabledFeatures and add "snapshots" to enabledFeatures`,
			`replace "monitorng" with "monitoring" in enabledFeatures and add "snapshots" to enabledFeatures`}},
		{"on already", custom("snapshots"), ready(), "snapshots", nil},
	} {
		got, no := waysTo(cat, c.d, c.facts, c.id)
		if no != nil {
			t.Errorf("%s: no: %s", c.name, no.What)
		}
		texts := worded(got)
		slices.Sort(texts)
		slices.Sort(c.want)
		if !slices.Equal(texts, c.want) {
			t.Errorf("%s: got\n  %s\nwant\n  %s", c.name, strings.Join(texts, "\n  "), strings.Join(c.want, "\n  "))
		}
	}
}

func TestWhatNoEditTurnsOnSaysWhy(t *testing.T) {
	for _, c := range []struct {
		cat   *catalogue.Catalogue
		facts Facts
		id    catalogue.ID
		want  string
	}{
		{catalogue.Default(), ready(), "webDashboard", "webDashboard is unavailable: not in this build"},
		{catalogue.Default(), ready(), "remoteBackup", "remoteBackup requires localBackup, and localBackup is unavailable: not in this build"},
		{built(t), on(catalogue.LinuxARM), "srIov", "srIov does not exist on Linux ARM64"},
		{built(t), on(catalogue.MacOS), "snapshots", "snapshots does not exist on macOS"},
	} {
		got, no := waysTo(c.cat, custom(), c.facts, c.id)
		declares := len(got) > 0 // for the release that brings it
		if declares != (c.cat == catalogue.Default()) || no == nil || !strings.Contains(no.What, c.want) || no.Why == "" || no.Remedy == "" {
			t.Errorf("%s: got %v and %+v, want %q", c.id, worded(got), no, c.want)
		}
	}
}

func TestEveryWayToYesIsOneAndNeedsEachOfItsEdits(t *testing.T) {
	cat := built(t)
	ids := rapid.SampledFrom(cat.All())
	rapid.Check(t, func(t *rapid.T) {
		d, facts, id := drawDeclaration(t), drawFacts(t), ids.Draw(t, "feature").ID
		yes := func(w finding.Way) (Resolution, bool) {
			edited, err := Edited(d, w)
			if err != nil {
				t.Fatal(err)
			}
			met, _ := meeting(cat, facts, id)
			r := resolve(cat, edited, met)
			return r, r.On(string(id))
		}
		all, no := waysTo(cat, d, facts, id)
		if len(all) > 3 {
			t.Errorf("%d ways", len(all))
		}
		if no != nil && no.Code != codePlatform {
			t.Errorf("no way to %s was found, and the platform has it: %s", id, no.What)
		}
		for _, y := range all {
			r, ok := yes(y.Way)
			if !ok {
				t.Errorf("%s does not turn on %s:\n%s", Worded(y.Way), id, report(r))
			}
			if now := resolve(cat, y.Edited, facts); now.On(string(id)) == (len(y.Host) > 0) {
				t.Errorf("after %s %s is on %v, and on the host is to be done %q", Worded(y.Way), id, now.On(string(id)), y.Host)
			}
			for i := range y.Way {
				if _, ok := yes(slices.Delete(slices.Clone(y.Way), i, i+1)); ok {
					t.Errorf("%s turns %s on without its step %d", Worded(y.Way), id, i)
				}
			}
		}
	})
}

// What has to be done on the host is said as the host's own check says it, where it was asked.
func TestTheWayToYesSaysWhatHelpsOnThisHost(t *testing.T) {
	facts := but(catalogue.CPUVirtualization)
	facts.Needs[catalogue.CPUVirtualization] = NeedState{Why: "this host is itself a VM", Remedy: "turn on nested virtualization above"}
	got, no := waysTo(built(t), custom(), facts, catalogue.NestedVirtualization)
	if no != nil || len(got) == 0 || !slices.Equal(got[0].Host, []string{"turn on nested virtualization above"}) {
		t.Errorf("%+v %v", got, no)
	}
}
