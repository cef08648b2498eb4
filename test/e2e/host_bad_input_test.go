//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestBadInputIsToldAndChangesNothing(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "shared", "--size", "1MiB")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "first"; memory = "64MiB"; disks.data.volume = "shared"; }`))

	for name, c := range map[string]struct {
		text  string
		code  int
		words []string
	}{
		"malformed.nix": {`{ name = "x"; memory = ; }`, 2, []string{"malformed.nix:1:24", "^"}},
		"key.nix":       {`{ name = "x"; memroy = "64MiB"; }`, 2, []string{"key.nix:1:15", "memroy", "memory"}},
		"huge.nix":      {`{ name = "x"; memory = "9TiB"; cpus = 900; }`, 1, []string{"memory", "9TiB", "900"}},
		"lost.nix":      {`{ name = "x"; disks.a.volume = "nowhere"; boot.kernel = "nokernel"; }`, 1, []string{`"nowhere"`, `"nokernel"`, "hv volume create nowhere"}},
		"taken.nix":     {`{ name = "x"; disks.a.volume = "shared"; }`, 1, []string{"shared", "vm/first"}},
		"again.nix":     {`{ name = "first"; }`, 1, []string{"first", "exists already"}},
	} {
		refused(t, h, c.code, c.words, "vm", "create", "-f", file(t, name, c.text))
	}
	refused(t, h, 1, []string{"feature.nix:1", "monitorign", "monitoring"}, "config", "apply", "--yes",
		file(t, "feature.nix", `{ hypervisor.featureManager = { profile = "custom"; enabledFeatures = [ "monitorign" ]; }; }`))
	refused(t, h, 3, []string{"nosuch"}, "vm", "start", "nosuch")
	if facts, err := h.Client.Host(t.Context()); err == nil && facts.Facts.KVM != nil && !facts.Facts.KVM.OK {
		refused(t, h, 1, []string{"kvm", facts.Facts.KVM.Why}, "vm", "create", "-f", file(t, "kvm.nix", `{ name = "x"; accelerator = "kvm"; }`))
	} else {
		t.Logf("KVM works here, or cannot be asked (%v): that a broken one is told is not shown", err)
	}
	if out := must(t, h, "vm", "list", "-o", "name"); strings.TrimSpace(out) != "first" {
		t.Errorf("the list is %q", out)
	}
}

func TestOfTwoThatRaceForOneDiskOrNameOneWins(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "one", "--size", "1MiB")
	var wg sync.WaitGroup
	codes := make([]int, 8)
	for i := range codes {
		path := file(t, "vm.nix", `{ name = "racer-`+string(rune('a'+i))+`"; memory = "64MiB"; disks.d.volume = "one"; }`)
		wg.Go(func() { _, _, codes[i] = h.HV(t.Context(), nil, "vm", "create", "-f", path) })
	}
	wg.Wait()
	won := 0
	for _, c := range codes {
		if c == 0 {
			won++
		}
	}
	if out := must(t, h, "vm", "list", "-o", "name"); won != 1 || len(strings.Fields(out)) != 1 {
		t.Errorf("%d won, and the list is %q", won, out)
	}
}

func TestWhoIsNotOfTheGroupReachesNothing(t *testing.T) {
	h := bootable(t)
	socket := filepath.Join(h.Run, "api.sock")
	cmd := exec.CommandContext(t.Context(), "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--",
		filepath.Join(h.Bin, "hv"), "vm", "list")
	cmd.Env = []string{"HV_HOST=unix://" + socket, "PATH=/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 4 || !strings.Contains(string(out), "hypervisor") {
		t.Errorf("%v, exit %d:\n%s", err, cmd.ProcessState.ExitCode(), out)
	}
	path := filepath.Join(h.Bin, "d.nix") // where everybody can read it
	if err := os.WriteFile(path, []byte(`{ hypervisor.featureManager.profile = "minimal"; }`), 0o644); err != nil {
		t.Fatal(err)
	}
	member := exec.CommandContext(t.Context(), "setpriv", "--reuid=65534", "--regid=64088", "--clear-groups", "--",
		filepath.Join(h.Bin, "hv"), "config", "apply", "--yes", path)
	member.Env = cmd.Env
	out, err = member.CombinedOutput()
	if member.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "only root") {
		t.Errorf("a member applied configuration: %v\n%s", err, out)
	}
}
