package cli_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/cli"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// run is one call in this process, at the fake's time.
func run(ctx context.Context, socket string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	env := map[string]string{"HV_HOST": socket}
	code = cli.Run(ctx, args, session.World{
		In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(k string) string { return env[k] }, Now: func() time.Time { return epoch }, Root: "/",
	})
	return code, out.String(), errs.String()
}

// golden compares text with a file; -update writes it.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got; -update):\n%s", name, diff)
	}
}

func TestWhatPeopleSee(t *testing.T) {
	t.Setenv("TZ", "UTC")
	f, socket := newFake(t)
	furnish(f)
	f.vms["web"].Status.Power.Problem = &vm.Trouble{Code: "HV-VM-012", What: "there is no room for it", Hint: "make some", Since: epoch, Tries: 3, Retry: true}
	f.vms["web"].Status.Power.Process = &vm.Process{PID: 4711, UID: 1879048192, QEMU: "7.2.22"}
	f.vms["web"].Status.Power.Pinned = &vm.Pinned{MachineType: "pc-q35-7.2"}
	f.vms["web"].Status.Power.Pending = []string{"memory"}
	f.vms["web"].Findings = finding.List{{Code: "HV-VM-016", Severity: finding.Limited, What: "it runs by emulation", Why: "KVM boots nothing here", Remedy: "enable VT-x"}}
	for name, args := range map[string][]string{
		"vm-list":      {"vm", "list"},
		"vm-list-wide": {"vm", "list", "-o", "wide"},
		"vm-list-json": {"vm", "list", "-o", "json", "-l", "tier=web"},
		"vm-list-nix":  {"vm", "list", "-o", "nix", "-l", "tier=web"},
		"vm-list-yaml": {"vm", "list", "-o", "yaml", "-l", "tier=web"},
		"vm-show":      {"vm", "show", "web"},
		"volume-list":  {"volume", "list"},
		"volume-show":  {"volume", "show", "web-root"},
		"feature-list": {"feature", "list", "-o", "wide"},
		"host":         {"host"},
		"audit-list":   {"audit", "list", "-o", "wide"},
		"dry-run":      {"vm", "start", "web", "--dry-run"},
		"help":         {"vm", "start", "--help"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := run(t.Context(), socket, args...)
			golden(t, name+".txt", "$ hv "+strings.Join(args, " ")+"\n"+out+"-- stderr --\n"+errs)
			if code != 0 {
				t.Errorf("exit %d", code)
			}
		})
	}
}

func TestProblemsOfTheDaemonKeepTheirShape(t *testing.T) {
	f, socket := newFake(t)
	furnish(f)
	l := finding.List{{Code: "HV-FEAT-002", Severity: finding.Refused, Subject: []string{"vtpm"}, What: "vtpm is above the cap", Remedy: "raise riskTolerance"}}
	for name, p := range map[string]wire.Problem{
		"denied":   {Title: "denied", Status: http.StatusForbidden, Code: "HV-AUTH-001", Detail: "only root may apply a declaration", Remedy: "ask again as root: sudo before the same command"},
		"findings": {Title: "denied", Status: http.StatusForbidden, Detail: "cannot do it: vtpm is above the cap", Findings: l},
		"busy":     {Title: "unavailable", Status: http.StatusServiceUnavailable, Detail: "the daemon is going down"},
		"escapes":  {Title: "invalid", Status: http.StatusUnprocessableEntity, Detail: "a name with \x1b[31mred\x1b[0m and \r in it"},
	} {
		t.Run(name, func(t *testing.T) {
			f.asks = func(*http.Request) *wire.Problem { return &p }
			code, out, errs := run(t.Context(), socket, "vm", "start", "web")
			golden(t, "problem-"+name+".txt", errs)
			if code != int(report.Refused) || out != "" {
				t.Errorf("exit %d, stdout %q", code, out)
			}
		})
	}
}

func TestAWaitThatEndsEarlyLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	dir := t.TempDir()
	f, socket, done, err := serve(dir)
	if err != nil {
		t.Fatal(err)
	}
	furnish(f)
	ctx, cancel := context.WithCancelCause(t.Context())
	f.asks = func(r *http.Request) *wire.Problem {
		if r.URL.Path == "/v1/events" {
			cancel(report.ErrInterrupted)
		}
		return nil
	}
	code, _, errs := run(ctx, socket, "vm", "start", "slow")
	if code != int(report.Interrupted) || !strings.Contains(errs, "interrupted: operation 7f3a000000000000 (vm.start slow) goes on") {
		t.Errorf("exit %d: %s", code, errs)
	}
	done()
	goleak.VerifyNone(t, before)
}

func TestATimeThatIsUpBeforeAnAnswerIsSaidToBeThat(t *testing.T) {
	f, socket := newFake(t)
	furnish(f)
	release := make(chan struct{})
	defer close(release)
	f.asks = func(r *http.Request) *wire.Problem {
		select {
		case <-r.Context().Done():
		case <-release:
		}
		return nil
	}
	code, _, errs := run(t.Context(), socket, "vm", "list", "--timeout", "50ms")
	if code != int(report.TimeUp) || !strings.HasPrefix(errs, "time is up") {
		t.Errorf("exit %d: %q", code, errs)
	}
}

// reader reads what is printed while it is.
type reader struct {
	bytes.Buffer
	read func(all string)
}

func (r *reader) Write(p []byte) (int, error) {
	n, err := r.Buffer.Write(p)
	r.read(r.String())
	return n, err
}

func TestWatchingShowsEachChangeOnce(t *testing.T) {
	f, socket := newFake(t)
	furnish(f)
	var stop, remove sync.Once
	f.asks = func(r *http.Request) *wire.Problem {
		if r.URL.Path == "/v1/events" && strings.Contains(r.URL.RawQuery, "types=vm.") { // it watches: now something happens
			stop.Do(func() { go run(t.Context(), socket, "vm", "stop", "idle", "web", "web") })
		}
		return nil
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	out := &reader{read: func(all string) {
		if strings.Contains(all, "off") {
			remove.Do(func() { go run(t.Context(), socket, "vm", "delete", "web") })
		}
		if strings.Contains(all, "deleted") {
			cancel(report.ErrInterrupted)
		}
	}}
	var errs bytes.Buffer
	code := cli.Run(ctx, []string{"vm", "list", "--watch", "-l", "tier=web"}, session.World{
		In: strings.NewReader(""), Out: out, Err: &errs, Env: func(k string) string { return map[string]string{"HV_HOST": socket}[k] },
		Now: func() time.Time { return epoch }, Root: "/",
	})
	want := "NAME  STATE    CPUS  MEMORY  ACCEL  AGE\n" +
		"web   running     2    2GiB  tcg     3h\n" +
		"web   off         2    2GiB  tcg     3h\n" +
		"web   deleted     –       –  –        –\n"
	if out.String() != want || errs.Len() > 0 || code != int(report.Interrupted) {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
}

// A machine that is to become a host has no daemon, and no folder of one.
func TestAHostIsCheckedBeforeAnythingIsInstalled(t *testing.T) {
	var out, errs bytes.Buffer
	code := cli.Run(t.Context(), []string{"host", "check", "--feature", "vmManagement"}, session.World{
		In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(string) string { return "" }, Now: func() time.Time { return epoch }, Root: t.TempDir(),
	})
	if code == int(report.NoDaemon) || !strings.Contains(out.String(), "VM Management: ") || !strings.Contains(errs.String(), "no daemon is reached") {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
}
