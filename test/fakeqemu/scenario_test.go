package fakeqemu

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

const (
	testUUID = "6e5a4d2c-0b1f-4f0e-9d57-3c8a1f2b7e90"
	testName = "web"
)

// scenario is a conversation that is held with the real QEMU and with the fake.
type scenario struct {
	name  string
	guest Guest
	steps []step
}

// step is a request, and the events that have to come because of it, before or after the answer.
type step struct {
	send  string
	await []string
	file  bool   // a file descriptor goes along
	to    string // the file that it is of, open for writing only; standard input where this is empty
	up    bool   // the guest writes its first words to the serial console
}

// up is cont, until the guest says that it is there.
func up() step {
	s := say("cont", "RESUME")
	s.up = true
	return s
}

// argv is the command line of every scenario, in the form that this product uses. The monitor
// listens on descriptor 3, the disk is 4, the serial console listens on 5 and is logged to 6.
func argv(bios string) []string {
	return append([]string{
		"-name", "guest=" + testName + ",debug-threads=on",
		"-uuid", testUUID,
		"-nodefaults", "-no-user-config",
		"-display", "none",
		"-S",
		"-action", "shutdown=pause,panic=pause",
		"-rtc", "base=utc",
		"-machine", "type=q35,dump-guest-core=off,vmport=off,sata=off,graphics=off",
		"-accel", "tcg,tb-size=32",
		"-m", "size=16M",
		"-smp", "cpus=2,sockets=1,cores=2,threads=1",
		"-chardev", "socket,id=qmp,fd=3,server=on,wait=off",
		"-mon", "chardev=qmp,mode=control",
		"-device", `{"driver":"pcie-root-port","id":"rp1","bus":"pcie.0","addr":"2.0","chassis":1,"multifunction":true}`,
		"-device", `{"driver":"pcie-root-port","id":"rp2","bus":"pcie.0","addr":"2.1","chassis":2}`,
		"-add-fd", "fd=6,set=1,opaque=serial-log",
		"-chardev", "socket,id=serial0,fd=5,server=on,wait=off,logfile=/dev/fdset/1,logappend=on",
		"-serial", "chardev:serial0",
		"-add-fd", "fd=4,set=101,opaque=disk-root",
		"-blockdev", `{"driver":"file","node-name":"disk-root.file","filename":"/dev/fdset/101","locking":"on","read-only":false,"discard":"unmap"}`,
		"-blockdev", `{"driver":"raw","node-name":"disk-root","file":"disk-root.file","read-only":false,"discard":"unmap"}`,
		"-device", `{"driver":"virtio-blk-pci","id":"disk-root","bus":"rp1","drive":"disk-root"}`,
		"-device", `{"driver":"pvpanic","id":"panic"}`,
	}, "-bios", bios)
}

func say(command string, await ...string) step {
	return step{send: `{"execute":"` + command + `"}`, await: await}
}

func tell(command, args string) step {
	return step{send: fmt.Sprintf(`{"execute":%q,"arguments":%s}`, command, args)}
}

func hand(command, args string) step {
	s := tell(command, args)
	s.file = true
	return s
}

// saveTo hands over a file, and writes the guest to it.
func saveTo(to string, await ...string) []step {
	give := hand("getfd", `{"fdname":"saved"}`)
	give.to = to
	migrate := tell("migrate", `{"uri":"fd:saved"}`)
	migrate.await = await
	return []step{give, migrate}
}

func awaiting(s step, events ...string) step {
	s.await = events
	return s
}

var negotiate = tell("qmp_capabilities", `{"enable":["oob"]}`)

// saves is the scenario in which a save fails, too.
const saves = "save to a file"

var scenarios = []scenario{
	{"before and in negotiation", Idle, []step{
		say("query-status"),
		tell("qmp_capabilities", `{"enable":["flying"]}`),
		say("qmp_capabilities"),
		say("qmp_capabilities"),
		{send: `{"exec-oob":"query-status"}`},
		say("query-status"),
		say("quit", "SHUTDOWN"),
	}},
	{"who are you", Idle, []step{
		negotiate,
		say("query-version"), say("query-uuid"), say("query-name"), say("query-status"),
		say("query-cpus-fast"), say("query-chardev"),
		tell("query-named-block-nodes", `{"flat":true}`),
		say("query-jobs"), say("query-block-jobs"), say("query-fdsets"),
		say("quit", "SHUTDOWN"),
	}},
	{"what is no request", Idle, []step{
		negotiate,
		say("fly"),
		{send: `{"execute":"query-status","id":{"a":[1,null]}}`},
		{send: `{"execute":"query-status","id":7,"hello":1}`},
		{send: `{"exec-oob":"query-status","id":1}`},
		{send: `{"exec-oob":"fly","id":1}`},
		{send: `{"hello":1}`},
		{send: `{"execute":1}`},
		{send: `[]`},
		{send: "hello\n"},
		tell("query-status", `{"x":1}`),
		tell("query-status", `[]`),
		tell("set_link", `{}`),
		tell("set_link", `{"name":"n"}`),
		tell("set_link", `{"name":1,"up":true}`),
		tell("set_link", `{"name":"n","up":"yes"}`),
		tell("add-fd", `{"fdset-id":"x"}`),
		say("quit", "SHUTDOWN"),
	}},
	{"run and pause", Idle, []step{
		negotiate,
		say("query-status"), say("stop"), say("query-status"),
		say("system_reset", "RESET"), say("query-status"),
		say("system_powerdown", "POWERDOWN"),
		say("cont", "RESUME"), say("query-status"), say("cont"),
		say("system_powerdown", "POWERDOWN"),
		say("system_reset", "RESET"), say("query-status"),
		say("stop", "STOP"), say("query-status"), say("stop"),
		say("system_powerdown", "POWERDOWN"), say("query-status"),
		say("cont", "RESUME"), say("stop", "STOP"),
		say("system_reset", "RESET"), say("query-status"),
		say("cont", "RESUME"), say("query-status"),
		say("quit", "SHUTDOWN"),
	}},
	{"the guest powers off", PowersOff, []step{
		negotiate,
		say("cont", "RESUME", "SHUTDOWN", "STOP"), say("query-status"),
		say("cont"), say("stop"), say("query-status"),
		say("system_powerdown", "POWERDOWN"), say("query-status"),
		say("system_reset", "RESET"), say("query-status"),
		say("cont", "RESUME", "SHUTDOWN", "STOP"),
		say("quit", "SHUTDOWN"),
	}},
	{"the guest obeys its power button", Obeys, []step{
		negotiate,
		up(),
		say("system_powerdown", "POWERDOWN", "SHUTDOWN", "STOP"), say("query-status"),
		say("cont"),
		say("quit", "SHUTDOWN"),
	}},
	{"the guest panics", Panics, []step{
		negotiate,
		say("cont", "RESUME", "GUEST_PANICKED", "STOP"), say("query-status"),
		say("stop"), say("query-status"),
		say("cont", "RESUME"), say("query-status"),
		say("system_reset", "RESET", "GUEST_PANICKED", "STOP"), say("query-status"),
		say("system_reset", "RESET"), say("query-status"),
		say("quit", "SHUTDOWN"),
	}},
	{"the guest resets itself once", ResetsOnce, []step{
		negotiate,
		say("cont", "RESUME", "RESET"), say("query-status"),
		say("stop", "STOP"),
		say("quit", "SHUTDOWN"),
	}},
	{"plug and unplug", Idle, []step{
		negotiate,
		tell("device_add", `{"driver":"virtio-rng-pci","id":"rng","bus":"rp2"}`),
		tell("device_add", `{"driver":"virtio-rng-pci","id":"rng","bus":"rp2"}`),
		tell("device_add", `{"driver":"flying-pci","id":"x"}`),
		tell("device_add", `{"id":"x"}`),
		tell("device_del", `{"id":"nope"}`),
		tell("blockdev-add", `{"driver":"null-co","node-name":"void","size":1048576}`),
		tell("blockdev-add", `{"driver":"null-co","node-name":"void","size":1048576}`),
		tell("blockdev-add", `{"driver":"file","node-name":"lost","filename":"/dev/fdset/99"}`),
		tell("blockdev-add", `{"driver":"raw","node-name":"top","file":"nope"}`),
		tell("blockdev-add", `{"driver":"floppy","node-name":"top"}`),
		tell("query-named-block-nodes", `{"flat":true}`),
		tell("blockdev-del", `{"node-name":"disk-root"}`),
		tell("blockdev-del", `{"node-name":"void"}`),
		tell("blockdev-del", `{"node-name":"void"}`),
		tell("netdev_add", `{"type":"hubport","id":"n0","hubid":0}`),
		tell("netdev_add", `{"type":"hubport","id":"n0","hubid":0}`),
		tell("set_link", `{"name":"n0","up":false}`),
		tell("set_link", `{"name":"nope","up":false}`),
		tell("netdev_del", `{"id":"n0"}`),
		tell("netdev_del", `{"id":"n0"}`),
		tell("job-dismiss", `{"id":"nope"}`),
		tell("job-cancel", `{"id":"nope"}`),
		say("quit", "SHUTDOWN"),
	}},
	{saves, Idle, slices.Concat([]step{
		negotiate,
		say("query-migrate"), say("migrate_cancel"),
		say("cont", "RESUME"), say("stop", "STOP"),
		tell("migrate-set-capabilities", `{"capabilities":[{"capability":"events","state":true}]}`),
		tell("migrate-incoming", `{"uri":"fd:saved"}`),
		awaiting(tell("migrate", `{"uri":"fd:nope"}`), "MIGRATION", "MIGRATION"), say("query-migrate"), say("query-status"),
		tell("migrate-set-parameters", `{"max-bandwidth":1000}`),
	}, saveTo(os.DevNull, "MIGRATION", "MIGRATION_PASS", "MIGRATION"), []step{
		tell("migrate", `{"uri":"fd:saved"}`),
		say("migrate_cancel", "MIGRATION", "MIGRATION"), say("query-migrate"), say("query-status"),
		tell("migrate-set-parameters", `{"max-bandwidth":1099511627776}`),
	}, saveTo("/dev/full", "MIGRATION", "MIGRATION_PASS", "MIGRATION", "MIGRATION"), []step{
		say("query-migrate"), say("query-status"), say("cont", "RESUME"), say("stop", "STOP"),
	}, saveTo(os.DevNull, "MIGRATION", "MIGRATION_PASS", "MIGRATION", "MIGRATION_PASS", "MIGRATION"), []step{
		say("query-status"), say("system_powerdown", "POWERDOWN"),
		tell("migrate", `{"uri":"fd:saved"}`),
		say("cont", "RESUME"), say("query-status"),
		say("quit", "SHUTDOWN"),
	})},
	{"hand over files", Idle, []step{
		negotiate,
		tell("getfd", `{"fdname":"a"}`),
		hand("getfd", `{"fdname":"a"}`),
		hand("getfd", `{"fdname":"7"}`),
		tell("closefd", `{"fdname":"a"}`),
		tell("closefd", `{"fdname":"a"}`),
		tell("add-fd", `{"fdset-id":7}`),
		hand("add-fd", `{"fdset-id":7,"opaque":"x"}`),
		hand("add-fd", `{}`),
		hand("add-fd", `{"fdset-id":-3}`),
		say("query-fdsets"),
		tell("remove-fd", `{"fdset-id":0}`),
		say("query-fdsets"),
		tell("remove-fd", `{"fdset-id":99}`),
		tell("remove-fd", `{"fdset-id":101,"fd":99}`),
		say("cont", "RESUME"),
		say("query-fdsets"),
		tell("remove-fd", `{"fdset-id":7}`),
		say("query-fdsets"),
		say("quit", "SHUTDOWN"),
	}},
}

// asked are the commands whose answers are recorded as they are.
var asked = []string{
	"query-version", "query-machines", "query-cpu-definitions", "query-kvm", "query-commands", "query-qmp-schema",
	"query-target", "query-command-line-options",
}

// blotted are the numbers and names that differ from run to run.
var blotted = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`"(thread-id|fd|seconds|microseconds|actual-size|micro)": ?-?\d+`), `"$1":0`},
	{regexp.MustCompile(`"package": ?"[^"]*"`), `"package":"…"`}, // a point release of the distribution
	{regexp.MustCompile(`unix:[^",]*`), `unix:…`},
}

// blot takes out of a message what differs from run to run, and orders its members.
func blot(raw []byte) (json.RawMessage, error) {
	for _, b := range blotted {
		raw = b.what.ReplaceAll(raw, []byte(b.with))
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// tidy puts the answer of each exchange right behind the first event that came before it. The others
// are the guest's doing, and race with the answer.
func tidy(got []json.RawMessage) []json.RawMessage {
	i := slices.IndexFunc(got, func(m json.RawMessage) bool { return !isEvent(m) })
	if i < 2 {
		return got
	}
	return slices.Concat(got[:1], got[i:i+1], got[1:i], got[i+1:])
}

func isEvent(m json.RawMessage) bool {
	var e struct{ Event string }
	return json.Unmarshal(m, &e) == nil && e.Event != ""
}

// over reports whether got has the answer and every event that the step waits for.
func (s step) over(got []json.RawMessage) bool {
	want := slices.Clone(s.await)
	answered := false
	for _, raw := range got {
		var m struct{ Event string }
		if err := json.Unmarshal(raw, &m); err != nil || m.Event == "" {
			answered = true
		} else if i := slices.Index(want, m.Event); i >= 0 {
			want = slices.Delete(want, i, i+1)
		}
	}
	return answered && len(want) == 0
}

// failures are command lines that QEMU refuses. What stands before each of them is plain.
var failures = [][]string{
	{"-fly"},
	{"-name"},
	{"-machine", "type=fly"},
	{"-accel", "fly"},
	{"-uuid", "nonsense"},
	{"-action", "shutdown=fly"},
	{"-kernel", "/nope"},
	{"-add-fd", "fd=99,set=1"},
	{"-chardev", "socket,id=c,fd=99,server=on,wait=off"},
	{"-chardev", "socket,id=c,path=/nope/x,server=on,wait=off"},
	{"-chardev", "null,id=c", "-chardev", "null,id=c"},
	{"-mon", "chardev=nope,mode=control"},
	{"-serial", "chardev:nope"},
	{"-blockdev", `{"driver":`},
	{"-blockdev", `{"driver":"null-co","node-name":"d","fly":1}`},
	{"-blockdev", `{"driver":"raw","node-name":"d","file":"nope"}`},
	{"-blockdev", `{"driver":"file","node-name":"d","filename":"/dev/fdset/9"}`},
	{"-device", `{"driver":"fly"}`},
	{"-device", `{"driver":"virtio-rng-pci","id":"a"}`, "-device", `{"driver":"virtio-rng-pci","id":"a"}`},
	{"-device", `{"driver":"virtio-rng-pci","id":"a","bus":"rp9"}`},
	{"-device", `{"driver":"virtio-blk-pci","id":"a","drive":"nope"}`},
}

func plain(args []string) []string {
	return append([]string{"-nodefaults", "-no-user-config", "-display", "none", "-S", "-m", "16"}, args...)
}

// fails runs a command line that is refused.
func fails(args []string, q *exec.Cmd) Failure {
	var stderr strings.Builder
	q.Stderr = &stderr
	_ = q.Run() // its status is what counts
	return Failure{Args: args, Stderr: stderr.String(), Code: q.ProcessState.ExitCode()}
}
