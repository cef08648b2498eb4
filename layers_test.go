// Package hypernixos_test holds the house to its plan: which room stands on which floor, which doors are
// locked, and which rooms stay pure. The plan may be changed, on purpose, in the commit that has the reason.
//
// What lives here: the plan as data, and the test that walks the module. How a rule is checked stands in
// layers_check_test.go; that the checker finds what is planted, in layers_fake_test.go.
package hypernixos_test

import (
	"os"
	"testing"
)

const module = "github.com/hyper-nixos/hyper-nixos"

// floors, lowest first. A room is a folder with all its subfolders, unless a longer entry names a subfolder.
var floors = []floor{
	{0, "internal/fault internal/finding internal/version internal/nearest"},
	{1, "internal/osfault internal/confine model internal/nixlang internal/qemu/qmp internal/privilege"},
	{2, "internal/feature internal/phase internal/policy internal/store internal/audit wire internal/storage/backend internal/storage/qcow2 internal/storage/luks"},
	{3, "internal/rule internal/config client internal/storage/folder internal/storage/storagetest"},
	{4, "internal/guest/cloudinit internal/qemu/machine internal/storage/convert " + backends},
	{5, "internal/plan internal/host/probe " + hands},
	{6, "internal/action internal/view internal/reconcile web"},
	{7, "internal/api/rest internal/api/graphql internal/cli"},
	{8, "internal/daemon internal/helper"},
	{9, "cmd/hv cmd/hvd cmd/hv-helper"},
}

// hands touch the world or hold long conversations with it.
const hands = "internal/host/uevent internal/qemu internal/qemu/monitor internal/network internal/storage internal/console internal/guest internal/backup " +
	"internal/replicate internal/migrate internal/importer internal/monitoring internal/threat internal/cluster"

// backends keep what is in a pool.
const backends = "internal/storage/dir internal/storage/lvm"

// rows are folders whose subfolders are rooms of their own: network/bridge and network/dns do not know each
// other. Elsewhere a folder and its subfolders are one room.
const rows = "internal/network internal/storage internal/guest internal/threat"

// exempt folders may import every room: they test, package or explain the whole.
const exempt = "test nix docs packaging"

// testOnly rooms are for tests; code that ships does not link them.
var testOnly = []string{"test", "internal/store/storetest", "internal/storage/storagetest"}

// doors say who may come in; everything of the same room family may, too.
var doors = []door{
	{"internal/qemu/monitor", "internal/daemon",
		"QEMU serves one monitor client at a time and a second one hangs: declare a small Execute/Subscribe interface and let daemon wire it"},
	{hands, "internal/daemon",
		"hands are wired by daemon: declare the small interface that you need, so that a plan can run against any hand"},
	{backends, "internal/daemon",
		"backends are hands too; they stand below the room that finds the one which is named"},
	{"internal/host/probe", "internal/daemon internal/cli",
		"facts come in as arguments: only daemon and cli (--host self) ask the machine"},
	{"internal/store", "internal/action internal/view internal/reconcile internal/cluster internal/daemon",
		"the store is the only meeting place: action writes wishes, reconcile writes status, view reads; nobody else"},
	{"internal/action internal/view", "internal/api internal/daemon",
		"every change passes one gate and every read one index; only the APIs stand before them"},
	{"internal/cli", "cmd/hv", "the command line is a program's face, not a library"},
	{"internal/daemon", "cmd/hvd", "daemon wires the whole; whoever imports it links everything"},
	{"internal/helper", "cmd/hv-helper", "the helper is the only code that runs as root; it is linked into one program"},
}

// diets say which rooms of ours a room may import at most, beside its own family.
var diets = []diet{
	{"model", "internal/fault internal/finding", "the words of the API are public and depend on nothing that may move"},
	{"internal/cli", "client wire model internal/fault internal/finding internal/version internal/nearest internal/nixlang " +
		"internal/config internal/feature internal/rule internal/phase internal/audit/verify internal/host/probe",
		"hv runs as any user on any system and starts in milliseconds: it speaks to a daemon, or answers from pure rooms"},
	{"internal/helper", "internal/fault internal/privilege internal/version internal/phase/recovery internal/confine model",
		"what runs as root stays small enough to be read: words, its own verbs, and nothing else"},
	{"cmd/hv", "internal/cli internal/version", "a command is flags and wiring"},
	{"cmd/hvd", "internal/daemon internal/version", "a command is flags and wiring"},
	{"cmd/hv-helper", "internal/helper internal/version", "a command is flags and wiring"},
}

// pure rooms compute and return: time, randomness, files and facts come in as arguments.
const pure = "model internal/fault internal/finding internal/feature internal/rule internal/phase internal/config " +
	"internal/policy internal/plan internal/qemu/machine internal/guest/cloudinit internal/nixlang internal/nearest"

// ballast is what a program must not link, by import path prefix; the whole graph is asked of the go command.
var ballast = []program{
	{"cmd/hv", "modernc.org/ github.com/danielgtaylor/huma database/sql " + module + "/internal/store",
		"hv starts in milliseconds and is a few MB"},
	{"cmd/hv-helper", "net/http modernc.org/ github.com/danielgtaylor/huma database/sql " + module + "/internal/store",
		"the helper runs as root: no HTTP server, no store"},
}

// commandLines is the most that one file of cmd/ may have: flags and wiring.
const commandLines = 60

func TestEveryRoomStandsOnItsFloorAndKeepsItsDoors(t *testing.T) {
	packages, err := readModule(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) == 0 {
		t.Fatal("no package found: the test must run in the module's root")
	}
	for _, v := range thePlan().check(packages) {
		t.Error(v)
	}
}

func TestProgramsLinkNoBallast(t *testing.T) {
	for _, p := range ballast {
		if _, err := os.Stat(p.room); err != nil {
			continue // not built yet; the floors still hold for its rooms
		}
		t.Run(p.room, func(t *testing.T) {
			for _, v := range p.check(linked(t, p.room)) {
				t.Error(v)
			}
		})
	}
}
