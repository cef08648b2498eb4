package feature

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

func TestNeedsAndPlatforms(t *testing.T) { checkAll(t, stateCases(t)) }

func stateCases(t *testing.T) group {
	t.Helper()
	return group{built(t), []expect{
		{name: "a need not met waits, the rest goes on", d: custom("webDashboard", "snapshots"), facts: but(catalogue.Nginx),
			features: "webDashboard=waiting snapshots=on", findings: []string{"HV-FEAT-027 webDashboard"},
			says: []string{"webDashboard is waiting: it needs nginx", "why: nginx was not found", "remedy: install nginx"}},
		{name: "what requires it waits too", d: custom("remoteBackup"), facts: but(catalogue.BackupFolder),
			features: "localBackup=waiting remoteBackup=waiting", findings: []string{"HV-FEAT-027 localBackup", "HV-FEAT-032 remoteBackup localBackup"}},
		{name: "a member of the profile is left out", facts: but(catalogue.BackupFolder),
			absent: "localBackup remoteBackup", findings: []string{"HV-FEAT-019 localBackup", "HV-FEAT-019 remoteBackup localBackup"},
			says: []string{"left out localBackup: it needs a backup folder"}},
		{name: "no QEMU", d: custom(), facts: but(catalogue.QEMU), features: "vmManagement=waiting", findings: []string{"HV-FEAT-027 vmManagement"}},
		{name: "nobody asked", d: custom("webDashboard"), features: "webDashboard=on vmManagement=on",
			findings: []string{"HV-FEAT-028 vmManagement webDashboard"},
			says:     []string{"not asked whether the host has QEMU (for vmManagement), nginx (for webDashboard)", "remedy: hv host -o json >facts.json on that host"}},
		{name: "one who does not know all was asked", d: custom(), facts: Facts{Platform: catalogue.LinuxX86}, features: "vmManagement=on",
			findings: []string{"HV-FEAT-028 vmManagement"}, says: []string{"remedy: ask where hvd runs, which looks at more: hv host check -o json >facts.json there"}},
		{name: "BSD", d: custom("containers"), facts: on(catalogue.BSD), features: "vmManagement=on containers=on",
			findings: []string{"HV-FEAT-023 vmManagement", "HV-FEAT-023 containers"}, says: []string{"BSD has no KVM"}},
		{name: "macOS", d: custom("containers", "snapshots"), facts: on(catalogue.MacOS),
			features: "vmManagement=unavailable containers=on snapshots=unavailable", findings: []string{"HV-FEAT-025 vmManagement", "HV-FEAT-023 containers"},
			says: []string{"HV_HOST=ssh://user@host"}},
		{name: "what a platform lacks is refused where it is named",
			d:     with(custom("srIov"), func(d *Declaration) { d.RiskTolerance = "accepting" }),
			facts: on(catalogue.LinuxARM), findings: []string{"HV-FEAT-024 srIov"}, says: []string{"srIov does not exist on Linux ARM64"}},
		{name: "and left out of a profile", d: Declaration{Profile: "full", RiskTolerance: "accepting"}, facts: on(catalogue.LinuxARM),
			features: "gpuPassthrough=on", absent: "srIov", findings: []string{"HV-FEAT-019 srIov", "HV-FEAT-023 gpuPassthrough"}},
	}}
}

func TestWhatIsNotInThisBuildIsNeverSilent(t *testing.T) {
	checkAll(t, missingCases())
	checkAll(t, missingRequirementCases(t))
}

func missingCases() group {
	return group{catalogue.Default(), []expect{
		{name: "named", d: custom("webDashboard"), facts: but(catalogue.Nginx), features: "webDashboard=unavailable vmManagement=on basicMonitoring=unavailable",
			findings: []string{"HV-FEAT-026 webDashboard", "HV-FEAT-026 basicMonitoring"}, says: []string{"webDashboard is unavailable: not in this build"}},
	}}
}

func missingRequirementCases(t *testing.T) group {
	t.Helper()
	data := catalogue.Standard()
	data.NotInBuild = []catalogue.ID{catalogue.LocalBackup}
	return group{made(t, data), []expect{
		{name: "required", d: custom("remoteBackup"), facts: ready(), features: "localBackup=unavailable remoteBackup=unavailable",
			findings: []string{"HV-FEAT-026 localBackup", "HV-FEAT-031 remoteBackup localBackup"}},
	}}
}
