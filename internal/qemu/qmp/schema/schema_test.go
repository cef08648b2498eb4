package schema

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func recorded(t testing.TB, version string) *Schema {
	t.Helper()
	f, err := os.Open("testdata/qemu-" + version + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheRecordingsAreWholeSchemas(t *testing.T) {
	for _, c := range []struct {
		version, full             string
		commands, events, members int
	}{
		{"7.2", "7.2.22", 216, 52, 783},
		{"10.0", "10.0.13", 0, 0, 0},
	} {
		s := recorded(t, c.version)
		if s.Version != c.full {
			t.Errorf("recording %s is of %s, want %s", c.version, s.Version, c.full)
		}
		commands, events, types := s.Count()
		if c.commands != 0 && (commands != c.commands || events != c.events || types != c.members) {
			t.Errorf("%s has %d commands, %d events, %d types", c.version, commands, events, types)
		}
		if commands < 200 || events < 50 {
			t.Errorf("%s has only %d commands, %d events", c.version, commands, events)
		}
	}
}

func TestASchemaTellsOneQEMUFromAnother(t *testing.T) {
	old, young := recorded(t, "7.2"), recorded(t, "10.0")
	for command, want := range map[string][2]bool{
		"query-status":    {true, true},
		"blockdev-reopen": {true, true},
		"migrate-pause":   {true, true},
		"query-firmware":  {false, false},
		"SHUTDOWN":        {false, false}, // an event
	} {
		got := [2]bool{old.Command(command) != nil, young.Command(command) != nil}
		if got != want {
			t.Errorf("%s: in 7.2 and 10.0: %v, want %v", command, got, want)
		}
	}
	if !old.Command("migrate-pause").OOB || old.Command("query-status").OOB {
		t.Error("which commands go out of band is not read")
	}
	if old.Event("SHUTDOWN") == nil || old.Event("query-status") != nil {
		t.Error("events and commands are mixed up")
	}
}

func TestWrongArgumentsAreAllFound(t *testing.T) {
	for name, c := range map[string]struct {
		command, args string
		want          []string
	}{
		"none, and none needed": {"query-status", ``, nil},
		"none, and one needed":  {"device_del", ``, []string{`device_del: id is missing`}},
		"unknown and ill-typed": {"set_link", `{"name":1,"up":"yes","speed":3}`, []string{
			`set_link.name: int where string belongs`,
			`set_link.up: string where boolean belongs`,
			`set_link: speed is unknown`,
		}},
		"a whole disk": {"blockdev-add", `{"driver":"qcow2","node-name":"d","discard":"unmap","file":
			{"driver":"file","filename":"/dev/fdset/1","aio":"threads","cache":{"direct":false,"no-flush":false}}}`, nil},
		"a node by name":           {"blockdev-add", `{"driver":"raw","node-name":"d","file":"below"}`, nil},
		"the wrong driver's":       {"blockdev-add", `{"driver":"raw","node-name":"d","file":"below","lazy-refcounts":true}`, []string{`blockdev-add: lazy-refcounts is unknown`}},
		"no such driver":           {"blockdev-add", `{"driver":"floppy"}`, []string{`none of`}},
		"a form there is not":      {"blockdev-add", `{"driver":"raw","file":7}`, []string{`blockdev-add.file: int fits none of its forms`}},
		"deep below":               {"blockdev-add", `{"driver":"raw","file":{"driver":"file"}}`, []string{`blockdev-add.file: filename is missing`}},
		"a socket by descriptor":   {"netdev_add", `{"type":"stream","id":"n","server":true,"addr":{"type":"fd","str":"7"}}`, nil},
		"a member of another kind": {"netdev_add", `{"type":"stream","id":"n","addr":{"type":"unix","str":"7"}}`, []string{`netdev_add.addr: path is missing`, `netdev_add.addr: str is unknown`}},
		"any property of a device": {"device_add", `{"driver":"virtio-net-pci","mac":"52:54:00:00:00:01"}`, nil},
		"a device of no kind":      {"device_add", `{"id":"x"}`, []string{`device_add: driver is missing`}},
		"not JSON":                 {"device_add", `{`, []string{`not JSON`}},
		"not an object":            {"device_add", `[]`, []string{`array where an object belongs`}},
		"no such command":          {"fly", ``, []string{`no command fly`}},
	} {
		for _, version := range []string{"7.2", "10.0"} {
			t.Run(name+" "+version, func(t *testing.T) {
				got := recorded(t, version).CheckArguments(c.command, []byte(c.args))
				if len(got) != len(c.want) {
					t.Fatalf("found %q, want %q", got, c.want)
				}
				for i := range got {
					if !strings.Contains(got[i], c.want[i]) {
						t.Errorf("found %q, want %q", got[i], c.want[i])
					}
				}
			})
		}
	}
}

func TestAnswersAndEventsAreChecked(t *testing.T) {
	s := recorded(t, "7.2")
	for _, c := range []struct {
		got, want []string
	}{
		{s.CheckAnswer("query-status", []byte(`{"running":true,"singlestep":false,"status":"running"}`)), nil},
		{s.CheckAnswer("query-status", []byte(`{"running":true,"singlestep":false,"status":"flying"}`)), []string{"query-status.status: flying is none of"}},
		{s.CheckAnswer("fly", nil), []string{"no command fly"}},
		{s.CheckEvent("STOP", nil), nil},
		{s.CheckEvent("SHUTDOWN", []byte(`{"guest":true}`)), []string{"SHUTDOWN: reason is missing"}},
		{s.CheckEvent("FLY", nil), []string{"no event FLY"}},
	} {
		if len(c.got) != len(c.want) || len(c.got) == 1 && !strings.HasPrefix(c.got[0], c.want[0]) {
			t.Errorf("found %q, want %q", c.got, c.want)
		}
	}
}

func TestWhatIsNoSchemaIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":     ``,
		"not JSON":    `hello`,
		"empty":       `[]`,
		"null":        `[null]`,
		"dangling":    `[{"name":"x","meta-type":"command","arg-type":"7"}]`,
		"in circles":  `[{"name":"o","meta-type":"object","members":[],"tag":"t","variants":[{"case":"a","type":"o"}]}]`,
		"broken gzip": "\x1f\x8b\x00",
	} {
		_, err := Read(strings.NewReader(text))
		if !errors.Is(err, fault.Unreadable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadAndCheck(f *testing.F) {
	f.Add([]byte(`[{"name":"0","meta-type":"object","members":[]},{"name":"c","meta-type":"command","arg-type":"0","ret-type":"0"}]`), []byte(`{}`))
	f.Add([]byte(`{"version":"1","schema":[{"name":"a","meta-type":"alternate","members":[{"type":"a"}]},{"name":"c","meta-type":"command","arg-type":"a"}]}`), []byte(`{"x":[1]}`))
	f.Fuzz(func(t *testing.T, text, args []byte) {
		s, err := Read(strings.NewReader(string(text)))
		if err != nil {
			if fault.KindOf(err) != fault.Unreadable {
				t.Errorf("error of kind %v", fault.KindOf(err))
			}
			return
		}
		first := s.CheckArguments("c", args)
		if diff := cmp.Diff(first, s.CheckArguments("c", args)); diff != "" {
			t.Error("the same check says different things", diff)
		}
	})
}
