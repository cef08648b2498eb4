package feature

import (
	"slices"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

func TestRisk(t *testing.T) { checkAll(t, riskCases(t)) }

func riskCases(t *testing.T) group {
	t.Helper()
	acknowledged := func(d *Declaration) { d.AcknowledgedRisks = map[string]string{"automatedResponse": " we watch it "} }
	return group{built(t), []expect{
		{name: "named above the cap", d: with(custom("api"), func(d *Declaration) { d.RiskTolerance = "paranoid" }), facts: ready(),
			findings: []string{"HV-FEAT-012 api"}, says: []string{
				`api is moderate, and riskTolerance "paranoid" allows at most low`, `set hypervisor.featureManager.riskTolerance = "cautious"; or remove "api"`}},
		{name: "from a profile above the cap", d: Declaration{RiskTolerance: "paranoid"}, facts: ready(),
			features: "snapshots=on", absent: "webDashboard remoteBackup", findings: []string{"HV-FEAT-019 webDashboard", "HV-FEAT-019 remoteBackup"},
			says: []string{"left out webDashboard: it is moderate"}},
		{name: "high and not acknowledged", d: custom("automatedResponse"), facts: ready(),
			findings: []string{"HV-FEAT-014 automatedResponse"},
			says:     []string{`set hypervisor.featureManager.acknowledgedRisks.automatedResponse = "`, `riskTolerance = "accepting"`}},
		{name: "a blank reason acknowledges nothing", d: with(custom("automatedResponse"), func(d *Declaration) {
			d.AcknowledgedRisks = map[string]string{"automatedResponse": "  "}
		}), facts: ready(), findings: []string{"HV-FEAT-014 automatedResponse"}},
		{name: "high and acknowledged", d: with(custom("automatedResponse"), acknowledged), facts: ready(),
			features: "automatedResponse=on threatDetection=on", says: []string{"risk high, now high"}},
		{name: "accepting wants no reason", d: with(custom("automatedResponse"), func(d *Declaration) { d.RiskTolerance = "accepting" }), facts: ready(),
			features: "automatedResponse=on"},
		{name: "high is over cautious, and wants both", d: with(custom("automatedResponse"), func(d *Declaration) { d.RiskTolerance = "cautious" }), facts: ready(),
			findings: []string{"HV-FEAT-012 automatedResponse"},
			says:     []string{`set hypervisor.featureManager.riskTolerance = "balanced" and set hypervisor.featureManager.acknowledgedRisks.automatedResponse`}},
		{name: "full leaves out what is not acknowledged", d: with(Declaration{Profile: "full"}, acknowledged), facts: ready(),
			features: "automatedResponse=on api=on", absent: "liveMigration gpuPassthrough publicBridge",
			findings: []string{"HV-FEAT-019 publicBridge"}},
	}}
}

func TestTheTotalRiskIsTheHighestLevelWithItsContributors(t *testing.T) {
	d := with(custom("api", "webDashboard", "automatedResponse", "publicBridge"), func(d *Declaration) {
		d.AcknowledgedRisks = map[string]string{"publicBridge": "a honeypot", "automatedResponse": "watched"}
	})
	r := resolve(built(t), d, ready())
	if r.Risk.Level != catalogue.High || len(r.Risk.Contributors) != 2 {
		t.Fatalf("total is %+v", r.Risk)
	}
	for _, c := range r.Risk.Contributors {
		if c.Exposes == "" || len(c.Mitigations) == 0 || c.Acknowledged == "" {
			t.Errorf("%s does not say what it exposes, what mitigates it, and why it was accepted: %+v", c.ID, c)
		}
	}
	if r := Resolve(d, ready()); r.Risk.Level != catalogue.High || r.Risk.Now != catalogue.Minimal {
		t.Errorf("what is not in this build adds to the risk of now: %+v", r.Risk)
	}
}

func TestARequirementAboveTheCapIsRefusedWithBothFacts(t *testing.T) {
	checkAll(t, requirementCases(t))
}

func requirementCases(t *testing.T) group {
	t.Helper()
	data := catalogue.Standard()
	data.NotInBuild = nil
	data.Features = slices.Clone(data.Features)
	for i, f := range data.Features {
		if f.ID == catalogue.LocalBackup { // no feature of today requires a riskier one
			data.Features[i].Risk, data.Features[i].Exposes, data.Features[i].Mitigations = catalogue.High, "x", []string{"y"}
		}
	}
	cat := made(t, data)
	cautious := func(d *Declaration) { d.RiskTolerance = "cautious" }
	return group{cat, []expect{
		{name: "named", d: with(custom("remoteBackup"), cautious), facts: ready(),
			findings: []string{"HV-FEAT-013 localBackup remoteBackup"},
			says:     []string{`remoteBackup requires localBackup, and localBackup is high, and riskTolerance "cautious" allows at most moderate`}},
		{name: "not acknowledged", d: custom("remoteBackup"), facts: ready(), findings: []string{"HV-FEAT-014 localBackup remoteBackup"}},
		{name: "from a profile", d: with(Declaration{DisabledFeatures: []string{"localBackup"}}, cautious), facts: ready(),
			absent: "remoteBackup", findings: []string{"HV-FEAT-019 remoteBackup localBackup"},
			says: []string{"left out remoteBackup: it requires localBackup, and localBackup is high"}},
	}}
}
