package door

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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

// keyHash has the form of a recovery key's hash, and is of no key.
var keyHash = "$argon2id$v=19$m=19456,t=2,p=1$" + strings.Repeat("A", 22) + "$" + strings.Repeat("A", 43)

var thinPlace = privilege.ThinPlace{Group: "vg0", Pool: "thin"}

// samples are a good request of each verb.
func samples() map[privilege.Verb]any {
	launch := good()
	return map[privilege.Verb]any{
		privilege.VerbHello: nil, privilege.VerbListen: nil, privilege.VerbKVM: nil,
		privilege.VerbLaunch:  &launch,
		privilege.VerbList:    &privilege.List{After: vm},
		privilege.VerbAttach:  &privilege.ByVM{VM: vm},
		privilege.VerbCleanup: &privilege.ByVM{VM: vm},
		privilege.VerbForget:  &privilege.ByVM{VM: vm},
		privilege.VerbThreads: &privilege.ByVM{VM: vm},
		privilege.VerbKill:    &privilege.Kill{VM: vm, Signal: privilege.SignalTerm},
		privilege.VerbUplink:  &privilege.Uplink{VM: vm, Socket: "net-lan"},
		privilege.VerbSocket:  &privilege.Uplink{VM: vm, Socket: "net-lan"},
		privilege.VerbPin:     &privilege.Pin{VM: vm, Rest: "0-1", Threads: map[int]string{7: "2", 8: ""}},
		privilege.VerbUsage:   &privilege.Usage{VMs: []string{vm}, PSS: true},
		privilege.VerbPhase:   nil, privilege.VerbUnseal: nil,
		privilege.VerbShares: &privilege.ByVM{VM: vm},
		privilege.VerbHarden: &privilege.Harden{By: privilege.Person{Name: "root"}, Generation: 3, Digest: privilege.DigestForm + strings.Repeat("0a", 32), KeyHash: keyHash, DelaySeconds: 600},
		privilege.VerbUnlock: &privilege.Unlock{By: privilege.Person{UID: 1000, Name: "ann"}, Key: "00000-00001-00002-00003-00004-00005-00006"},
		privilege.VerbRelock: &privilege.Relock{},

		privilege.VerbSecret:     &privilege.Secret{Key: "house-2", With: "host+tpm2"},
		privilege.VerbPoolFolder: &privilege.PoolFolder{Tree: "srv", Names: []string{"disks", "fast.1"}},
		privilege.VerbThinPool:   &privilege.ThinPool{ThinPlace: thinPlace, Only: privilege.ThinNotes},
		privilege.VerbThinChange: &privilege.ThinChange{ThinPlace: thinPlace, Do: privilege.ThinMake, Name: vm + ".raw", Bytes: 1 << 30},
		privilege.VerbThinOpen:   &privilege.ThinOpen{ThinPlace: thinPlace, Name: vm + ".raw", ReadOnly: true},
	}
}

// maxVerbs is how many things a helper may be asked that is small enough to be read.
const maxVerbs = 25

func TestTheVerbsAreFewAndEachHasItsCheck(t *testing.T) {
	if len(bodies) > maxVerbs {
		t.Errorf("%d verbs; at most %d", len(bodies), maxVerbs)
	}
	for verb := range bodies {
		if _, ok := samples()[verb]; !ok {
			t.Errorf("verb %s has no sample: it is neither tested nor fuzzed", verb)
		}
	}
}

func TestEveryVerbIsLetInAsWhatItIs(t *testing.T) {
	for verb, want := range samples() {
		files := regular(t, map[privilege.Verb]int{privilege.VerbLaunch: 2, privilege.VerbHarden: 1, privilege.VerbSecret: 1}[verb])
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
		`{"verb":"hello","body":{"path":"/etc/shadow"}}`:                       fault.Unreadable,
		`{"verb":"attach","body":{"vm":"` + vm + `","pid":1}}`:                 fault.Unreadable,
		`{"verb":"usage","body":{"vms":"all"}}`:                                fault.Unreadable,
		`{"verb":"exec"}`:                                                      fault.Invalid,
		`{"verb":"pool-folder","body":{"tree":"etc","names":["cron.d"]}}`:      fault.Invalid,
		`{"verb":"pool-folder","body":{"tree":"srv","names":["..","etc"]}}`:    fault.Invalid,
		`{"verb":"pool-folder","body":{"tree":"srv","names":["a/../../etc"]}}`: fault.Invalid,
		`{"verb":"pool-folder","body":{"tree":"srv"}}`:                         fault.Invalid,
		`{}`:                fault.Invalid,
		`{"verb":"attach"}`: fault.Invalid,
		`{"verb":"socket","body":{"vm":"` + vm + `","socket":"net-lan","cut":true}}`: fault.Invalid,
		`{"verb":"attach","body":{"vm":"../../../etc"}}`:                             fault.Invalid,
		`{"verb":"attach","body":{"vm":"` + strings.ToUpper(vm) + `"}}`:              fault.Invalid,
		`{"verb":"kill","body":{"vm":"` + vm + `","signal":"STOP"}}`:                 fault.Invalid,
		`{"verb":"uplink","body":{"vm":"` + vm + `","socket":"../../api"}}`:          fault.Invalid,
		`{"verb":"list","body":{"after":"z"}}`:                                       fault.Invalid,
		`{"verb":"hello","body":"` + strings.Repeat("x", 128<<10) + `"}`:             fault.Unreadable,
		`{"verb":"usage","body":{"vms":[` + strings.Repeat(`"",`, 256) + `""]}}`:     fault.Invalid,
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
		privilege.VerbSocket: privilege.Uplink{VM: vm, Socket: "net-lan"},
		privilege.VerbPin:    privilege.Pin{VM: vm, Rest: "0-1", Threads: map[int]string{7: "2"}},
		privilege.VerbPhase:  nil, privilege.VerbUnseal: nil, privilege.VerbRelock: privilege.Relock{}, privilege.VerbUnlock: samples()[privilege.VerbUnlock], privilege.VerbPoolFolder: samples()[privilege.VerbPoolFolder],
		privilege.VerbThinPool: samples()[privilege.VerbThinPool], privilege.VerbThinChange: samples()[privilege.VerbThinChange], privilege.VerbThinOpen: samples()[privilege.VerbThinOpen],
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
		{"-nic", "user"}, {"-net", "user"}, {"-display", "gtk"}, {"-vnc", ":1"}, {"-vnc", "none,sasl=on"}, {"-audiodev", "none,id=a"}, {"-audiodev", `{"driver":"wav","path":"/x"}`}, {"-spice", "port=1"}, {"-virtfs", "local,path=/"},
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
	for verb, body := range samples() {
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

// FuzzBody fuzzes each verb's own body: what does not fit into an envelope is never made.
func FuzzBody(f *testing.F) {
	verbs := slices.Sorted(maps.Keys(bodies))
	for verb, body := range samples() {
		data, err := json.Marshal(body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(slices.Index(verbs, verb)), data)
	}
	for _, text := range hostile {
		for i := range verbs {
			data, err := json.Marshal(map[string]any{"vm": text, "socket": text, "signal": text, "after": text, "vms": []string{text}, "name": text})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), data)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		verb := verbs[int(which)%len(verbs)]
		head, err := json.Marshal(verb)
		if err != nil {
			t.Fatal(err)
		}
		_, body, err := Let(slices.Concat([]byte(`{"verb":`), head, []byte(`,"body":`), data, []byte("}")), nil)
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.Unreadable {
				t.Fatalf("%s: %v is %v", verb, err, k)
			}
			return
		}
		if again, err := json.Marshal(body); err != nil || bytes.ContainsAny(again, "\x00") {
			t.Fatalf("%s: %v %q", verb, err, again)
		}
	})
}

// hostile are texts that would be another file, another option or another process to a helper that
// believed them.
var hostile = []string{
	"", ".", "..", "/", "../../etc/shadow", "/etc/shadow", "/proc/self/mem", "/proc/1/root", "a/b", "a\x00b", "a\nb", "-a", "--sandbox", "{fd:qmp}",
	"$(reboot)", "`reboot`", "%s%n", "1", "-1", "0", "\u202e", "\xff", strings.Repeat("a", 5000), strings.ToUpper(vm), vm + " ", vm + "/..", "helper", "api",
}

// No field that is a word is ever taken as a path, an option, or another's name.
func TestTheConnectionToATPMComesLast(t *testing.T) {
	l := privilege.Launch{TPM: true, Files: []string{"disk-root", "x"}, Sockets: []string{"qmp"}, Args: []string{"{fd:x} {fd:qmp} {fd:tpm}"}}
	if got, err := Number(&l); err != nil || got[0] != "4 5 6" {
		t.Errorf("%v, %v", got, err)
	}
	l.TPM = false
	if got, err := Number(&l); err == nil {
		t.Errorf("a connection to no TPM: %v", got)
	}
	for _, taken := range []func(*privilege.Launch){
		func(l *privilege.Launch) { l.Sockets = append(l.Sockets, privilege.TPMSocket) },
		func(l *privilege.Launch) { l.Files[0] = privilege.TPMSocket },
	} {
		l := good()
		taken(&l)
		if _, _, err := Let(message(t, privilege.VerbLaunch, l), regular(t, 2)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("its name is taken: %v", err)
		}
	}
}

func TestHostileWordsComeThroughInNoField(t *testing.T) {
	for _, text := range hostile {
		bad := map[string]func(*privilege.Launch){
			"vm": func(l *privilege.Launch) { l.VM = text }, "arch": func(l *privilege.Launch) { l.Arch = text },
			"files": func(l *privilege.Launch) { l.Files[1] = text }, "uplinks": func(l *privilege.Launch) { l.Uplinks[0].Socket = text },
			"an uplink's vm": func(l *privilege.Launch) { l.Uplinks[0].VM = vm + text }, "an option": func(l *privilege.Launch) { l.Args[0] = text },
		}
		if !isSocket(text) { // "a", "1", "helper" are good names of sockets: they stand in the VM's own folder
			bad["sockets"] = func(l *privilege.Launch) { l.Sockets[0] = text }
			bad["name"] = func(l *privilege.Launch) { l.Name = text }
		}
		for field, spoil := range bad {
			l := good()
			if spoil(&l); field == "files" && isFile(text) {
				continue // a name for a descriptor, never a path
			}
			if _, _, err := Let(message(t, privilege.VerbLaunch, l), regular(t, 2)); err == nil {
				t.Errorf("%s may be %q", field, text)
			}
		}
		for verb, body := range map[privilege.Verb]any{
			privilege.VerbAttach: privilege.ByVM{VM: text}, privilege.VerbCleanup: privilege.ByVM{VM: text}, privilege.VerbForget: privilege.ByVM{VM: text},
			privilege.VerbThreads: privilege.ByVM{VM: text}, privilege.VerbShares: privilege.ByVM{VM: text}, privilege.VerbKill: privilege.Kill{VM: text, Signal: "KILL"},
			privilege.VerbUplink: privilege.Uplink{VM: text, Socket: "net-lan"}, privilege.VerbUsage: privilege.Usage{VMs: []string{text}},
		} {
			if _, _, err := Let(message(t, verb, body), nil); err == nil {
				t.Errorf("%s takes the VM %q", verb, text)
			}
		}
	}
}

func TestOnlyFilesAndUnixSocketsGoIntoAVM(t *testing.T) {
	open := func(path string, flags int) int {
		t.Helper()
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	must := func(fd int, err error) int {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	file := regular(t, 1)[0].Name()
	for name, fd := range map[string]int{
		"a folder": open("/etc", unix.O_RDONLY|unix.O_DIRECTORY), "a path": open(file, unix.O_PATH), "a folder's path": open("/", unix.O_PATH),
		"a device": open("/dev/null", unix.O_RDWR), "memory of a process": open("/proc/self/mem", unix.O_RDONLY),
		"a namespace": open("/proc/self/ns/mnt", unix.O_RDONLY), "a file of /proc": open("/proc/self/status", unix.O_RDONLY),
		"a file of /sys":   open("/sys/kernel/mm/transparent_hugepage/enabled", unix.O_RDONLY),
		"a pidfd":          must(unix.PidfdOpen(os.Getpid(), 0)),
		"an eventfd":       must(unix.Eventfd(0, unix.EFD_CLOEXEC)),
		"an epoll":         must(unix.EpollCreate1(unix.EPOLL_CLOEXEC)),
		"an inotify":       must(unix.InotifyInit1(unix.IN_CLOEXEC)),
		"a TCP socket":     must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)),
		"a netlink socket": must(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)),
	} {
		f := os.NewFile(uintptr(fd), name)
		if _, _, err := Let(message(t, privilege.VerbLaunch, good()), []*os.File{regular(t, 1)[0], f}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		_ = f.Close()
	}
	for name, fd := range map[string]int{
		"a file": open(file, unix.O_RDONLY), "a memfd": must(unix.MemfdCreate("m", unix.MFD_CLOEXEC)),
		"a unix socket": must(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)),
	} {
		f := os.NewFile(uintptr(fd), name)
		if _, _, err := Let(message(t, privilege.VerbLaunch, good()), []*os.File{regular(t, 1)[0], f}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_ = f.Close()
	}
}
