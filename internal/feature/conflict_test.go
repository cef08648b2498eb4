package feature

import (
	"testing"
)

func TestConflicts(t *testing.T) { checkAll(t, conflictCases(t)) }

func conflictCases(t *testing.T) group {
	t.Helper()
	accept := func(scopes map[string]map[string]string) func(*Declaration) {
		return func(d *Declaration) { d.RiskTolerance, d.ConflictScope = "accepting", scopes }
	}
	narrow := func(a, b, scope string) map[string]map[string]string {
		return map[string]map[string]string{a: {b: scope}}
	}
	three := custom("remoteBackup", "liveMigration", "gpuPassthrough")
	two := custom("remoteBackup", "liveMigration")
	return group{built(t), []expect{
		{name: "both named: refused, all of them", d: with(three, accept(nil)), facts: ready(),
			findings: []string{"HV-FEAT-015 remoteBackup liveMigration", "HV-FEAT-015 gpuPassthrough liveMigration"},
			says:     []string{"remoteBackup and liveMigration conflict on one host", `conflictScope.remoteBackup.liveMigration = "operation"`}},
		{name: "required by what is named", d: with(custom("continuousReplication", "liveMigration"), accept(nil)), facts: ready(),
			findings: []string{"HV-FEAT-015 continuousReplication liveMigration", "HV-FEAT-015 remoteBackup liveMigration"}},
		{name: "full: the riskier leaves", d: with(Declaration{Profile: "full"}, accept(nil)), facts: ready(),
			features: "remoteBackup=on gpuPassthrough=on continuousReplication=on", absent: "liveMigration",
			findings: []string{"HV-FEAT-019 liveMigration continuousReplication gpuPassthrough remoteBackup"}},
		{name: "full: what is named stays", d: with(Declaration{Profile: "full", ExtraFeatures: []string{"liveMigration"}}, accept(nil)), facts: ready(),
			features: "liveMigration=on", absent: "remoteBackup gpuPassthrough continuousReplication",
			findings: []string{"HV-FEAT-019 remoteBackup liveMigration", "HV-FEAT-019 gpuPassthrough liveMigration"}},
		{name: "narrowed to operations", d: with(two, accept(narrow("liveMigration", "remoteBackup", "operation"))), facts: ready(),
			features: "liveMigration=on remoteBackup=on", findings: []string{"HV-FEAT-017 remoteBackup liveMigration"},
			says: []string{"holds per operation: a backup waits for a migration", `set hypervisor.featureManager.conflictScope.liveMigration.remoteBackup = "host"`}},
		{name: "narrowed by an older name", d: with(custom("continuousReplication", "liveMigration"), accept(map[string]map[string]string{
			"liveMigration": {"continuousBackup": "vm", "remoteBackup": "vm"}})), facts: ready(),
			findings: []string{"HV-FEAT-017 continuousReplication liveMigration", "HV-FEAT-006 continuousReplication conflictScope.liveMigration"}},
		{name: "narrower than physics", d: with(custom("gpuPassthrough"), accept(narrow("gpuPassthrough", "liveMigration", "operation"))), facts: ready(),
			findings: []string{"HV-FEAT-016 gpuPassthrough liveMigration"}, says: []string{"can hold on host and vm"}},
		{name: "no such scope", d: with(two, accept(narrow("remoteBackup", "liveMigration", "cluster"))), facts: ready(),
			findings: []string{"HV-FEAT-016 remoteBackup liveMigration", "HV-FEAT-015 remoteBackup liveMigration"}},
		{name: "two scopes for one pair", d: with(two, accept(map[string]map[string]string{
			"remoteBackup": {"liveMigration": "vm"}, "liveMigration": {"remoteBackup": "operation"}})), facts: ready(),
			findings: []string{"HV-FEAT-016 remoteBackup liveMigration"}, says: []string{`conflictScope.liveMigration.remoteBackup is "operation", and conflictScope.remoteBackup.liveMigration is "vm"`}},
		{name: "a pair that does not conflict", d: with(custom("api"), accept(narrow("api", "snapshots", "vm"))), facts: ready(),
			findings: []string{"HV-FEAT-011 api snapshots"}},
		{name: "a pair that is not declared", d: with(custom("remoteBackup"), accept(narrow("remoteBackup", "liveMigration", "vm"))), facts: ready(),
			findings: []string{"HV-FEAT-011 remoteBackup liveMigration"}},
		{name: "unknown in a scope", d: with(custom("api"), accept(narrow("apy", "liveMigratoin", "vm"))), facts: ready(),
			findings: []string{`HV-FEAT-001 "apy" conflictScope`, `HV-FEAT-001 "liveMigratoin" conflictScope.apy`},
			says:     []string{"at hypervisor.featureManager.conflictScope.apy.liveMigratoin"}},
		{name: "per VM by nature", d: with(custom("srIov", "liveMigration", "microSegmentation"), accept(nil)), facts: ready(),
			features: "srIov=on liveMigration=on", findings: []string{"HV-FEAT-022 srIov liveMigration", "HV-FEAT-021 microSegmentation srIov"}},
		{name: "limits are said", d: with(custom("threatDetection", "gpuPassthrough"), accept(nil)), facts: ready(),
			features: "threatDetection=on gpuPassthrough=on", findings: []string{"HV-FEAT-021 threatDetection gpuPassthrough"},
			says: []string{"invisible to the host's sensors"}},
	}}
}
