package hypernixos_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// goFile is a file of package x that imports the given paths of our module, and has the body.
func goFile(body string, imports ...string) *fstest.MapFile {
	var b strings.Builder
	b.WriteString("package x\n")
	for _, i := range imports {
		if strings.HasPrefix(i, "=") {
			b.WriteString("import " + i[1:] + "\n")
			continue
		}
		b.WriteString("import _ \"" + module + "/" + i + "\"\n")
	}
	b.WriteString(body)
	return &fstest.MapFile{Data: []byte(b.String())}
}

func TestThePlantedViolationIsFoundWithItsReason(t *testing.T) {
	cases := []struct {
		promise string
		name    string
		file    *fstest.MapFile
		want    string // part of the one message; empty: nothing is wrong
	}{
		{"down is free", "internal/rule/a.go", goFile("", "internal/feature", "model/vm"), ""},
		{"up is refused", "internal/feature/a.go", goFile("", "internal/rule"), "a room imports only from lower floors"},
		{"sideways is refused", "internal/config/a.go", goFile("", "internal/rule"), "sideways nobody calls"},
		{"sideways is refused in tests too", "internal/config/a_test.go", goFile("", "internal/rule"), "sideways nobody calls"},
		{"a folder may use its subfolder", "internal/helper/a.go", goFile("", "internal/helper/launch"), ""},
		{"a subfolder may use its folder", "model/vm/a.go", goFile("", "model"), ""},
		{"subfolders are of one family", "internal/helper/launch/a.go", goFile("", "internal/helper/link"), ""},
		{"the houses of a row are neighbours", "internal/network/bridge/a.go", goFile("", "internal/network/dns"), "sideways nobody calls"},
		{"a row has a common front", "internal/network/a.go", goFile("", "internal/network/dns"), ""},
		{"no floor", "internal/gadget/a.go", goFile(""), "internal/gadget stands on no floor"},
		{"an import from no floor", "internal/daemon/a.go", goFile("", "internal/gadget"), "internal/gadget, which stands on no floor"},
		{"a dumping ground", "internal/daemon/util/a.go", goFile(""), "a dumping ground always fills"},
		{"the monitor's door", "internal/action/a.go", goFile("", "internal/qemu/monitor"), "a second one hangs"},
		{"the monitor's door is open to daemon", "internal/daemon/a.go", goFile("", "internal/qemu/monitor"), ""},
		{"qmp is no hand", "internal/backup/a.go", goFile("", "internal/qemu/qmp"), ""},
		{"the machine is no hand", "internal/plan/a.go", goFile("", "internal/qemu/machine"), ""},
		{"hands are wired by daemon", "internal/reconcile/a.go", goFile("", "internal/network/tap"), "hands are wired by daemon"},
		{"a test may wire by hand", "internal/reconcile/a_test.go", goFile("", "internal/qemu"), ""},
		{"the store's door", "internal/api/rest/a.go", goFile("", "internal/store"), "the only meeting place"},
		{"the store's implementation has the same door", "internal/api/rest/a.go", goFile("", "internal/store/local"), "the only meeting place"},
		{"probe's door", "internal/view/a.go", goFile("", "internal/host/probe"), "facts come in as arguments"},
		{"the gate's door", "internal/daemon/a.go", goFile("", "internal/action"), ""},
		{"nobody imports the command line", "internal/daemon/a.go", goFile("", "internal/cli"), "not a library"},
		{"hv sees no daemon's room", "internal/cli/a.go", goFile("", "internal/plan"), "starts in milliseconds"},
		{"hv may verify an audit log", "internal/cli/a.go", goFile("", "internal/audit/verify"), ""},
		{"the helper knows words only", "internal/helper/launch/a.go", goFile("", "internal/feature"), "what runs as root stays small"},
		{"a command is wiring", "cmd/hv/main.go", goFile("", "client"), "flags and wiring"},
		{"a command is short", "cmd/hvd/main.go", goFile(strings.Repeat("\n", commandLines)), "under 60"},
		{"words depend on nothing", "model/vm/a.go", goFile("", "internal/version"), "depend on nothing that may move"},
		{"test rooms do not ship", "internal/daemon/a.go", goFile("", "test/fakeqemu"), "for tests only"},
		{"test rooms serve tests", "internal/qemu/monitor/a_test.go", goFile("", "test/fakeqemu", "internal/store/storetest"), ""},
		{"the conformance suite may use its store", "internal/store/storetest/a.go", goFile("", "internal/store"), ""},
		{"test may import everything", "test/e2e/a.go", goFile("", "internal/daemon", "internal/helper"), ""},
		{"pure: no os", "internal/plan/a.go", goFile("", `="os"`), "take an fs.FS"},
		{"pure: no child of os", "internal/plan/a.go", goFile("", `="os/exec"`), "take an fs.FS"},
		{"pure: no network", "internal/config/a.go", goFile("", `="net"`), "as a value"},
		{"pure: addresses are values", "internal/config/a.go", goFile("", `="net/netip"`), ""},
		{"pure: no kernel", "model/a.go", goFile("", `="golang.org/x/sys/unix"`), "only hands call the kernel"},
		{"pure: no clock", "internal/rule/a.go", goFile("\nvar a = time.Now()", `="time"`), "uses time.Now (clock)"},
		{"pure: no clock by another name", "internal/rule/a.go", goFile("\nvar a = t.Now", `=t "time"`), "uses time.Now (clock)"},
		{"pure: a duration is a value", "internal/rule/a.go", goFile("\nvar a = time.Second", `="time"`), ""},
		{"pure: its tests may read files", "internal/rule/a_test.go", goFile("\nvar a = os.Args", `="os"`), ""},
		{"pure: a machine below a hand", "internal/qemu/machine/a.go", goFile("", `="os"`), "take an fs.FS"},
		{"a hand may touch the world", "internal/qemu/a.go", goFile("", `="os"`), ""},
		{"a module of its own is not looked at", "tools/a.go", goFile("", "internal/gadget"), ""},
	}
	for _, c := range cases {
		t.Run(c.promise, func(t *testing.T) {
			files, err := readModule(fstest.MapFS{
				c.name:         c.file,
				"tools/go.mod": {Data: []byte("module x")},
			})
			if err != nil {
				t.Fatal(err)
			}
			found := thePlan().check(files)
			switch {
			case c.want == "" && len(found) > 0:
				t.Errorf("nothing is wrong, and it says:\n%s", strings.Join(found, "\n"))
			case c.want != "" && (len(found) != 1 || !strings.Contains(found[0], c.want)):
				t.Errorf("want one message with %q, got:\n%s", c.want, strings.Join(found, "\n"))
			case c.want != "" && !strings.HasPrefix(found[0], c.name):
				t.Errorf("the message does not begin with the file's name: %s", found[0])
			}
		})
	}
}

func TestBallastIsFoundByPrefix(t *testing.T) {
	p := program{"cmd/hv", "net/http modernc.org/", "reasons"}
	got := p.check([]string{"fmt", "net/http", "net/httptest", "modernc.org/sqlite/lib"})
	want := []string{"cmd/hv links net/http: reasons", "cmd/hv links modernc.org/sqlite/lib: reasons"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestEveryEntryOfThePlanStandsOnAFloor(t *testing.T) {
	p := thePlan()
	var named []string
	named = append(named, strings.Fields(p.pure)...)
	for _, d := range p.doors {
		named = append(named, strings.Fields(d.rooms)...)
	}
	for _, d := range p.diets {
		named = append(named, d.room)
		named = append(named, strings.Fields(d.may)...)
	}
	for _, room := range named {
		if p.height(room) < 0 {
			t.Errorf("%s is named in a rule but stands on no floor", room)
		}
	}
}
