package feature

import (
	"slices"
	"testing"
)

func TestSelection(t *testing.T) { checkAll(t, selectionCases(t)) }

func selectionCases(t *testing.T) group {
	t.Helper()
	return group{built(t), []expect{
		{name: "nothing declared is balanced and balanced", facts: ready(),
			features: "vmManagement=on monitoring=on localBackup=on cliEnhancements=on snapshots=on encryption=on microSegmentation=on webDashboard=on remoteBackup=on",
			absent:   "api liveMigration", says: []string{"from profile balanced", "profile balanced, tolerance balanced, risk moderate"}},
		{name: "minimal fits paranoid", d: Declaration{Profile: "minimal", RiskTolerance: "paranoid"}, facts: ready(),
			features: "monitoring=on localBackup=on cliEnhancements=on", absent: "snapshots", says: []string{"risk minimal"}},
		{name: "custom with an empty list is core only", d: custom(), facts: ready(),
			features: "vmManagement=on basicMonitoring=on", absent: "monitoring"},
		{name: "custom without a list", d: Declaration{Profile: "custom"}, facts: ready(),
			findings: []string{"HV-FEAT-004 enabledFeatures"}},
		{name: "a list beats the profile", d: Declaration{Profile: "minimal", EnabledFeatures: list("snapshots")}, facts: ready(),
			features: "snapshots=on", absent: "monitoring", findings: []string{"HV-FEAT-020 monitoring localBackup cliEnhancements"},
			says: []string{`profile "minimal" is not used: it would have added monitoring, localBackup and cliEnhancements`}},
		{name: "extra adds to a profile", d: Declaration{Profile: "minimal", ExtraFeatures: []string{"api"}}, facts: ready(),
			features: "api=on monitoring=on", findings: []string{"HV-FEAT-029 api"}, says: []string{"selected in extraFeatures"}},
		{name: "disabled takes from a profile", d: Declaration{Profile: "minimal", DisabledFeatures: []string{"localBackup"}}, facts: ready(),
			features: "monitoring=on", absent: "localBackup"},
		{name: "a requirement is added and said", d: custom("continuousReplication"), facts: ready(),
			features: "remoteBackup=on localBackup=on monitoring=on",
			findings: []string{"HV-FEAT-018 localBackup continuousReplication", "HV-FEAT-018 remoteBackup continuousReplication", "HV-FEAT-018 monitoring continuousReplication"},
			says:     []string{"localBackup is added: continuousReplication requires it", `add "localBackup" to hypervisor.featureManager.enabledFeatures`, "on localBackup: required by remoteBackup"}},
		{name: "older names are understood", d: custom("metrics", "restApi"), facts: ready(),
			features: "monitoring=on api=on", findings: []string{"HV-FEAT-006 monitoring enabledFeatures", "HV-FEAT-006 api enabledFeatures"},
			says: []string{`replace "metrics" with "monitoring" in hypervisor.featureManager.enabledFeatures`}},
		{name: "a duplicate is advice", d: custom("snapshots", "monitoring", "snapshots", "metrics"), facts: ready(),
			features: "snapshots=on", findings: []string{"HV-FEAT-007 snapshots", "HV-FEAT-007 monitoring"},
			says: []string{"snapshots is named 2 times"}},
		{name: "core may be named", d: custom("auditLogging"), facts: ready(), says: []string{"on auditLogging: core, selected in enabledFeatures"}},
	}}
}

func TestWhatIsWrittenWrongIsRefusedWithTheWayOut(t *testing.T) { checkAll(t, wrongCases(t)) }

func wrongCases(t *testing.T) group {
	t.Helper()
	many := slices.Repeat([]string{"x"}, MaxEntries+1)
	return group{built(t), []expect{
		{name: "unknown feature", d: custom("monitoring", "monitorng"), facts: ready(),
			features: "monitoring=on", findings: []string{`HV-FEAT-001 "monitorng" enabledFeatures`},
			says: []string{`there is no feature "monitorng"`, "did you mean monitoring?", "at hypervisor.featureManager.enabledFeatures[1]"}},
		{name: "unknown profile", d: Declaration{Profile: "ballanced"}, facts: ready(),
			findings: []string{`HV-FEAT-002 "ballanced"`}, says: []string{`set hypervisor.featureManager.profile = "balanced"`}},
		{name: "unknown tolerance", d: with(custom(), func(d *Declaration) { d.RiskTolerance = "reckless" }), facts: ready(),
			findings: []string{`HV-FEAT-003 "reckless"`}, says: []string{"known are paranoid, cautious, balanced, accepting"}},
		{name: "too many", d: custom(many...), facts: ready(),
			findings: []string{"HV-FEAT-005 enabledFeatures"}, says: []string{"holds 257 entries, and at most 256 are read"}},
		{name: "on and off", d: with(custom("snapshots"), func(d *Declaration) { d.DisabledFeatures = []string{"snapshots"} }), facts: ready(),
			findings: []string{"HV-FEAT-008 snapshots"}},
		{name: "core off", d: Declaration{DisabledFeatures: []string{"vmManagement"}}, facts: ready(),
			features: "vmManagement=on", findings: []string{"HV-FEAT-009 vmManagement"}},
		{name: "off and used, with all users",
			d:     with(custom("remoteBackup", "continuousReplication"), func(d *Declaration) { d.DisabledFeatures = []string{"localBackup"} }),
			facts: ready(), findings: []string{"HV-FEAT-010 localBackup remoteBackup continuousReplication"},
			says: []string{`remove "remoteBackup" from hypervisor.featureManager.enabledFeatures and remove "continuousReplication" from`}},
		{name: "off and used by a member of the profile", d: Declaration{DisabledFeatures: []string{"localBackup"}}, facts: ready(),
			findings: []string{"HV-FEAT-010 localBackup remoteBackup"}, says: []string{`add "remoteBackup" to hypervisor.featureManager.disabledFeatures`}},
		{name: "off changes nothing", d: with(custom(), func(d *Declaration) { d.DisabledFeatures = []string{"api"} }), facts: ready(),
			findings: []string{"HV-FEAT-011 api"}},
		{name: "risks of nothing", d: with(custom("monitoring"), func(d *Declaration) {
			d.AcknowledgedRisks = map[string]string{"monitoring": "why", "liveMigration": "why", "gpu": "why"}
		}), facts: ready(),
			findings: []string{"HV-FEAT-011 monitoring", "HV-FEAT-011 liveMigration", `HV-FEAT-001 "gpu" acknowledgedRisks`},
			says:     []string{"only high and critical ones want a reason", "at hypervisor.featureManager.acknowledgedRisks.gpu"}},
	}}
}
