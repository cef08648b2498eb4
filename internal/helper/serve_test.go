package helper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/launch"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/uid"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege/packet"
)

// TestMain makes this test hv-helper's copy when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == launch.ShimVerb || os.Args[1] == probeVerb) {
		os.Exit(Command(os.Args[1:]))
	}
	os.Exit(m.Run())
}

const vmA, vmB = "0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a001", "1b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a002"

// syncLog is a log that may be read while it is written.
type syncLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *syncLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *syncLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// options is a host of our own: whoever runs the test is root and hvd in one.
func options(t testing.TB) Options {
	t.Helper()
	dir, err := os.MkdirTemp("", "hv") // short, because sockets' names are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	me := fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
	return Options{State: filepath.Join(dir, "state"), HVDUser: me, Group: fmt.Sprint(os.Getgid()), RunPath: filepath.Join(dir, "run", "01234567")}
}

// serving starts a helper and returns a client of it. It ends with the test.
func serving(t testing.TB, o Options) *privilege.Client {
	t.Helper()
	ready, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	o.ReadyFD, err = unix.Dup(int(w.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close() // the helper has its own
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, o, &syncLog{}) }()
	if n, err := ready.Read(make([]byte, 16)); n == 0 {
		cancel()
		t.Fatalf("not ready: %v, %v", err, <-done)
	}
	_ = ready.Close() // it has said it
	client := privilege.Dial(filepath.Join(o.RunPath, privilege.HelperSocket))
	t.Cleanup(func() {
		client.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return client
}

func TestAHelperAnswersWhatNeedsNoPrivilege(t *testing.T) {
	o := options(t)
	client := serving(t, o)
	ctx := t.Context()
	hello, err := client.Hello(ctx)
	if err != nil || hello.RunFolder != o.RunPath || hello.FirstUID != uid.First || hello.BootID == "" || hello.Version == "" {
		t.Errorf("%+v, %v", hello, err)
	}
	if list, err := client.List(ctx); err != nil || len(list.VMs) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if used, err := client.Usage(ctx, privilege.Usage{VMs: []string{vmA}}); err != nil || len(used) != 0 {
		t.Errorf("%+v, %v", used, err)
	}
	for name, call := range map[string]func() error{
		"attach": func() error { _, err := client.Attach(ctx, vmA); return err },
		"kill":   func() error { return client.Kill(ctx, vmA, privilege.SignalKill) },
		"thread": func() error { _, err := client.Threads(ctx, vmA); return err },
		"uplink": func() error { return client.Uplink(ctx, privilege.Uplink{VM: vmA, Socket: "net-lan"}) },
	} {
		if err := call(); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s of a VM that is not: %v", name, err)
		}
	}
	if err := errors.Join(client.Cleanup(ctx, vmA), client.Forget(ctx, vmA)); err != nil {
		t.Errorf("nothing to clean up: %v", err)
	}
	if err := client.Kill(ctx, "x", "STOP"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
	listener, err := client.Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close() // it was ours
}

func TestAHelperListsWhatAnEarlierOneHasLeft(t *testing.T) {
	o := options(t)
	own, err := owners(o.HVDUser, o.Group)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := run.Open(o.RunPath, own)
	if err != nil {
		t.Fatal(err)
	}
	const many = 3*pageOfVMs - 1
	for i := range many {
		vm := fmt.Sprintf("0b8ff1a6-6c2e-4a9e-9a53-%012x", i)
		if err := folder.MakeVM(vm); err != nil {
			t.Fatal(err)
		}
		// Our own pid at another time, and an earlier boot: neither lives.
		r := run.Record{VM: vm, Name: "web", BootID: "an earlier one", UID: uid.First + uint32(i)*uid.Block, PID: os.Getpid(), Start: 1,
			Sockets: map[string]string{"qmp": "qmp.sock"}, Uplinks: []run.Uplink{{Socket: "net-lan", PID: os.Getpid(), Start: 1, Why: "no route"}}}
		if err := folder.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := folder.MakeVM(vmB); err != nil { // without a record
		t.Fatal(err)
	}
	folder.Close()

	client := serving(t, o)
	list, err := client.List(t.Context())
	if err != nil || len(list.VMs) != many+1 || len(list.Strays) != 1 || !strings.Contains(list.Strays[0], vmB) {
		t.Fatalf("%d VMs, strays %v, %v", len(list.VMs), list.Strays, err)
	}
	for i, vm := range list.VMs {
		if vm.Alive || i > 0 && vm.VM <= list.VMs[i-1].VM {
			t.Errorf("%+v", vm)
		}
	}
	first := list.VMs[0]
	if first.Sockets["qmp"] != "vm/"+first.VM+"/qmp.sock" || first.Uplinks["net-lan"] || first.UplinkWhy["net-lan"] != "no route" || first.Exit == "" {
		t.Errorf("%+v", first)
	}
	for _, vm := range list.VMs {
		if err := client.Forget(t.Context(), vm.VM); err != nil {
			t.Error(err)
		}
	}
	if list, err = client.List(t.Context()); err != nil || len(list.VMs) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestAStrangerGetsNothing(t *testing.T) {
	h := &Helper{log: &syncLog{}}
	path := filepath.Join(t.TempDir(), "s")
	l, err := packet.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{helper: h, hvd: uint32(os.Getuid()) + 1, root: uint32(os.Getuid()) + 1}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.serve(ctx, l) }()
	conn, err := packet.Dial(path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Send([]byte(`{"verb":"hello"}`), nil) // it may be closed by now
	if n, _, err := conn.Recv(make([]byte, 1024), 1); err == nil {
		t.Errorf("got %d bytes", n)
	}
	_ = conn.Close() // nothing was said
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAMistakeInOneRequestDoesNotEndTheHelper(t *testing.T) {
	s := &server{helper: &Helper{log: &syncLog{}}} // whose parts are missing
	_, _, err := s.answer([]byte(`{"verb":"hello"}`), nil)
	if fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), "mistake") {
		t.Errorf("%v", err)
	}
}

func TestAnAnswerThatIsTooLargeIsSaidToBe(t *testing.T) {
	for _, reply := range []any{strings.Repeat("x", privilege.MaxMessage), func() {}} {
		if data := string(pack(reply, nil)); len(data) > privilege.MaxMessage || !strings.Contains(data, `"failure"`) {
			t.Errorf("%d bytes: %.100s", len(data), data)
		}
	}
}

func TestTheStateFolderMustBeOneThatHVDCannotTurnIntoAnother(t *testing.T) {
	own := run.Owners{Root: os.Geteuid(), HVD: os.Getuid(), HVDGroup: os.Getgid()}
	for name, prepare := range map[string]func(state string) error{
		"a link in the place of helper": func(s string) error {
			return errors.Join(os.Mkdir(s, 0o700), os.Symlink("/tmp", filepath.Join(s, "helper")))
		},
		"a link in the place of the state folder": func(s string) error { return os.Symlink("/tmp", s) },
		"a file in the place of helper": func(s string) error {
			return errors.Join(os.Mkdir(s, 0o700), os.WriteFile(filepath.Join(s, "helper"), nil, 0o600))
		},
		"a folder that others may enter": func(s string) error {
			return errors.Join(os.Mkdir(s, 0o700), os.Mkdir(filepath.Join(s, "helper"), 0o700), os.Chmod(filepath.Join(s, "helper"), 0o750)) //nolint:gosec // a mode that must be refused
		},
		"no folder above": func(s string) error { return os.Remove(filepath.Dir(s)) },
	} {
		state := filepath.Join(t.TempDir(), "above", "state")
		if err := errors.Join(os.Mkdir(filepath.Dir(state), 0o700), prepare(state)); err != nil {
			t.Fatal(err)
		}
		if dir, err := stateFolder(state, own); err == nil {
			_ = dir.Close() // a folder
			t.Errorf("%s: taken", name)
		}
	}
	notOurs := own
	notOurs.Root++
	state := filepath.Join(t.TempDir(), "state")
	if dir, err := stateFolder(state, notOurs); fault.KindOf(err) != fault.Denied {
		t.Errorf("somebody else's folder: %v, %v", dir, err)
	}
	dir, err := stateFolder(state, own)
	if err != nil {
		t.Fatal(err)
	}
	_ = dir.Close() // a folder
}

func TestOwnersAreNamesOrNumbers(t *testing.T) {
	if o, err := owners("64077", "64078"); err != nil || o.HVD != 64077 || o.HVDGroup != 64077 || o.APIGroup != 64078 {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := owners("64077:5", "root"); err != nil || o.HVDGroup != 5 || o.APIGroup != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := owners("root", "0"); err != nil || o.HVD != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range [][2]string{{"no-such-user-here", "0"}, {"0", "no-such-group-here"}} {
		if _, err := owners(bad[0], bad[1]); fault.KindOf(err) != fault.Precondition || fault.HintOf(err) == "" {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestTheCommandLineIsRead(t *testing.T) {
	for line, want := range map[string]int{"--version": 0, "-h": 0, "": 2, "--state": 2, "--state x extra": 2, "--bad": 2, "launch": 125} {
		if code := Command(strings.Fields(line)); code != want {
			t.Errorf("%q: %d, want %d", line, code, want)
		}
	}
}

func TestSystemdIsToldThatWeAreReady(t *testing.T) {
	dir, err := os.MkdirTemp("", "hv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "notify")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	if err := announce(0); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	if n, err := unix.Read(fd, buf); err != nil || string(buf[:n]) != "READY=1" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

func TestAVerdictHoldsForOneBoot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kvm.json")
	want := privilege.KVMReply{OK: true, Why: "it ran"}
	saveVerdict(file, "boot-1", want)
	if got := savedVerdict(file, "boot-1"); got == nil || *got != want {
		t.Errorf("%+v", got)
	}
	if got := savedVerdict(file, "boot-2"); got != nil {
		t.Errorf("another boot's: %+v", got)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := savedVerdict(file, "boot-1"); got != nil {
		t.Errorf("damaged: %+v", got)
	}
}

func TestPasstsLastWordsAreAboutTheNetwork(t *testing.T) {
	log := "No routable interface for IPv4\n\nExternal interface not usable\nFailed to send 30 bytes to syslog\n"
	if got := lastWords(log); got != "External interface not usable" {
		t.Errorf("%q", got)
	}
	if got := lastWords("\n"); got != "" {
		t.Errorf("%q", got)
	}
}

func TestAListOfVMsThatHaveMuchToTellComesInParts(t *testing.T) {
	o := options(t)
	own, err := owners(o.HVDUser, o.Group)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := run.Open(o.RunPath, own)
	if err != nil {
		t.Fatal(err)
	}
	// Eight network cards are what a VM may have; on a host without a route none of them has a passt.
	r := run.Record{Name: "web", BootID: "an earlier one", UID: uid.First, Sockets: map[string]string{"qmp": "qmp.sock", "serial0": "serial0.sock"}}
	for i := range 8 {
		socket := fmt.Sprintf("net-%058d%d", 0, i)
		r.Sockets[socket] = run.SocketFile(socket)
		r.Uplinks = append(r.Uplinks, run.Uplink{Socket: socket, Why: "passt: exit status 1: " + strings.Repeat("no route ", 30)})
	}
	const many = 2 * pageOfVMs
	for i := range many {
		r.VM = fmt.Sprintf("0b8ff1a6-6c2e-4a9e-9a53-%012x", i)
		if err := errors.Join(folder.MakeVM(r.VM), folder.Write(r)); err != nil {
			t.Fatal(err)
		}
	}
	folder.Close()

	list, err := serving(t, o).List(t.Context())
	if err != nil || len(list.VMs) != many {
		t.Fatalf("%d VMs of %d, %v", len(list.VMs), many, err)
	}
}

func TestAHelperEndsThoughItsClientDoesNotListen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := packet.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{helper: &Helper{log: &syncLog{}}, hvd: uint32(os.Getuid()), root: uint32(os.Getuid())}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.serve(ctx, l) }()
	conn, err := packet.Dial(path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // nothing of it was read
	for err == nil {                    // until neither side can send any more
		err = errors.Join(conn.SetDeadline(time.Now().Add(200*time.Millisecond)), conn.Send([]byte(`{"verb":"none"}`), nil))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it waits for its client for ever")
	}
}
