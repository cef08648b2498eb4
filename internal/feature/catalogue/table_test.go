package catalogue

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
)

// A table, a list or a tree that is not whole fails the build.
func TestATableThatIsNotWholeIsRefused(t *testing.T) {
	table := func(cells ...Support) []Table {
		return []Table{{Name: "T", Corner: "c", Source: "s", Columns: []string{"one", "two"}, Rows: []TableRow{{Name: "r", Cells: cells}}}}
	}
	hardened := func(deeds ...Deed) []PhaseTable {
		return []PhaseTable{
			{ID: SetupPhase, Lines: []PhaseLine{{Line{yes, "all"}, []Deed{DeedLook, DeedUsers}}}},
			{ID: HardenedPhase, Lines: []PhaseLine{{Line{yes, "some"}, deeds}}},
		}
	}
	tree := func(b Branch) []Tree { return []Tree{{"t", Branch{Text: "A", Feature: "a", Branches: []Branch{b}}}} }
	for name, c := range map[string]struct {
		change func(*Data)
		want   string
	}{
		"a cell is missing":       {func(d *Data) { d.Tables = table(yes) }, "has 1 cells, and 2 columns"},
		"no reason":               {func(d *Data) { d.Tables = table(yes, partly("", "m")) }, `column "two": what falls short has a reason`},
		"no remedy":               {func(d *Data) { d.Tables = table(yes, never("r", "")) }, `column "two": what falls short has a reason`},
		"a reason for nothing":    {func(d *Data) { d.Tables = table(yes, Support{Full, "r", "m"}) }, "all else has neither"},
		"no rows":                 {func(d *Data) { d.Tables = []Table{{Name: "T"}} }, "lacks a corner, a source or rows"},
		"a row of an unknown one": {func(d *Data) { d.Tables = table(yes, yes); d.Tables[0].Rows[0].Feature = "x" }, `names "x"`},
		"a pair's row":            {func(d *Data) { d.Matrix = []MatrixRow{{"x", "X"}} }, `row "X" names "x"`},
		"a load's row":            {func(d *Data) { d.Loads = []MatrixRow{{"x", "X"}} }, `row "X" names "x"`},
		"a configuration":         {func(d *Data) { d.Configurations = []Configuration{{Name: "C", Enabled: []ID{"x"}}} }, `configuration "C" names "x"`},
		"a mode's line":           {func(d *Data) { d.Modes = []Mode{{ID: "m", Lines: []ModeLine{bad(Internet, Nothing, "No", "r", "")}}} }, `m, line "No"`},
		"a deed decided twice":    {func(d *Data) { d.Phases = hardened(DeedLook, DeedLook, DeedUsers) }, `decides "look" twice`},
		"a deed not decided":      {func(d *Data) { d.Phases = hardened(DeedLook) }, `1 of 2 phases decide "users"`},
		"a branch not true":       {func(d *Data) { d.Trees = tree(Branch{Verb: Requires, Text: "B", Feature: "b"}) }, `the columns of "a" do not say Requires B`},
		"an option not true":      {func(d *Data) { d.Trees = tree(Branch{Verb: Optional, Text: "O", Option: "o"}) }, `do not say Optional O`},
		"a child not built on it": {func(d *Data) { d.Trees = tree(Branch{Text: "B", Feature: "b"}) }, `the columns of "a" do not say  B`},
		"a verb that is none":     {func(d *Data) { d.Trees = tree(Branch{Verb: "Likes", Text: "B", Feature: "b"}) }, "Likes B"},
		"branches of a need": {func(d *Data) {
			d.Features[0].Needs = []Need{QEMU}
			d.Trees = tree(Branch{Verb: Requires, Text: "Q", Need: QEMU, Branches: []Branch{{Text: "x"}}})
		}, `"Q" has branches and is no feature`},
	} {
		if _, err := New(small(c.change)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if _, err := New(small(func(d *Data) {
		d.Tables, d.Phases = table(yes, partly("r", "m")), hardened(DeedLook, DeedUsers)
		d.Trees = tree(Branch{Verb: Conflicts, Text: "B", Feature: "b"})
	})); err != nil {
		t.Errorf("a good one is refused: %v", err)
	}
}

func TestATunableHasADefaultThatItTakes(t *testing.T) {
	for _, c := range []struct {
		t    Tunable
		want string
	}{
		{number("n", "VMs", 4, 1, 8, "w"), ""},
		{lasting("n", "15d", "1d", "365d", "w"), ""},
		{size("n", "2GiB", "64MiB", "1TiB", "w"), ""},
		{choice("n", "w", "a", "b"), ""},
		{flag("n", true, "w"), ""},
		{text("n", "", "w"), ""},
		{list("n", "w"), ""},
		{number("n", "VMs", 9, 1, 8, "w"), `not from "1" to "8"`},
		{number("n", "VMs", 1, 8, 1, "w"), "not from"},
		{number("n", "", 4, 1, 8, "w"), "no unit"},
		{lasting("n", "15x", "1d", "365d", "w"), "not from"},
		{lasting("n", "15", "1d", "365d", "w"), "not from"},
		{size("n", "1d", "64MiB", "1TiB", "w"), "not from"},
		{choice("n", "w", "a"), "no choice"},
		{Tunable{Name: "n", Type: Choice, Default: "c", Choices: []string{"a", "b"}, What: "w"}, "no choice"},
		{Tunable{Name: "n", Type: Boolean, Default: "yes", What: "w"}, "no boolean"},
		{Tunable{Name: "n", Type: "colour", What: "w"}, `unknown type "colour"`},
		{Tunable{Name: "n", Type: Text}, "what it does"},
	} {
		if got := c.t.wrong(); got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%+v: %q, want %q", c.t, got, c.want)
		}
	}
	for _, f := range All() {
		for _, tun := range f.Tunables {
			if tun.Range() == "" {
				t.Errorf("%s.%s does not say what it takes", f.ID, tun.Name)
			}
		}
	}
	if (Tunable{}).Range() != "" {
		t.Error("a tunable without a type takes something")
	}
}

// What can be set is what the declaration knows; a feature that works today has no promises among its tunables.
func TestAFeatureOfThisBuildPromisesNoSetting(t *testing.T) {
	for _, f := range All() {
		if Default().InBuild(f.ID) && len(f.Tunables) > 0 {
			t.Errorf("%s works in this build: are its %d tunables keys of the declaration? Then say so here", f.ID, len(f.Tunables))
		}
	}
}

func TestWhatIsNotInATableIsAnErrorThatNamesWhatIs(t *testing.T) {
	for _, c := range [][3]string{{"Weather", "a", "b"}, {string(StorageBackends), "VM Storage", "Tape"}, {string(StorageBackends), "Tea", "S3"}} {
		_, err := Default().Ask(TableName(c[0]), c[1], c[2])
		if !errors.Is(err, fault.NotFound) {
			t.Errorf("%v: %v", c, err)
		}
	}
	table, _ := Default().Table(StorageBackends)
	full, limited := table.Fit(string(EncryptionAtRest))
	if !slices.Equal(full, []string{"Local", "S3", "Ceph"}) || !slices.Equal(limited, []string{"NFS", "iSCSI"}) {
		t.Errorf("encryption is full on %v and limited on %v", full, limited)
	}
	if _, ok := Default().Mode("tunnel"); ok {
		t.Error("a mode that does not exist was found")
	}
	if _, ok := Default().Phase("asleep"); ok {
		t.Error("a phase that does not exist was found")
	}
}

func TestS3IsRefusedForDisksWithTheBackendsThatWouldDo(t *testing.T) {
	for word, want := range map[string]struct {
		use      StorageUse
		severity finding.Severity
		says     string
	}{
		"s3":    {VMStorage, finding.Refused, "these can: Local, NFS, iSCSI, Ceph"},
		"S3":    {Migration, finding.Refused, "these can: Local, NFS, iSCSI, Ceph"},
		"nfs":   {EncryptionAtRest, finding.Limited, "limited as Encryption"},
		"iscsi": {EncryptionAtRest, finding.Limited, "limited as Encryption"},
	} {
		b, ok := BackendOf(word)
		f, found := Default().StorageFinding(b, want.use, "hypervisor.pools.x.backend")
		if !ok || !found || f.Severity != want.severity || !strings.Contains(f.What, want.says) || f.Why == "" || f.Remedy == "" || f.Path == "" {
			t.Errorf("%s as %s: %v %+v", word, want.use, found, f)
		}
	}
	for _, b := range Backends() {
		if f, found := Default().StorageFinding(b, BackupTarget, ""); found {
			t.Errorf("%s as a backup target: %+v", b, f)
		}
	}
	if _, ok := BackendOf("tape"); ok {
		t.Error("tape is no backend of the specification's")
	}
}

func TestAModeSaysWhatItReaches(t *testing.T) {
	for _, c := range []struct {
		mode  NetworkMode
		reach Reach
		want  Mark
	}{
		{NAT, Internet, Full}, {NAT, Neighbours, Full}, {NAT, PortForwarding, Full}, {NAT, Inbound, Nothing},
		{Bridged, SameLAN, Full}, {Bridged, Inbound, Full}, {Bridged, OwnFirewall, Limits}, {Bridged, Contained, Limits},
		{Isolated, Contained, Full}, {Isolated, Neighbours, Full}, {Isolated, Internet, Nothing}, {Isolated, Inbound, Nothing},
	} {
		m, ok := Default().Mode(c.mode)
		l, says := m.Reaches(c.reach)
		if !ok || !says || l.Mark != c.want {
			t.Errorf("%s, %s: %v", c.mode, c.reach, l)
		}
	}
	m, _ := Default().Mode(Isolated)
	if _, says := m.Reaches(PortForwarding); says {
		t.Error("isolated says something of port forwarding")
	}
}

func TestThePhasesAllowWhatTheSpecificationAllows(t *testing.T) {
	refused := []Deed{DeedConfigure, DeedUsers, DeedFeatures}
	if n := len(Default().Deeds()); n != 20 {
		t.Errorf("%d kinds of deeds, want 20", n)
	}
	for _, d := range Default().Deeds() {
		if !Allows(SetupPhase, d) {
			t.Errorf("setup does not allow %s", d)
		}
		if got := Allows(HardenedPhase, d); got == slices.Contains(refused, d) {
			t.Errorf("hardened allows %s: %v", d, got)
		}
		p, _ := Default().Phase(HardenedPhase)
		if ok, by := p.Allows(d); !ok && (by.Reason == "" || !strings.Contains(by.Remedy, "hv phase unlock")) {
			t.Errorf("%s is refused without a reason and a way out: %+v", d, by)
		}
	}
	if Allows(HardenedPhase, "juggle") {
		t.Error("what no line speaks of is allowed")
	}
}
