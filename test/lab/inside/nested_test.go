//go:build lab

package inside

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// apply makes a declaration the host's.
func apply(t *testing.T, declaration string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "host.nix")
	write(t, file, declaration)
	hv(t, "config", "apply", "--yes", file)
}

// flags boots a VM and returns the CPU flags that its guest sees.
func flags(t *testing.T, c *client.Client, name string) []string {
	t.Helper()
	hv(t, "vm", "start", name)
	hv(t, "vm", "console", name, "--until", `guest: ready .*\)`, "--timeout", "3m")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	console, err := c.Console(ctx, model.Ref{Project: model.DefaultProject, Name: name}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer context.AfterFunc(ctx, func() { _ = console.Close() })()
	defer console.Close()
	// The shell's echo of it has no "done".
	if _, err := console.Write([]byte("grep -m1 ^flags /proc/cpuinfo; echo do''ne\n")); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for buf := make([]byte, 4096); !strings.Contains(said.String(), "done"); {
		n, err := console.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v before the guest of %s has told its flags:\n%s", err, name, said.String())
		}
	}
	_, line, ok := strings.Cut(said.String(), "flags\t")
	if !ok {
		t.Fatalf("the guest of %s has no flags:\n%s", name, said.String())
	}
	line, _, _ = strings.Cut(line, "\n")
	return strings.Fields(line)
}

// The host's CPU has svm, and KVM would show it to every guest: whether one sees it is the feature's to say.
func TestAGuestUnderKVMMayRunVMsOnlyWhereTheHostAndTheVMSaySo(t *testing.T) {
	bootFiles(t)
	c := daemon(t)
	const asks = `memory = "256MiB"; nestedVirtualization = true; ` + tiny
	seen := func(name string) bool {
		t.Helper()
		got := flags(t, c, name)
		if args := read(t, "/proc/"+strconv.Itoa(waitState(t, c, name, "running").Status.Power.Process.PID)+"/cmdline"); !strings.Contains(args, "-accel\x00kvm\x00") {
			t.Errorf("%s does not run under KVM: %q", name, args)
		}
		return slices.Contains(got, "svm")
	}

	machine(t, "plain", `memory = "256MiB"; `+tiny)
	if seen("plain") {
		t.Error("the feature is off, and a guest is shown svm")
	}
	hv(t, "vm", "kill", "plain")
	file := filepath.Join(t.TempDir(), "vm.nix")
	write(t, file, `{ name = "nested"; `+asks+`}`)
	out, err := exec.CommandContext(t.Context(), "hv", "vm", "create", "-f", file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "HV-VM-042") || !strings.Contains(string(out), "nestedVirtualization") {
		t.Errorf("the feature is off, and a VM that asks for it is made: %v\n%s", err, out)
	}

	apply(t, `{ hypervisor.featureManager.extraFeatures = [ "nestedVirtualization" ]; }`)
	t.Cleanup(func() { apply(t, `{ }`) })
	machine(t, "nested", asks)
	if !seen("nested") {
		t.Error("the feature is on and the VM asks for it, and its guest is not shown svm")
	}
	hv(t, "vm", "kill", "nested")
	if seen("plain") {
		t.Error("the feature is on, and a guest whose VM did not ask for it is shown svm")
	}
	hv(t, "vm", "kill", "plain")

	write(t, file, `{ }`)
	out, err = exec.CommandContext(t.Context(), "hv", "config", "apply", "--yes", file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "HV-FEAT-033") || !strings.Contains(string(out), "vm/nested") {
		t.Errorf("a VM uses the feature, and it was turned off: %v\n%s", err, out)
	}
}
