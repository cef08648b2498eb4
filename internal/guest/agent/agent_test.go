package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guest answers as the agent of Debian 12 does (7.2), in a guest of which says knows the answers.
type guest struct {
	t    *testing.T
	says map[string]string // command → what comes after "return": ; or a whole line that begins with !

	mu    sync.Mutex
	asked []string
	mute  map[string]bool // commands that are never answered
	runs  *programs       // what it is asked to run is run; nil: says knows what comes of it
	slow  chan struct{}   // a freeze is answered once it is closed; nil: at once
}

// talk serves one client at a time, as QEMU does.
func (g *guest) talk(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		from := bufio.NewReader(c)
		for {
			line, err := from.ReadBytes('\n')
			if err != nil {
				break
			}
			g.answer(c, line)
		}
		_ = c.Close()
	}
}

func (g *guest) answer(c net.Conn, line []byte) {
	if line[0] == sentinel {
		fmt.Fprintf(c, `{"error": {"class": "GenericError", "desc": "JSON parse error, stray '\\uFFFD'"}}`+"\n")
		line = line[1:]
	}
	var r struct {
		Execute   string
		Arguments struct{ ID int64 }
	}
	if err := json.Unmarshal(line, &r); err != nil {
		g.t.Errorf("not JSON: %q", line)
		return
	}
	g.mu.Lock()
	g.asked = append(g.asked, strings.TrimSpace(string(line)))
	says, known := g.says[r.Execute]
	mute, slow := g.mute[r.Execute], g.slow
	g.mu.Unlock()
	if r.Execute == "guest-fsfreeze-freeze" && slow != nil {
		<-slow
	}
	if g.runs != nil && strings.HasPrefix(r.Execute, "guest-exec") {
		says, known = g.runs.answer(line), true
	}
	switch {
	case mute:
	case r.Execute == "guest-sync-delimited":
		fmt.Fprintf(c, "\xff{\"return\": %d}\n", r.Arguments.ID)
	case strings.HasPrefix(says, "!"):
		fmt.Fprintln(c, says[1:])
	case known:
		fmt.Fprintf(c, "{\"return\": %s}\n", says)
	default:
		fmt.Fprintf(c, `{"error": {"class": "CommandNotFound", "desc": "The command %s has not been found"}}`+"\n", r.Execute)
	}
}

func (g *guest) say(command, answer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.says[command] = answer
}

func (g *guest) count(part string) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range g.asked {
		if strings.Contains(a, part) {
			n++
		}
	}
	return n
}

// debian is what the agent of a Debian 12 says.
func debian() map[string]string {
	commands := []string{"guest-ping", "guest-info", "guest-fsfreeze-status"}
	commands = append(commands, wanted...)
	var list []string
	for _, c := range commands {
		list = append(list, fmt.Sprintf(`{"enabled": true, "name": %q, "success-response": true}`, c))
	}
	return map[string]string{
		"guest-ping":                   `{}`,
		"guest-info":                   `{"version": "7.2.22", "supported_commands": [` + strings.Join(list, ", ") + `]}`,
		"guest-fsfreeze-status":        `"thawed"`,
		"guest-fsfreeze-freeze":        `1`,
		"guest-fsfreeze-thaw":          `1`,
		"guest-get-host-name":          `{"host-name": "webby"}`,
		"guest-get-osinfo":             `{"name": "Debian GNU/Linux", "kernel-release": "6.1.0-56-cloud-amd64", "version": "12 (bookworm)", "pretty-name": "Debian GNU/Linux 12 (bookworm)", "version-id": "12", "id": "debian"}`,
		"guest-get-users":              `[{"login-time": 1.5, "user": "root"}, {"user": "root"}]`,
		"guest-network-get-interfaces": `[{"name": "lo", "ip-addresses": [{"ip-address-type": "ipv4", "ip-address": "127.0.0.1", "prefix": 8}]}, {"name": "enp1s0", "hardware-address": "52:54:00:12:34:56", "ip-addresses": [{"ip-address-type": "ipv4", "ip-address": "10.0.2.15", "prefix": 24}, {"ip-address-type": "ipv6", "ip-address": "fe80::5054:ff:fe12:3456", "prefix": 64}]}]`,
		"guest-get-fsinfo":             `[{"name": "vda2", "total-bytes": 2000, "mountpoint": "/", "used-bytes": 500, "type": "ext4", "disk": []}]`,
		"guest-set-time":               `{}`,
		"guest-set-user-password":      `{}`,
		"guest-fstrim":                 `{"paths": [{"path": "/", "trimmed": 4096}, {"path": "/boot", "error": "no"}]}`,
		"guest-exec":                   `{"pid": 77}`,
		"guest-exec-status":            `{"exited": true, "exitcode": 3, "out-data": "d2ViYnkK", "err-data": "b2g="}`,
	}
}

// line is a VM whose guest is g.
type line struct {
	*Agents
	guest *guest
	found chan vm.GuestStatus
}

const uuid = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"

var ref = model.Ref{Project: "default", Name: "web"}

func start(t *testing.T, says map[string]string, change ...func(*Config)) *line {
	t.Helper()
	g := &guest{t: t, says: says, mute: map[string]bool{}}
	path := filepath.Join(t.TempDir(), "agent0")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { g.talk(l) })
	out := &line{guest: g, found: make(chan vm.GuestStatus, 64)}
	c := Config{
		Find:   func(context.Context, model.Ref) (string, error) { return uuid, nil },
		Socket: func(string, string) (string, error) { return path, nil },
		Found:  func(_ string, g vm.GuestStatus) { out.found <- g },
		Now:    func() time.Time { return time.Unix(1700000000, 0).UTC() },
		Log:    slog.New(slog.DiscardHandler), Within: 5 * time.Second,
	}
	for _, f := range change {
		f(&c)
	}
	out.Agents = New(c)
	t.Cleanup(func() {
		out.Close()
		_ = l.Close()
		wg.Wait()
	})
	return out
}

func (l *line) opened(t *testing.T) vm.GuestStatus {
	t.Helper()
	l.Port(uuid, true)
	return <-l.found
}

func TestAGuestThatOpensItsPortIsAskedWhatItIs(t *testing.T) {
	l := start(t, debian())
	got := l.opened(t)
	want := vm.GuestStatus{
		Seen: time.Unix(1700000000, 0).UTC(), Answers: true, Agent: "7.2.22", Hostname: "webby", Users: []string{"root"},
		OS:        &vm.GuestOS{ID: "debian", Name: "Debian GNU/Linux 12 (bookworm)", Version: "12", Kernel: "6.1.0-56-cloud-amd64"},
		Addresses: []string{"10.0.2.15"},
		Interfaces: []vm.GuestInterface{
			{Name: "lo", Addresses: []string{"127.0.0.1/8"}},
			{Name: "enp1s0", MAC: "52:54:00:12:34:56", Addresses: []string{"10.0.2.15/24", "fe80::5054:ff:fe12:3456/64"}},
		},
		Filesystems: []vm.GuestFilesystem{{Mountpoint: "/", Type: "ext4", Device: "vda2", Used: 500, Total: 2000}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	l.Port(uuid, false)
	if gone := <-l.found; gone.Answers || gone.Hostname != "webby" {
		t.Errorf("once its port is closed it is %+v", gone)
	}
	if _, err := l.Facts(t.Context(), ref); fault.CodeOf(err) != "HV-GUEST-001" || !strings.Contains(fault.HintOf(err), "install qemu-guest-agent") {
		t.Errorf("then: %v, hint %s", err, fault.HintOf(err))
	}
}

func TestAProgramRunsInTheGuestAndEndsWithItsCode(t *testing.T) {
	l := start(t, debian())
	l.opened(t)
	got, err := l.Exec(t.Context(), ref, vm.ExecRequest{Command: []string{"hostname", "-f"}, Input: []byte("x")})
	if err != nil || got.ExitCode != 3 || string(got.Output) != "webby\n" || string(got.Errors) != "oh" || got.PID != 77 {
		t.Errorf("%+v, %v", got, err)
	}
	if l.guest.count(`"path":"hostname","arg":["-f"],"input-data":"eA==","capture-output":true`) != 1 {
		t.Error(l.guest.asked)
	}
	if _, err := l.Exec(t.Context(), ref, vm.ExecRequest{}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("nothing to run: %v", err)
	}
}

func TestAProgramThatDoesNotEndIsSaidToGoOn(t *testing.T) {
	l := start(t, debian())
	l.opened(t)
	l.guest.say("guest-exec-status", `{"exited": false}`)
	_, err := l.Exec(t.Context(), ref, vm.ExecRequest{Command: []string{"sleep"}, Timeout: 1})
	if fault.CodeOf(err) != "HV-GUEST-007" || !strings.Contains(err.Error(), "process 77") {
		t.Error(err)
	}
}

func TestWhatAGuestDoesNotDoIsSaidByItsName(t *testing.T) {
	says := debian()
	says["guest-info"] = strings.Replace(says["guest-info"], `{"enabled": true, "name": "guest-exec",`, `{"enabled": false, "name": "guest-exec",`, 1)
	says["guest-exec"] = `!{"error": {"class": "CommandNotFound", "desc": "The command guest-exec has been disabled for this instance"}}`
	delete(says, "guest-fstrim")
	l := start(t, says)
	if g := l.opened(t); !cmp.Equal(g.Lacks, []string{"guest-exec"}) {
		t.Errorf("it lacks %v", g.Lacks)
	}
	_, err := l.Exec(t.Context(), ref, vm.ExecRequest{Command: []string{"true"}})
	if fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "guest-exec is disabled in the guest") {
		t.Error(err)
	}
	if _, err := l.Trim(t.Context(), ref); fault.CodeOf(err) != "HV-GUEST-003" {
		t.Error(err)
	}
}

func TestALateAnswerIsNotTakenForTheNext(t *testing.T) {
	l := start(t, debian(), func(c *Config) { c.Within = 50 * time.Millisecond })
	l.opened(t)
	l.guest.mu.Lock()
	l.guest.mute["guest-ping"] = true
	l.guest.mu.Unlock()
	s, err := l.session(uuid)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ask(t.Context(), "guest-ping", nil, nil); fault.CodeOf(err) != "HV-GUEST-001" || !strings.Contains(err.Error(), "in time") {
		t.Errorf("it is silent: %v", err)
	}
	l.guest.say("guest-sync-delimited", "")
	if err := l.SetTime(t.Context(), ref); err != nil { // the stray answers before the sync are passed over
		t.Error(err)
	}
	if l.guest.count(`{"time":1700000000000000000}`) != 1 {
		t.Error(l.guest.asked)
	}
}

func TestAGuestIsThawedWhateverHappens(t *testing.T) {
	l := start(t, debian())
	l.opened(t)
	if n, err := l.Freeze(t.Context(), uuid, time.Hour); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := l.Freeze(t.Context(), uuid, time.Hour); fault.KindOf(err) != fault.Conflict {
		t.Errorf("twice: %v", err)
	}
	if n, err := l.Thaw(t.Context(), uuid); n != 1 || err != nil {
		t.Error(n, err)
	}
	thaws := func() int { return l.guest.count("guest-fsfreeze-thaw") }
	before := thaws()
	if _, err := l.Freeze(t.Context(), uuid, time.Millisecond); err != nil { // nobody thaws it
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); thaws() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it stays frozen after its time")
		}
	}
	l.guest.say("guest-fsfreeze-freeze", `!{"error": {"class": "GenericError", "desc": "hook has failed with status 1"}}`)
	before = thaws()
	if _, err := l.Freeze(t.Context(), uuid, time.Hour); err == nil || !strings.Contains(err.Error(), "hook has failed") || thaws() == before {
		t.Errorf("a hook that fails: %v, thawed %v", err, thaws() > before)
	}
	l.guest.say("guest-fsfreeze-freeze", `2`)
	if _, err := l.Freeze(t.Context(), uuid, time.Hour); err != nil {
		t.Fatal(err)
	}
	before = thaws()
	l.Close() // the daemon ends
	if thaws() == before {
		t.Error("it stays frozen when the daemon ends")
	}
}

// What a guest takes to write out what it holds is not taken from the time for which it is held.
func TestAGuestThatFreezesSlowlyIsNotThawedBeforeItIsFrozen(t *testing.T) {
	l := start(t, debian())
	l.opened(t)
	slow := make(chan struct{})
	l.guest.mu.Lock()
	l.guest.slow = slow
	l.guest.mu.Unlock()
	froze := make(chan error, 1)
	go func() {
		_, err := l.Freeze(t.Context(), uuid, time.Millisecond)
		froze <- err
	}()
	await(t, "it is not asked", func() bool { return l.guest.count("guest-fsfreeze-freeze") == 1 })
	for range 50 { // many times as long as it may be held
		if time.Sleep(time.Millisecond); !l.Frozen(uuid) {
			t.Fatal("it is thawed before it is frozen")
		}
	}
	close(slow)
	if err := <-froze; err != nil {
		t.Error(err)
	}
	await(t, "it stays frozen after its time", func() bool { return !l.Frozen(uuid) && l.guest.count("guest-fsfreeze-thaw") == 1 })
}

func TestNobodyWaitsForAGuestThatIsSilentLongerThanTheyMay(t *testing.T) {
	l := start(t, debian(), func(c *Config) { c.Within = 50 * time.Millisecond })
	l.opened(t)
	silent, err := l.session(uuid)
	if err != nil {
		t.Fatal(err)
	}
	silent.turn <- struct{}{} // somebody waits for it
	if err := l.SetTime(t.Context(), ref); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "under way") {
		t.Errorf("its time: %v", err)
	}
	if _, err := l.Freeze(t.Context(), uuid, time.Hour); fault.KindOf(err) != fault.Unavailable || l.Frozen(uuid) {
		t.Errorf("a snapshot: %v", err)
	}
	if err := l.Shutdown(t.Context(), uuid); fault.KindOf(err) != fault.Unavailable { // its power button is next
		t.Errorf("a stop: %v", err)
	}
	<-silent.turn
}

func TestAGuestThatDoesNotSayThatItHasTrimmedIsNotWaitedForLongerThanForAnythingElse(t *testing.T) {
	l := start(t, debian(), func(c *Config) { c.Within = 50 * time.Millisecond })
	l.guest.mute["guest-fstrim"] = true
	l.opened(t)
	_, err := l.Trim(t.Context(), ref)
	if fault.KindOf(err) != fault.Unavailable || fault.CodeOf(err) != "HV-GUEST-001" || !strings.Contains(err.Error(), "within 50ms") {
		t.Errorf("a silent guest: %v", err)
	}
	if err := l.SetTime(t.Context(), ref); err != nil {
		t.Errorf("it keeps the next from its agent: %v", err)
	}
}

func await(t *testing.T, otherwise string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(otherwise)
		}
	}
}

func TestAGuestThatAKilledDaemonLeftFrozenIsThawed(t *testing.T) {
	says := debian()
	says["guest-fsfreeze-status"] = `"frozen"`
	l := start(t, says)
	if g := l.opened(t); g.Frozen || l.guest.count("guest-fsfreeze-thaw") == 0 {
		t.Errorf("%+v, asked %v", g, l.guest.asked)
	}
}

func TestAPasswordReachesTheGuestAndNothingElse(t *testing.T) {
	l := start(t, debian())
	l.opened(t)
	l.guest.say("guest-set-user-password", `!{"error": {"class": "GenericError", "desc": "child process has failed to set user password"}}`)
	err := l.SetPassword(t.Context(), ref, "debian", "s3cret-word", false)
	if err == nil || strings.Contains(fmt.Sprintf("%+v", err), "s3cret") {
		t.Error(err)
	}
	if l.guest.count(`{"username":"debian","password":"czNjcmV0LXdvcmQ=","crypted":false}`) != 1 {
		t.Error(l.guest.asked)
	}
}

func TestAGuestIsAskedOnceToPowerOff(t *testing.T) {
	l := start(t, debian())
	l.guest.mute["guest-shutdown"] = true
	l.opened(t)
	if err := l.Shutdown(t.Context(), uuid); err != nil {
		t.Error(err)
	}
	if err := l.Shutdown(t.Context(), uuid); err == nil { // its power button is next
		t.Error("it is asked again")
	}
	if l.guest.count(`"guest-shutdown","arguments":{"mode":"powerdown"}`) != 1 {
		t.Error(l.guest.asked)
	}
}

func TestAHostileGuestIsCutOff(t *testing.T) {
	for name, says := range map[string]string{
		"no JSON": "!<html>", "nothing": "!{}", "endless": `"` + strings.Repeat("x", maxReply) + `"`, "another shape": `[1]`,
		"deep": "!" + strings.Repeat("[", 20000),
	} {
		t.Run(name, func(t *testing.T) {
			all := debian()
			l := start(t, all)
			l.opened(t)
			l.guest.say("guest-exec", says)
			if _, err := l.Exec(t.Context(), ref, vm.ExecRequest{Command: []string{"true"}}); fault.CodeOf(err) != "HV-GUEST-005" {
				t.Error(err)
			}
			if err := l.SetTime(t.Context(), ref); err != nil {
				t.Errorf("and the next request: %v", err)
			}
		})
	}
}

func TestAVMWithoutAPortIsToldHowToGetOne(t *testing.T) {
	l := start(t, debian(), func(c *Config) {
		c.Socket = func(string, string) (string, error) { return "", fault.New(fault.NotFound, "none") }
	})
	if _, err := l.Facts(t.Context(), ref); fault.CodeOf(err) != "HV-GUEST-002" {
		t.Error(err)
	}
}

func FuzzGuest(f *testing.F) {
	f.Add([]byte("\xff{\"return\": 7}\n{\"return\": {\"version\": \"1\"}}\n"))
	for _, says := range debian() {
		f.Add([]byte("\xff{\"return\": " + says + "}\n"))
	}
	f.Add([]byte(`{"error": {"class": "x", "desc": "` + "\x1b[2J" + `"}}` + "\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		from := bufio.NewReaderSize(bytes.NewReader(said), 16)
		if skip(from) != nil {
			from = bufio.NewReaderSize(bytes.NewReader(said), 16)
		}
		r, err := readReply(from, 1<<16)
		if err != nil {
			return
		}
		if err := r.result("x", nil); err != nil && strings.ContainsAny(err.Error(), "\x1b\n\x00") {
			t.Errorf("%q", err)
		}
		var nets []netInterface
		if r.result("x", &nets) == nil {
			if is, to := interfaces(nets); len(is) > maxInterfaces || len(to) > maxAddresses {
				t.Error(is, to)
			}
		}
		var disks []filesystem
		if r.result("x", &disks) == nil && len(filesystems(disks)) > maxFilesystems {
			t.Error("too many file systems")
		}
	})
}
