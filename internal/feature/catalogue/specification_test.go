package catalogue

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The tables of this file are transcribed from the specification, not made from the data.

const idTable = `
vmManagement          | minimal  | low      |                          |
privilegeSeparation   | minimal  |          |                          |
auditLogging          | minimal  |          |                          |
basicMonitoring       | minimal  |          |                          |
monitoring            | minimal  | low      | basicMonitoring          | prometheusExport
prometheusExport      | moderate | moderate | monitoring               |
cliEnhancements       | minimal  |          |                          |
snapshots             | minimal  |          |                          |
localBackup           | minimal  | low      |                          |
encryption            | minimal  | low      |                          |
microSegmentation     | low      | low      |                          |
devEnvironments       | low      |          |                          |
webDashboard          | moderate | moderate |                          | monitoring api
api                   | moderate | moderate | auditLogging             |
remoteBackup          | moderate | moderate | localBackup              |
continuousReplication | moderate |          | remoteBackup monitoring  |
threatDetection       | low      |          | monitoring               | mlAnalysis threatIntelligence automatedResponse
behavioralAnalysis    | low      |          | monitoring               |
forensics             | low      |          | auditLogging             | snapshots
threatIntelligence    | low      |          | threatDetection          |
mlAnalysis            | moderate |          | monitoring               |
automatedResponse     | high     | high     | threatDetection          |
liveMigration         | high     | high     |                          |
gpuPassthrough        | high     | high     |                          |
devicePassthrough     | high     |          |                          |
srIov                 | high     |          |                          |
nestedVirtualization  | moderate |          |                          |
publicBridge          | high     | high     | microSegmentation        |
containers            | low      |          |                          |
vmImport              | low      |          |                          |
`

func TestEveryFeatureOfTheSpecificationIsThereWithItsColumns(t *testing.T) {
	rows := table(idTable)
	if len(rows) != len(All()) {
		t.Errorf("the specification has %d features, the catalogue %d", len(rows), len(All()))
	}
	for _, row := range rows {
		f, notice, err := Lookup(row[0])
		if err != nil || notice != "" {
			t.Errorf("%s: %v %s", row[0], err, notice)
			continue
		}
		got := []string{string(f.ID), string(f.Risk), string(f.Set), words(f.Requires), words(f.Optional)}
		if diff := cmp.Diff(row, got); diff != "" {
			t.Errorf("%s (-specification +catalogue):\n%s", row[0], diff)
		}
	}
}

func TestCoreIsWhatTheSpecificationAlwaysEnables(t *testing.T) {
	var core []ID
	for _, f := range All() {
		if f.Core {
			core = append(core, f.ID)
		}
	}
	if want := []ID{VMManagement, PrivilegeSeparation, AuditLogging, BasicMonitoring}; !slices.Equal(core, want) {
		t.Errorf("core is %v", core)
	}
}

func TestNeedsAreThoseOfTheSpecification(t *testing.T) {
	want := map[ID][]Need{
		VMManagement:          {QEMU},
		LocalBackup:           {BackupFolder},
		Encryption:            {KeyStore},
		MicroSegmentation:     {NFTables},
		WebDashboard:          {Nginx, TLSCertificate, Authentication},
		API:                   {Authentication},
		RemoteBackup:          {NetworkAccess, RemoteCredentials},
		ContinuousReplication: {SecondPlace},
		ThreatIntelligence:    {Feeds},
		LiveMigration:         {SecondHost, EncryptedChannel},
		GPUPassthrough:        {CPUVirtualization, IOMMU, VFIO}, // and the CPU table, decision 12
		DevicePassthrough:     {CPUVirtualization, IOMMU, VFIO},
		SRIOV:                 {CPUVirtualization, IOMMU, SRIOVCard},
		NestedVirtualization:  {CPUVirtualization},
		Containers:            {ContainerRuntime},
	}
	for _, f := range All() {
		if !slices.Equal(f.Needs, want[f.ID]) {
			t.Errorf("%s needs %v, want %v", f.ID, f.Needs, want[f.ID])
		}
		for _, n := range f.Needs {
			if n.Name() == "" || n.Remedy() == "" {
				t.Errorf("need %s has no name or remedy", n)
			}
		}
	}
	if got := Need("magic").Name(); got != "magic" {
		t.Errorf("an unknown need is called %q", got)
	}
}

const matrix = `
webDashboard    | ✅ | ✅ | ✅ | ✅ | ✅ | ✅ | ✅ | ✅
api             | ✅ | ✅ | ✅ | ✅ | ✅ | ✅ | ✅ | ✅
monitoring      | ✅ | ✅ | ✅ | ✅ | ✅ | ✅ | ✅ | ✅
threatDetection | ✅ | ✅ | ✅ | ✅ | ✅ | ✅ | ⚠️ | ⚠️
mlAnalysis      | ✅ | ✅ | ✅ | ✅ | ✅ | ✅ | ⚠️ | ⚠️
remoteBackup    | ✅ | ✅ | ✅ | ✅ | ✅ | ✅ | ❌ | ✅
liveMigration   | ✅ | ✅ | ✅ | ⚠️ | ⚠️ | ❌ | ✅ | ❌
gpuPassthrough  | ✅ | ✅ | ✅ | ⚠️ | ⚠️ | ✅ | ❌ | ✅
`

func TestEachPairOfTheMatrixGetsItsVerdict(t *testing.T) {
	rows, pairs := table(matrix), map[pair]bool{}
	for _, row := range rows {
		for i, cell := range row[1:] {
			a, b := ID(row[0]), ID(rows[i][0])
			pairs[pairOf(a, b)] = true
			if got := Default().Verdict(a, b).Symbol(); got != cell {
				t.Errorf("%s × %s is %s, the specification says %s", a, b, got, cell)
			}
		}
	}
	if len(pairs) != 36 {
		t.Errorf("%d unordered pairs were compared, want 36", len(pairs))
	}
}

// pairTable is the columns "conflicts" and "limited with" of the feature ids, as unordered pairs.
const pairTable = `
remoteBackup          | liveMigration  | conflict | host
continuousReplication | liveMigration  | conflict | host
liveMigration         | gpuPassthrough | conflict | host
devicePassthrough     | liveMigration  | conflict | vm
srIov                 | liveMigration  | conflict | vm
threatDetection       | liveMigration  | limited  |
threatDetection       | gpuPassthrough | limited  |
threatDetection       | srIov          | limited  |
behavioralAnalysis    | liveMigration  | limited  |
behavioralAnalysis    | gpuPassthrough | limited  |
behavioralAnalysis    | srIov          | limited  |
mlAnalysis            | liveMigration  | limited  |
mlAnalysis            | gpuPassthrough | limited  |
mlAnalysis            | srIov          | limited  |
devicePassthrough     | threatDetection | limited |
srIov                 | microSegmentation | limited |
`

func TestConflictsAndLimitsAreThoseOfTheSpecificationAndNoOthers(t *testing.T) {
	rows := table(pairTable)
	for _, row := range rows {
		for _, d := range [][2]string{{row[0], row[1]}, {row[1], row[0]}} {
			r, ok := Between(ID(d[0]), ID(d[1]))
			if !ok || string(r.Kind) != row[2] || string(r.Scope) != row[3] {
				t.Errorf("%s × %s is %q on %q, want %s", d[0], d[1], r.Kind, r.Scope, row[2:])
			}
		}
	}
	for i, r := range Default().Relations() {
		if i >= len(rows) {
			t.Errorf("%s × %s is not in the specification", r.A, r.B)
		}
	}
}

// besideTable is what the columns "conflicts" and "limited with" name that is no feature, with the tables' marks.
const besideTable = `
vmManagement         | BSD ⚠️ macOS ❌ S3 ❌
encryption           | NFS ⚠️ iSCSI ⚠️
liveMigration        | Xen ❌ VMware ❌ Hyper-V ❌ S3 ❌
gpuPassthrough       | Linux ARM64 ⚠️ BSD ❌ macOS ❌
devicePassthrough    | Linux ARM64 ⚠️ BSD ❌ macOS ❌ ARM SVE ⚠️
srIov                | Linux ARM64 ❌ BSD ❌ macOS ❌ ARM SVE ❌
nestedVirtualization | Linux ARM64 ⚠️ ARM SVE ⚠️
containers           | BSD ⚠️ macOS ⚠️
vmImport             | Xen ⚠️ VMware ⚠️ Hyper-V ⚠️
snapshots            | Xen ⚠️ VMware ⚠️ Hyper-V ⚠️
`

func TestWhatAFeatureFallsShortWithIsFoundWhereverItIsWritten(t *testing.T) {
	want := map[ID]string{}
	for _, row := range table(besideTable) {
		want[ID(row[0])] = row[1]
	}
	pairs := 0
	for _, f := range All() {
		var beside []string
		for _, s := range Default().Shortfalls(f.ID) {
			if !s.whole() || s.Source == "" {
				t.Errorf("%s with %s has no reason, remedy or source", f.ID, s.With)
			}
			if s.ID != "" {
				pairs++
				continue
			}
			beside = append(beside, s.With+" "+s.Mark.Symbol())
		}
		if got := strings.Join(beside, " "); got != want[f.ID] {
			t.Errorf("%s falls short with %s, want %s", f.ID, got, want[f.ID])
		}
	}
	if n := len(table(pairTable)); pairs != 2*n {
		t.Errorf("%d sides of pairs, want both of %d", pairs, n)
	}
}

func TestAPairNarrowsOnlyWherePhysicsAllowsIt(t *testing.T) {
	for _, c := range []struct {
		a, b ID
		want []Scope
	}{
		{RemoteBackup, LiveMigration, []Scope{OnHost, OnVM, OnOperation}},
		{ContinuousReplication, LiveMigration, []Scope{OnHost, OnVM}},
		{GPUPassthrough, LiveMigration, []Scope{OnHost, OnVM}},
		{SRIOV, LiveMigration, []Scope{OnVM}},
	} {
		r, _ := Between(c.a, c.b)
		if got := r.Choices(); !slices.Equal(got, c.want) {
			t.Errorf("%s × %s may hold on %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestSetsAreTheSpecificationsLists(t *testing.T) {
	low := []string{"VM Management ✅", "Monitoring ✅", "Local Backup ✅", "Micro-segmentation ✅", "Encryption ✅"}
	moderate := append(slices.Clone(low), "Web Dashboard ✅", "Remote Backup ✅", "Prometheus Export ✅", "API ⚠️")
	high := append(slices.Clone(moderate), "Live Migration ⚠️", "GPU Passthrough ⚠️", "Public Network Bridge ⚠️", "Automated Response ⚠️")
	for name, want := range map[SetName][]string{SetLow: low, SetModerate: moderate, SetHigh: high, "none": nil} {
		var got []string
		for _, f := range Set(name) {
			got = append(got, f.Name+" "+f.SetMark.Symbol())
		}
		if !slices.Equal(got, want) {
			t.Errorf("set %s is %v, want %v", name, got, want)
		}
	}
}

const osTable = `
vmManagement   | ✅ | ✅ | ⚠️ | ❌
gpuPassthrough | ✅ | ⚠️ | ❌ | ❌
containers     | ✅ | ✅ | ⚠️ | ⚠️
`

func TestPlatformsAreMarkedAsTheSpecificationMarksThem(t *testing.T) {
	for _, row := range table(osTable) {
		for i, p := range Platforms() {
			s, _ := Default().Support(ID(row[0]), p)
			if s.Mark.Symbol() != row[i+1] {
				t.Errorf("%s on %s is %s, want %s", row[0], p, s.Mark.Symbol(), row[i+1])
			}
		}
	}
	for id, want := range map[ID]Mark{SRIOV: Nothing, NestedVirtualization: Limits, DevicePassthrough: Limits, Snapshots: Full} {
		if s, _ := Default().Support(id, LinuxARM); s.Mark != want {
			t.Errorf("%s on ARM64 is %s, want %s", id, s.Mark, want)
		}
	}
}

func TestWhereNoVMRunsNothingOnVMsIsOffered(t *testing.T) {
	if s, inherited := Default().Support(Snapshots, MacOS); s.Mark != Nothing || !inherited {
		t.Errorf("snapshots on macOS: %v, inherited %v", s, inherited)
	}
	if s, _ := Default().Support(Snapshots, AnyOther); s.Mark != Nothing {
		t.Errorf("snapshots on an unknown platform: %v", s)
	}
	for pair, want := range map[[2]string]Platform{
		{"linux", "amd64"}: LinuxX86, {"linux", "arm64"}: LinuxARM, {"linux", "riscv64"}: AnyOther,
		{"freebsd", "arm64"}: BSD, {"darwin", "arm64"}: MacOS, {"windows", "amd64"}: AnyOther,
	} {
		if got := PlatformOf(pair[0], pair[1]); got != want {
			t.Errorf("%v is %q, want %q", pair, got, want)
		}
	}
}

const impactTable = `
vmManagement          | low    | low    | low    | low
monitoring            | low    | low    | low    | low
threatDetection       | medium | medium | low    | low
mlAnalysis            | high   | high   | medium | low
encryption            | low    | low    | medium | low
liveMigration         | high   | low    | low    | high
continuousReplication | low    | low    | high   | high
`

func TestImpactIsThatOfTheSpecification(t *testing.T) {
	given := map[ID]bool{}
	for _, row := range table(impactTable) {
		f, _ := Default().Get(ID(row[0]))
		given[f.ID] = true
		got := []string{row[0], f.Impact.CPU, f.Impact.Memory, f.Impact.Disk, f.Impact.Network}
		if !slices.Equal(got, row) {
			t.Errorf("impact is %v, want %v", got, row)
		}
	}
	for _, f := range All() {
		if given[f.ID] == f.Impact.Estimated {
			t.Errorf("%s: what the specification gives is not estimated, and all else is", f.ID)
		}
	}
}

func TestProfilesHoldWhatTheSpecificationSays(t *testing.T) {
	for name, want := range map[string]string{
		"minimal":  "monitoring localBackup cliEnhancements",
		"balanced": "monitoring localBackup cliEnhancements snapshots encryption microSegmentation webDashboard remoteBackup",
		"custom":   "",
	} {
		p, ok := Default().Profile(name)
		if !ok || words(p.Members) != want {
			t.Errorf("profile %s is %v, want %s", name, p.Members, want)
		}
	}
	full, _ := Default().Profile("full")
	if got, want := len(full.Members), len(All())-4; got != want {
		t.Errorf("full has %d members, want all %d that are not core (nothing is critical today)", got, want)
	}
}

func TestProfilesFitTheToleranceThatTheyPromise(t *testing.T) {
	for name, tolerance := range map[string]Tolerance{"minimal": Paranoid, "balanced": Cautious} {
		p, _ := Default().Profile(name)
		limit, _ := tolerance.Cap()
		for _, m := range p.Members {
			for _, id := range Default().Closure(m) {
				if f, _ := Default().Get(id); f.Risk.Over(limit) {
					t.Errorf("%s is over what %s allows and in profile %s", id, tolerance, name)
				}
			}
		}
	}
}

// table reads rows of cells; a missing last cell counts as empty.
func table(text string) [][]string {
	var rows [][]string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		var row []string
		for cell := range strings.SplitSeq(line, "|") {
			row = append(row, strings.TrimSpace(cell))
		}
		rows = append(rows, row)
	}
	return rows
}

func words(ids []ID) string {
	var s []string
	for _, id := range ids {
		s = append(s, string(id))
	}
	return strings.Join(s, " ")
}
