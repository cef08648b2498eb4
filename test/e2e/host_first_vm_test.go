//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/test/guest"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// bootable is a host that has the tiny guest's files and a volume for it.
func bootable(t *testing.T) *onehost.Host {
	t.Helper()
	h := onehost.New(t)
	cache, err := guest.CacheDir()
	if err != nil {
		t.Skipf("no cache for the guest: %v", err)
	}
	g, err := guest.Build(t.Context(), cache, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	must(t, h, "boot-file", "import", "tiny-kernel", g.Kernel, "--kind", "kernel")
	must(t, h, "boot-file", "import", "tiny-initrd", g.Initrd, "--kind", "initrd")
	return h
}

// must runs hv and wants it to succeed.
func must(t *testing.T, h *onehost.Host, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, errs, code := h.HV(ctx, nil, args...)
	if code != 0 {
		t.Fatalf("hv %s: exit %d\n%s%s\n%s", strings.Join(args, " "), code, out, errs, h.Logs())
	}
	return out
}

// refused runs hv and wants it to fail with this code and all of these words on stderr.
func refused(t *testing.T, h *onehost.Host, code int, words []string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, errs, got := h.HV(ctx, nil, args...)
	if got != code {
		t.Errorf("hv %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, code, out, errs)
	}
	for _, w := range words {
		if !strings.Contains(errs, w) {
			t.Errorf("hv %s does not say %q:\n%s", strings.Join(args, " "), w, errs)
		}
	}
}

// file writes a file that hv can read.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestADeclaredHostRunsItsFirstVM(t *testing.T) {
	h := bootable(t)
	must(t, h, "config", "apply", "--yes", "../../examples/home-lab.nix")
	if out := must(t, h, "feature", "list"); !strings.Contains(out, "webDashboard") {
		t.Errorf("the declared features are not listed:\n%s", out)
	}
	must(t, h, "volume", "create", "first-data", "--size", "64MiB")
	must(t, h, "vm", "create", "-f", "../../examples/first-vm.nix")
	must(t, h, "vm", "start", "first")
	console := must(t, h, "vm", "console", "first", "--until", `guest: ready .*\)`, "--timeout", "2m")
	if !strings.Contains(console, "guest: disk vda 67108864") || strings.Contains(console, "address none") {
		t.Errorf("the guest does not see its disk and its network:\n%s", console)
	}
	if out := must(t, h, "vm", "list"); !strings.Contains(out, "running") {
		t.Errorf("the list does not say that it runs:\n%s", out)
	}

	// What the guest was asked to do it does, and stays off.
	must(t, h, "vm", "stop", "first")
	v := h.WaitState(t.Context(), "first", "off")
	if e := v.Status.Power.Ended; e == nil || e.How != "stopped" {
		t.Errorf("it ended as %+v", e)
	}
	must(t, h, "vm", "start", "first")
	h.WaitState(t.Context(), "first", "running")
	must(t, h, "vm", "pause", "first")
	h.WaitState(t.Context(), "first", "paused")
	must(t, h, "vm", "resume", "first")
	h.WaitState(t.Context(), "first", "running")
	must(t, h, "vm", "kill", "first")
	h.WaitState(t.Context(), "first", "off")

	must(t, h, "vm", "delete", "--yes", "first")
	if out := must(t, h, "vm", "list", "-o", "name"); strings.TrimSpace(out) != "" {
		t.Errorf("a deleted VM is listed: %q", out)
	}
	auditHasBothSides(t, h)
}

// auditHasBothSides wants an outcome for each intent.
func auditHasBothSides(t *testing.T, h *onehost.Host) {
	t.Helper()
	var records struct {
		Items []struct {
			Seq, Intent           int64
			Phase, Action, Result string
		}
	}
	out := must(t, h, "audit", "list", "-o", "json")
	if err := json.Unmarshal([]byte(out), &records); err != nil {
		if err := json.Unmarshal([]byte(out), &records.Items); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	open := map[int64]string{}
	for _, r := range records.Items {
		if r.Phase == "intent" {
			open[r.Seq] = r.Action
		} else {
			delete(open, r.Intent)
		}
	}
	if len(records.Items) < 10 || len(open) > 0 {
		t.Errorf("%d records; intents without an outcome: %v", len(records.Items), open)
	}
}

func TestAGuestThatPowersItselfOffStaysOffUntilItIsStarted(t *testing.T) {
	h := bootable(t)
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "self"; memory = "256MiB"; boot = { kernel = "tiny-kernel"; initrd = "tiny-initrd"; cmdline = "console=ttyS0 quiet panic=-1"; }; }`))
	must(t, h, "vm", "start", "self")
	must(t, h, "vm", "console", "self", "--until", "guest: ready", "--timeout", "2m")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, errs, code := h.HV(ctx, strings.NewReader("poweroff\n"), "vm", "console", "self"); code != 0 {
		t.Errorf("the console ended with %d: %s", code, errs)
	}
	v := h.WaitState(t.Context(), "self", "off")
	if e := v.Status.Power.Ended; e == nil || e.How != "guest" {
		t.Errorf("it ended as %+v", e)
	}
	must(t, h, "vm", "start", "self")
	h.WaitState(t.Context(), "self", "running")
}

func TestAnAppliedDeclarationIsWaitedForAndWhatItNamesNoMoreIsStoppedAndKept(t *testing.T) {
	h := bootable(t)
	declared := func(names string) string {
		return file(t, "host.nix", `{ lib, ... }: { hypervisor.vms = lib.genAttrs [ `+names+` ] (name: { memory = "64MiB"; power = "paused"; }); }`)
	}
	states := func() string { return must(t, h, "vm", "list") }
	must(t, h, "config", "apply", "--yes", declared(`"one" "two"`))
	if out := states(); strings.Count(out, "prelaunch") != 2 {
		t.Errorf("apply has ended, and its VMs are not there:\n%s", out)
	}
	refused(t, h, 1, []string{"declaration"}, "vm", "delete", "--yes", "one")
	must(t, h, "config", "apply", "--yes", declared(`"two"`))
	if out := states(); strings.Count(out, "prelaunch") != 1 || strings.Count(out, "off") != 1 {
		t.Errorf("what is declared no more is to be off and kept:\n%s", out)
	}
	must(t, h, "config", "apply", "--yes", declared(`"two"`)) // the same again changes nothing
	must(t, h, "vm", "delete", "--yes", "one")
}

func TestWhatAGuestPrintsWhileSomebodyTypesIsInItsLogOnce(t *testing.T) {
	h := bootable(t)
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "talk"; memory = "256MiB"; boot = { kernel = "tiny-kernel"; initrd = "tiny-initrd"; cmdline = "console=ttyS0 quiet panic=-1"; }; }`))
	must(t, h, "vm", "start", "talk")
	must(t, h, "vm", "console", "talk", "--until", "guest: ready", "--timeout", "2m")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, errs, code := h.HV(ctx, strings.NewReader("seq 10000 13000; poweroff\n"), "vm", "console", "talk"); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var want strings.Builder
	for i := 10000; i <= 13000; i++ {
		fmt.Fprintf(&want, "%d\r\n", i)
	}
	if out := must(t, h, "vm", "logs", "talk"); !strings.Contains(out, want.String()) {
		t.Errorf("the log does not have each line once, in order:\n%.2000s", out)
	}
}
