//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/debian"
	"github.com/hyper-nixos/hyper-nixos/test/guest"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// debianHost is a host with a volume of the Debian cloud image.
func debianHost(t *testing.T, volume string) *onehost.Host {
	t.Helper()
	h := onehost.New(t)
	cache, err := guest.CacheDir()
	if err != nil {
		t.Skipf("no cache for the image: %v", err)
	}
	image, err := debian.Build(t.Context(), cache, os.Stderr)
	if err != nil {
		t.Skipf("no Debian image: %v", err)
	}
	must(t, h, "volume", "import", volume, image.Disk, "--format", "qcow2")
	return h
}

const debianVM = `{ name = "web"; memory = "512MiB"; cpus = 2; disks.root.volume = "web-root"; nics.lan = { };
  cloudInit = { hostname = "webby"; user = "me"; passwordHash = "$6$saltsalt$abcdefghijklmnopqrstuv"; runcmd = [ "echo made by $(hostname) > /etc/made" ]; }; }`

func TestACloudImageConfiguresItselfAndItsGuestIsSpokenTo(t *testing.T) {
	h := debianHost(t, "web-root")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", debianVM))
	if out := must(t, h, "vm", "cloud-init", "web"); !strings.Contains(out, "hostname: webby") || strings.Contains(out, "$6$") {
		t.Errorf("what the guest is told is shown as\n%s", out)
	}
	for _, form := range []string{"json", "table"} {
		if out := must(t, h, "vm", "show", "web", "-o", form); strings.Contains(out, "saltsalt") {
			t.Errorf("a secret is shown:\n%s", out)
		}
	}
	if out := must(t, h, "vm", "cloud-init", "web", "--show-secrets"); !strings.Contains(out, "$6$saltsalt$") {
		t.Errorf("root is not shown the secrets:\n%s", out)
	}
	began := time.Now()
	must(t, h, "vm", "start", "web")
	t.Cleanup(func() {
		if t.Failed() {
			wrote, _, _ := h.HV(context.WithoutCancel(t.Context()), nil, "vm", "logs", "web", "--tail", "60")
			t.Logf("the guest wrote\n%s", wrote)
		}
	})
	must(t, h, "vm", "wait", "web", "--for", "agent", "--timeout", "170s")
	t.Logf("the agent answers %s after the start", time.Since(began).Round(time.Second))

	if out := must(t, h, "vm", "exec", "web", "--", "hostname"); out != "webby\n" {
		t.Errorf("its name is %q", out)
	}
	must(t, h, "vm", "exec", "web", "--", "sh", "-c", "cloud-init status --wait || true") // what it made is what counts
	understood(t, h, "web")
	if out := must(t, h, "vm", "exec", "web", "--", "cat", "/etc/made"); out != "made by webby\n" {
		t.Errorf("at its first boot it made %q", out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, errs, code := h.HV(ctx, strings.NewReader("in\n"), "vm", "exec", "-i", "web", "--", "sh", "-c", "cat; echo out >&2; exit 7"); out != "in\n" || errs != "out\n" || code != 7 {
		t.Errorf("a program that ends with 7: %q, %q, %d", out, errs, code)
	}
	tellsWhileItRuns(t, h)
	knowsItself(t, h)
	takesAPassword(t, h)
	thawsWhatACrashLeft(t, h)
	stopsByItsAgent(t, h)
	if strings.Contains(h.Logs(), "s3cret-word") || strings.Contains(h.Logs(), "saltsalt") {
		t.Error("a secret stands in the daemon's log")
	}
}

// understood: cloud-init minds nothing of what the guest was told, nor of what its image says beside that.
func understood(t *testing.T, h *onehost.Host, name string) {
	t.Helper()
	if out := must(t, h, "vm", "exec", name, "--", "sh", "-c", "cloud-init schema --system 2>&1; grep 'cloud-config provided' /var/log/cloud-init.log || true"); !strings.Contains(out, "Valid cloud-config") || strings.Contains(out, "provided") {
		t.Errorf("cloud-init says of what it was told:\n%s", out)
	}
}

func knowsItself(t *testing.T, h *onehost.Host) {
	t.Helper()
	var g vm.GuestStatus
	if err := json.Unmarshal([]byte(must(t, h, "vm", "guest", "web", "-o", "json")), &g); err != nil {
		t.Fatal(err)
	}
	if g.Hostname != "webby" || g.OS == nil || g.OS.ID != "debian" || g.Agent == "" || len(g.Addresses) == 0 || len(g.Filesystems) == 0 || len(g.Lacks) > 0 {
		t.Errorf("it says of itself %+v", g)
	}
	if out := must(t, h, "vm", "list", "-o", "wide"); len(g.Addresses) > 0 && !strings.Contains(out, g.Addresses[0]) {
		t.Errorf("the list does not have %v:\n%s", g.Addresses, out)
	}
	if out := must(t, h, "vm", "exec", "web", "--", "sh", "-c", "ls -d /sys/bus/acpi/devices/QEMUVGID:00; grep -c . /etc/machine-id"); !strings.Contains(out, "QEMUVGID") {
		t.Errorf("it sees no generation ID: %q", out)
	}
	must(t, h, "vm", "set-time", "web")
	must(t, h, "vm", "trim", "web")
}

// tellsWhileItRuns: a program that does not end is heard, and ends with its reader.
func tellsWhileItRuns(t *testing.T, h *onehost.Host) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(h.Bin, "hv"), "vm", "exec", "web", "--", "sh", "-c", "echo $$ > /run/told; echo one; tail -f /run/told")
	cmd.Env = append(os.Environ(), "HV_HOST=unix://"+filepath.Join(h.Run, "api.sock"))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(out)
	if line, err := from.ReadString('\n'); err != nil || line != "one\n" {
		t.Errorf("it says %q, %v", line, err)
	}
	if line, err := from.ReadString('\n'); err != nil || len(line) < 2 {
		t.Errorf("it follows what it wrote: %q, %v", line, err)
	}
	must(t, h, "vm", "exec", "web", "--", "sh", "-c", "echo more >> /run/told")
	if line, err := from.ReadString('\n'); err != nil || line != "more\n" {
		t.Errorf("then it says %q, %v", line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("interrupted it ends with %v", err)
	}
	if out := must(t, h, "vm", "exec", "web", "--", "sh", "-c", `p=$(head -n 1 /run/told); for i in $(seq 100); do kill -0 $p 2>/dev/null || { echo ended; exit; }; sleep 0.1; done`); out != "ended\n" {
		t.Errorf("the program goes on: %q", out)
	}
	if out := must(t, h, "vm", "exec", "web", "--", "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"); len(out) != 3000000 || strings.Trim(out, "x") != "" {
		t.Errorf("of 3000000 bytes there came %d", len(out))
	}
}

func takesAPassword(t *testing.T, h *onehost.Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, errs, code := h.HV(ctx, strings.NewReader("s3cret-word\n"), "vm", "set-password", "web", "--user", "me"); code != 0 {
		t.Fatalf("set-password: %d\n%s", code, errs)
	}
	same := `my $h = (getpwnam "me")[1]; print crypt("s3cret-word", $h) eq $h ? "same" : "other"`
	if out := must(t, h, "vm", "exec", "web", "--", "perl", "-e", same); out != "same" {
		t.Errorf("the password of me is another one: %s", out)
	}
}

// thawsWhatACrashLeft freezes the guest as a daemon does that is killed then: the next one thaws it.
func thawsWhatACrashLeft(t *testing.T, h *onehost.Host) {
	t.Helper()
	if err := h.EndHVD(syscall.SIGKILL); err != nil {
		t.Log(err)
	}
	var socket string
	_ = filepath.WalkDir(h.Run, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "agent0.sock" {
			socket = path
		}
		return nil
	})
	conn, err := net.DialTimeout("unix", socket, 5*time.Second) //nolint:noctx // it has a limit
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	from := bufio.NewReader(conn)
	fmt.Fprint(conn, "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":7}}\n")
	if _, err := from.ReadString(0xff); err != nil {
		t.Fatal(err)
	}
	if line, err := from.ReadString('\n'); err != nil || !strings.Contains(line, "7") {
		t.Fatal(line, err)
	}
	fmt.Fprint(conn, "{\"execute\":\"guest-fsfreeze-freeze\"}\n")
	if line, err := from.ReadString('\n'); err != nil || !strings.Contains(line, `"return": 1`) {
		t.Fatalf("freeze: %s %v", line, err)
	}
	_ = conn.Close()
	h.StartHVD()
	must(t, h, "vm", "wait", "web", "--for", "agent", "--timeout", "1m")
	deadline := time.Now().Add(time.Minute)
	for { // the daemon thaws it when it finds it so
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		out, errs, code := h.HV(ctx, nil, "vm", "exec", "web", "--", "sh", "-c", "echo thawed > /etc/thawed && cat /etc/thawed")
		cancel()
		if code == 0 && out == "thawed\n" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it stays frozen: %q %q %d\n%s", out, errs, code, h.Logs())
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// stopsByItsAgent: a guest that does not heed its power button is stopped all the same.
func stopsByItsAgent(t *testing.T, h *onehost.Host) {
	t.Helper()
	must(t, h, "vm", "exec", "web", "--", "sh", "-c", `mkdir -p /etc/systemd/logind.conf.d && printf '[Login]\nHandlePowerKey=ignore\n' > /etc/systemd/logind.conf.d/deaf.conf && systemctl restart systemd-logind`)
	must(t, h, "vm", "stop", "web", "--timeout", "60s")
	v := h.WaitState(t.Context(), "web", "off")
	if e := v.Status.Power.Ended; e == nil || e.How != "stopped" {
		t.Errorf("it ended as %+v", e)
	}
	if v.Status.Guest != nil {
		t.Errorf("a VM that is off has a guest: %+v", v.Status.Guest)
	}
	refused(t, h, 1, []string{"no guest now: it is off", "hv vm start web"}, "vm", "exec", "web", "--", "true")
}
