package door

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

const vm = "0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a001"

func good() privilege.Launch {
	return privilege.Launch{
		VM: vm, Name: "web", Arch: "x86_64", Files: []string{"stderr", "disk-root"}, Sockets: []string{"qmp", "net-lan"},
		Args:    []string{"-nodefaults", "-chardev", "socket,id=qmp,fd={fd:qmp}", "-add-fd", "fd={fd:disk-root},set=1"},
		Uplinks: []privilege.Uplink{{Socket: "net-lan"}},
	}
}

func message(t testing.TB, verb privilege.Verb, body any) []byte {
	t.Helper()
	data, err := json.Marshal(privilege.Request{Verb: verb, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// regular returns n open regular files.
func regular(t testing.TB, n int) []*os.File {
	t.Helper()
	var files []*os.File
	for range n {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		files = append(files, f)
	}
	return files
}

func TestEveryVerbIsLetInAsWhatItIs(t *testing.T) {
	launch := good()
	for verb, want := range map[privilege.Verb]any{
		privilege.VerbHello: nil, privilege.VerbListen: nil, privilege.VerbKVM: nil,
		privilege.VerbLaunch:  &launch,
		privilege.VerbList:    &privilege.List{After: vm},
		privilege.VerbAttach:  &privilege.ByVM{VM: vm},
		privilege.VerbCleanup: &privilege.ByVM{VM: vm},
		privilege.VerbForget:  &privilege.ByVM{VM: vm},
		privilege.VerbThreads: &privilege.ByVM{VM: vm},
		privilege.VerbKill:    &privilege.Kill{VM: vm, Signal: privilege.SignalTerm},
		privilege.VerbUplink:  &privilege.Uplink{VM: vm, Socket: "net-lan"},
		privilege.VerbUsage:   &privilege.Usage{VMs: []string{vm}, PSS: true},
	} {
		var files []*os.File
		if verb == privilege.VerbLaunch {
			files = regular(t, 2)
		}
		got, body, err := Let(message(t, verb, want), files)
		if err != nil || got != verb || !reflect.DeepEqual(body, want) {
			t.Errorf("%s: %v, %+v, %v; want %+v", verb, got, body, err, want)
		}
	}
}

func TestWhatIsNotARequestIsRefused(t *testing.T) {
	for text, want := range map[string]fault.Kind{
		``:                                      fault.Unreadable,
		`{`:                                     fault.Unreadable,
		`[]`:                                    fault.Unreadable,
		`{"verb":"hello"} x`:                    fault.Unreadable,
		`{"verb":"hello","path":"/etc/shadow"}`: fault.Unreadable,
		`{"verb":"hello","body":{"path":"/etc/shadow"}}`:       fault.Unreadable,
		`{"verb":"attach","body":{"vm":"` + vm + `","pid":1}}`: fault.Unreadable,
		`{"verb":"usage","body":{"vms":"all"}}`:                fault.Unreadable,
		`{"verb":"exec"}`:                                      fault.Invalid,
		`{}`:                                                   fault.Invalid,
		`{"verb":"attach"}`:                                    fault.Invalid,
		`{"verb":"attach","body":{"vm":"../../../etc"}}`:       fault.Invalid,
		`{"verb":"attach","body":{"vm":"` + strings.ToUpper(vm) + `"}}`:          fault.Invalid,
		`{"verb":"kill","body":{"vm":"` + vm + `","signal":"STOP"}}`:             fault.Invalid,
		`{"verb":"uplink","body":{"vm":"` + vm + `","socket":"../../api"}}`:      fault.Invalid,
		`{"verb":"list","body":{"after":"z"}}`:                                   fault.Invalid,
		`{"verb":"hello","body":"` + strings.Repeat("x", 128<<10) + `"}`:         fault.Unreadable,
		`{"verb":"usage","body":{"vms":[` + strings.Repeat(`"",`, 256) + `""]}}`: fault.Invalid,
	} {
		if _, _, err := Let([]byte(text), nil); fault.KindOf(err) != want {
			t.Errorf("%.80s: %v is %v, want %v", text, err, fault.KindOf(err), want)
		}
	}
}

func TestFilesBesideAVerbThatTakesNoneAreRefused(t *testing.T) {
	for verb, body := range map[privilege.Verb]any{
		privilege.VerbHello: nil, privilege.VerbList: privilege.List{}, privilege.VerbAttach: privilege.ByVM{VM: vm},
		privilege.VerbKill: privilege.Kill{VM: vm, Signal: "KILL"}, privilege.VerbUsage: privilege.Usage{},
		privilege.VerbUplink: privilege.Uplink{VM: vm, Socket: "net-lan"},
	} {
		if _, _, err := Let(message(t, verb, body), regular(t, 1)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", verb, err)
		}
	}
}

func TestALaunchTellsAllThatIsWrongAtOnce(t *testing.T) {
	l := privilege.Launch{
		VM: "x", Name: "Web Server", Arch: "riscv64", Files: []string{"a/b", "a/b", "{fd:x}"}, Sockets: []string{"stderr", "..", "q", "q"},
		Args:    []string{"-daemonize", "disk.img", "-chardev", "socket,fd={fd:none}", "-serial", "pty", "-m"},
		Uplinks: []privilege.Uplink{{Socket: "lan"}, {Socket: "q", VM: vm}, {Socket: "q"}},
		Limits:  privilege.Limits{MemoryBytes: -1, CPUs: -1, Pids: 3},
	}
	_, _, err := Let(message(t, privilege.VerbLaunch, l), nil)
	if fault.KindOf(err) != fault.Invalid {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"x" is not a UUID`, `"Web Server" is not a DNS label`, `"riscv64" is neither`, "3 names for 0 file", `"a/b" is no name`, `"a/b" twice`,
		`"{fd:x}" is no name`, `"stderr" is no name of a socket`, `".." is no name of a socket`, `"q" twice`, `"lan" is not one of the sockets`,
		"vm is for the verb uplink", `the option "-daemonize"`, `"disk.img" is no option`, `-serial "pty"`, "-m has no value",
		`"{fd:none}" names no file`, "memoryBytes -1", "cpus -1", "pids 3",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q:\n%v", want, err)
		}
	}
}

func TestOptionsThatWouldReachOutOfTheJailAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-sandbox", "off"}, {"--sandbox", "off"}, {"-daemonize"}, {"-runas", "root"}, {"-chroot", "/"}, {"-run-with", "user=root"},
		{"-readconfig", "/etc/passwd"}, {"-writeconfig", "x"}, {"-pidfile", "x"}, {"-D", "x"}, {"-d", "exec"}, {"-trace", "file=x"},
		{"-plugin", "x.so"}, {"-gdb", "tcp::1"}, {"-s"}, {"-qmp", "unix:x"}, {"-qmp-pretty", "stdio"}, {"-monitor", "stdio"},
		{"-serial", "file:x"}, {"-parallel", "pipe:x"}, {"-debugcon", "stdio"}, {"-incoming", "exec:sh"}, {"-incoming", "tcp:0:1"},
		{"-netdev", "tap,id=n,script=/bin/sh"}, {"-netdev", "bridge,id=n,helper=/bin/sh"}, {"-netdev", `{"type":"tap","scr\u0069pt":"x"}`},
		{"-nic", "user"}, {"-net", "user"}, {"-display", "gtk"}, {"-vnc", ":1"}, {"-spice", "port=1"}, {"-virtfs", "local,path=/"},
		{"-fsdev", "local,path=/"}, {"-hda", "x"}, {"-cdrom", "x"}, {"-loadvm", "x"}, {"x"}, {"-"}, {"-m", "16\x00"},
	} {
		var w wrong
		privilegedArgs(&w, args)
		if len(w) == 0 {
			t.Errorf("%q passed", args)
		}
	}
}

func TestEveryCommandLineThatOurMachinesHavePasses(t *testing.T) {
	goldens, err := filepath.Glob("../../qemu/machine/testdata/*.golden")
	if err != nil || len(goldens) == 0 {
		t.Fatalf("no golden command lines: %v", err)
	}
	for _, file := range goldens {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		command, _, _ := strings.Cut(string(data), "\n\n")
		var args []string
		for line := range strings.Lines(command) {
			option, value, has := strings.Cut(strings.TrimRight(line, "\n"), " ")
			if args = append(args, option); has {
				args = append(args, value)
			}
		}
		var w wrong
		privilegedArgs(&w, args)
		if len(args) == 0 || len(w) > 0 {
			t.Errorf("%s: %d arguments; %v", file, len(args), w)
		}
	}
}

func TestTokensBecomeTheNumbersThatFilesHave(t *testing.T) {
	l := privilege.Launch{
		Files: []string{"disk-root", "stderr", "kernel"}, Sockets: []string{"qmp", "net-lan"},
		Args: []string{"{fd:disk-root}", "/proc/self/fd/{fd:kernel}", "a={fd:qmp},b={fd:net-lan}", `{"fd":"{fd:qmp}"}`, "no token {fd"},
	}
	got, err := Number(&l)
	want := []string{"3", "/proc/self/fd/4", "a=5,b=6", `{"fd":"5"}`, "no token {fd"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	for _, bad := range []string{"{fd:}", "{fd:stderr}", "{fd:nobody}", "{fd:qmp", "x{fd:{fd:qmp}}"} {
		l.Args = []string{bad}
		if got, err := Number(&l); err == nil {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

func FuzzRequest(f *testing.F) {
	launch := good()
	for verb, body := range map[privilege.Verb]any{
		privilege.VerbHello: nil, privilege.VerbListen: nil, privilege.VerbKVM: nil, privilege.VerbLaunch: launch,
		privilege.VerbList: privilege.List{After: vm}, privilege.VerbAttach: privilege.ByVM{VM: vm}, privilege.VerbCleanup: privilege.ByVM{VM: vm},
		privilege.VerbForget: privilege.ByVM{VM: vm}, privilege.VerbThreads: privilege.ByVM{VM: vm},
		privilege.VerbKill: privilege.Kill{VM: vm, Signal: "KILL"}, privilege.VerbUplink: privilege.Uplink{VM: vm, Socket: "net-lan"},
		privilege.VerbUsage: privilege.Usage{VMs: []string{vm}},
	} {
		f.Add(message(f, verb, body), 0)
		f.Add(message(f, verb, body), 2)
	}
	files := regular(f, 2)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		n = min(max(n, 0), 2)
		verb, body, err := Let(data, files[:n])
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.Unreadable {
				t.Errorf("%v is %v", err, k)
			}
			return
		}
		// What was let in is safe to make names of files and arguments of.
		switch b := body.(type) {
		case *privilege.Launch:
			args, err := Number(b)
			if err != nil || len(args) != len(b.Args) || len(b.Files) != n || !isUUID(b.VM) {
				t.Errorf("%+v: %v", b, err)
			}
			for _, s := range b.Sockets {
				if strings.ContainsAny(s, "/.\x00") {
					t.Errorf("socket %q", s)
				}
			}
			for _, a := range args {
				if strings.ContainsRune(a, 0) || strings.Contains(a, tokenBegin) {
					t.Errorf("argument %q", a)
				}
			}
		case *privilege.ByVM:
			if filepath.Base(b.VM) != b.VM || !isUUID(b.VM) {
				t.Errorf("%q", b.VM)
			}
		}
		again, err := json.Marshal(privilege.Request{Verb: verb, Body: body})
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > privilege.MaxMessage {
			return // escapes may make it longer
		}
		_, second, err := Let(again, files[:n])
		if third := message(t, verb, second); err != nil || !bytes.Equal(third, again) {
			t.Errorf("not the same again: %v\n%s\n%s", err, again, third)
		}
	})
}
