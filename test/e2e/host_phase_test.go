//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase/recovery"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// inPhase insists on the phase of a host, and that it is the one that it acts by.
func inPhase(t *testing.T, h *onehost.Host, want, when string) {
	t.Helper()
	if got := strings.TrimSpace(must(t, h, "phase", "show", "-o", "name")); got != want {
		t.Fatalf("%s: %s, want %s", when, got, want)
	}
	if want == "hardened" {
		refused(t, h, 1, []string{"the host is hardened", "HV-PHASE-001", "hv phase unlock"}, "volume", "create", "never", "--size", "1MiB")
	}
}

func restartBoth(t *testing.T, h *onehost.Host, how syscall.Signal) {
	t.Helper()
	_ = h.EndHVD(how) // a kill is no good end
	_ = h.EndHelper(how)
	startBoth(h)
}

func TestAHardenedHostStaysSoUntilItsKeyAndItsTimeHaveCome(t *testing.T) {
	h := onehost.New(t)
	must(t, h, "config", "apply", file(t, "host.nix", `{ hypervisor.vms.declared.memory = "64MiB"; }`), "--yes")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "kept"; memory = "64MiB"; power = "on"; }`))
	pid := h.WaitState(t.Context(), "kept", "running").Status.Power.Process.PID
	must(t, h, "store", "snapshot", "--state", h.State) // yesterday
	must(t, h, "config", "apply", file(t, "host.nix", `{ hypervisor.hardening.unlockDelay = "1m"; hypervisor.vms.declared.memory = "96MiB"; }`), "--yes")

	inPhase(t, h, "setup", "before")
	key := filepath.Join(t.TempDir(), "key")
	out, errs, code := h.HV(t.Context(), nil, "phase", "harden", "--yes", "--key-file", key)
	if code != 0 || !strings.Contains(errs, "the audit log is whole") || !strings.Contains(errs, "no network listener") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	inPhase(t, h, "hardened", "at once")
	for _, args := range [][]string{
		{"vm", "create", "-f", file(t, "vm.nix", `{ name = "new"; memory = "64MiB"; }`)}, {"vm", "edit", "kept", "--set", "cpus=2"}, {"vm", "rename", "kept", "other"},
		{"vm", "delete", "kept", "--yes", "--force"}, {"config", "apply", file(t, "host.nix", `{ }`), "--yes"},
	} {
		refused(t, h, 1, []string{"HV-PHASE-001"}, args...)
	}
	must(t, h, "vm", "pause", "kept")
	must(t, h, "vm", "resume", "kept")

	asked := directly(t, h)
	restartBoth(t, h, syscall.SIGKILL)
	inPhase(t, h, "hardened", "after both were killed")
	if now := h.WaitState(t.Context(), "kept", "running").Status.Power.Process.PID; now != pid {
		t.Errorf("it is process %d now, and was %d", now, pid)
	}
	aFileIsEdited(t, h)
	aStoreIsPutBack(t, h)
	for time.Since(asked) < 3*time.Second { // what the wrong key has cost: by the kernel's clock, nobody tells of it
		time.Sleep(100 * time.Millisecond)
	}
	unlocked(t, h, key)
	must(t, h, "volume", "create", "now", "--size", "1MiB")
	must(t, h, "audit", "verify", filepath.Join(h.State, "audit"))
	secret, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if group := strings.SplitN(string(secret), "-", 3)[1]; strings.Contains(h.Logs(), group) {
		t.Error("the key is in a log")
	}
	must(t, h, "vm", "kill", "kept")
}

// directly asks hv-helper without hvd, as root may. It returns when it has tried a wrong key.
func directly(t *testing.T, h *onehost.Host) time.Time {
	t.Helper()
	c := privilege.Dial(filepath.Join(h.Run, privilege.HelperSocket))
	defer c.Close()
	const nobody = "0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a001"
	ctx := t.Context()
	for name, ask := range map[string]func() error{
		"a VM that was not there": func() error {
			_, f, err := c.Launch(ctx, privilege.Launch{VM: nobody, Name: "x", Arch: "x86_64", Args: []string{"-nodefaults"}}, nil)
			if f != nil {
				_ = f.Close()
			}
			return err
		},
		"a network card": func() error { _, err := c.Socket(ctx, privilege.Uplink{VM: nobody, Socket: "net-lan"}); return err },
	} {
		if err := ask(); fault.KindOf(err) != fault.Denied || fault.CodeOf(err) != "HV-PHASE-013" {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := recovery.New([recovery.Random]byte{1})
	hash := recovery.HashOf(other, [recovery.SaltBytes]byte{1})
	_, err := c.Harden(ctx, privilege.Harden{Digest: privilege.DigestForm + strings.Repeat("0", 64), KeyHash: string(hash), DelaySeconds: 60}, nil)
	if fault.KindOf(err) != fault.Precondition {
		t.Errorf("another seal over the seal: %v", err)
	}
	if _, err := c.Unseal(ctx); fault.KindOf(err) != fault.Precondition {
		t.Errorf("open without a key: %v", err)
	}
	if _, err := c.Unlock(ctx, privilege.Unlock{Key: other.Text()}); fault.KindOf(err) != fault.Denied {
		t.Errorf("a wrong key: %v", err)
	}
	if _, err := c.Unlock(ctx, privilege.Unlock{Key: other.Text()}); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("and another at once: %v", err)
	}
	return time.Now()
}

// aFileIsEdited starts the host with a declaration file that says something else.
func aFileIsEdited(t *testing.T, h *onehost.Host) {
	t.Helper()
	path := file(t, "declaration.nix", `{ hypervisor.vms.intruder = { memory = "64MiB"; power = "on"; }; }`)
	for dir := filepath.Dir(path); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		_ = os.Chmod(dir, 0o755) //nolint:gosec // hvd, who is somebody else, must pass
	}
	_ = h.EndHVD(syscall.SIGTERM)
	h.StartHVD("--declaration", path)
	codes, host := findings(t, h)
	if !told(codes, "HV-CFG-005") || host.Phase != "hardened" || told(codes, "HV-PHASE-004") {
		t.Errorf("%v %s", codes, host.Phase)
	}
	inPhase(t, h, "hardened", "after its file was edited")
	refused(t, h, 3, []string{"intruder"}, "vm", "show", "intruder")
	_ = h.EndHVD(syscall.SIGTERM)
	h.StartHVD()
}

// aStoreIsPutBack puts yesterday's store in the place of today's: hvd leads it back to what was sealed by itself.
func aStoreIsPutBack(t *testing.T, h *onehost.Host) {
	t.Helper()
	_ = h.EndHVD(syscall.SIGTERM)
	must(t, h, "store", "restore", "--state", h.State, "--yes")
	h.StartHVD()
	inPhase(t, h, "hardened", "after yesterday's store was put back")
	if codes, _ := findings(t, h); told(codes, "HV-PHASE-004") || told(codes, "HV-PHASE-016") {
		t.Errorf("what was sealed does not stand: %v\n%s", codes, h.Logs())
	}
	show, errs, _ := h.HV(t.Context(), nil, "phase", "show")
	if !strings.Contains(show, "sealed        generation 2") || !strings.Contains(show, "stands        generation 2") {
		t.Errorf("%s%s", show, errs)
	}
	if is := must(t, h, "vm", "show", "declared", "-o", "json"); !strings.Contains(is, fmt.Sprint(96<<20)) {
		t.Errorf("the declared VM is not as it was sealed:\n%s", is)
	}
	if past := must(t, h, "config", "history"); !strings.Contains(past, "the sealed declaration, put back at boot") {
		t.Errorf("the history does not tell that it was put back:\n%s", past)
	}
	if log := must(t, h, "audit", "list", "--tail", "0"); !strings.Contains(log, "boot") {
		t.Errorf("no record tells that it was put back:\n%s", log)
	}
}

// unlocked leads the host out, over kills of both, and not before its time.
func unlocked(t *testing.T, h *onehost.Host, key string) {
	t.Helper()
	must(t, h, "phase", "unlock", "--key-file", key)
	inPhase(t, h, "hardened", "while it is held back")
	must(t, h, "phase", "unlock", "--cancel")
	if show := must(t, h, "phase", "show"); strings.Contains(show, "asked for by") {
		t.Errorf("called off, and waiting: %s", show)
	}
	began := time.Now()
	must(t, h, "phase", "unlock", "--key-file", key)
	restartBoth(t, h, syscall.SIGKILL)
	if show := must(t, h, "phase", "show"); !strings.Contains(show, "asked for by root") {
		t.Errorf("after kills: %s", show)
	}
	for strings.TrimSpace(must(t, h, "phase", "show", "-o", "name")) == "hardened" { // a time that only hv-helper knows
		if time.Since(began) > 2*time.Minute {
			t.Fatalf("still hardened:\n%s", h.Logs())
		}
		time.Sleep(500 * time.Millisecond)
	}
	if took := time.Since(began); took < time.Minute {
		t.Errorf("held back for %s alone", took)
	}
	if log := must(t, h, "audit", "list"); !strings.Contains(log, "phase.unlock") {
		t.Errorf("%s", log)
	}
}

// hvd, hv-helper or both are killed while the host is being hardened: it is in setup, or hardened by the key that its
// owner has.
func TestKillsWhileAHostIsHardenedLeaveItInOnePhaseOrTheOther(t *testing.T) {
	h := onehost.New(t)
	const rounds = 16
	began := time.Now()
	must(t, h, "phase", "harden", "--yes", "--key-file", filepath.Join(t.TempDir(), "first"))
	took := time.Since(began)
	toSetup(t, h)
	seen := map[string]int{}
	for round := range rounds {
		key := filepath.Join(t.TempDir(), "key")
		done := make(chan int, 1)
		go func() {
			_, _, code := h.HV(t.Context(), nil, "phase", "harden", "--yes", "--key-file", key)
			done <- code
		}()
		time.Sleep(took/2 + took*time.Duration(round)/rounds/2) // before that its key is made; where in it is the luck of the machine
		who := "hvd"
		if round%2 == 0 {
			who = "hv-helper"
			_ = h.EndHelper(syscall.SIGKILL)
		}
		_ = h.EndHVD(syscall.SIGKILL)
		code := <-done
		if round%2 == 0 {
			h.StartHelper()
		}
		h.StartHVD()
		now := strings.TrimSpace(must(t, h, "phase", "show", "-o", "name"))
		seen[who+": "+now]++
		inPhase(t, h, now, "after a kill of "+who)
		switch {
		case now == "setup" && code == 0:
			t.Errorf("round %d: it was acknowledged, and is not so", round)
		case now == "hardened":
			must(t, h, "phase", "unlock", "--key-file", key) // by the key that is there
		}
		must(t, h, "audit", "verify", filepath.Join(h.State, "audit"))
		toSetup(t, h)
	}
	t.Logf("%v, over %s", seen, took)
}

// toSetup takes the seal away, as root on the host may whose key is lost.
func toSetup(t *testing.T, h *onehost.Host) {
	t.Helper()
	_ = h.EndHVD(syscall.SIGTERM)
	_ = h.EndHelper(syscall.SIGTERM)
	if err := os.RemoveAll(filepath.Join(h.State, "helper", "seal.json")); err != nil {
		t.Fatal(err)
	}
	startBoth(h)
	inPhase(t, h, "setup", "without its seal")
}
