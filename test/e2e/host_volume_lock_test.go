//go:build e2e

package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever tries to write to a disk that a VM has, by us or past us, is kept out; and who has it is named.
func TestADiskIsWrittenToByOneVMHoweverItIsTried(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "root", "--size", "16MiB", "--format", "qcow2")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("web", `disks.root.volume = "root";`)))
	must(t, h, "vm", "start", "web")
	pid := h.WaitState(t.Context(), "web", "running").Status.Power.Process.PID

	refused(t, h, 1, []string{`volume "root" is used by vm/web`}, "vm", "create", "-f", file(t, "other.nix", tiny("other", `disks.root.volume = "root";`)))
	must(t, h, "vm", "start", "web") // it runs: that is no second one
	if again := h.WaitState(t.Context(), "web", "running").Status.Power.Process.PID; again != pid {
		t.Errorf("it is process %d and was %d", again, pid)
	}
	if said, code := h.RunHVD(); code == 0 || !strings.Contains(said, "hvd") {
		t.Errorf("a second hvd on the same state ends with %d: %s", code, said)
	}

	found, err := filepath.Glob(filepath.Join(h.State, "pool", "*.qcow2"))
	if err != nil || len(found) != 1 {
		t.Fatalf("in its pool are %v, %v", found, err)
	}
	for _, past := range [][]string{
		{"qemu-img", "resize", "-f", "qcow2", found[0], "32M"},
		{"qemu-img", "check", "-r", "all", "-f", "qcow2", found[0]},
		{"qemu-system-x86_64", "-M", "q35", "-display", "none", "-drive", "if=virtio,format=qcow2,file=" + found[0]},
	} {
		out, err := exec.CommandContext(t.Context(), past[0], past[1:]...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "lock") {
			t.Errorf("%s is not kept out: %v: %s", strings.Join(past, " "), err, out)
		}
	}
	refused(t, h, 1, []string{"is being written to by vm/web", "hv volume clone root"}, "volume", "check", "root", "--repair")
	refused(t, h, 1, []string{"is being written to by vm/web"}, "volume", "export", "root", filepath.Join(t.TempDir(), "out.qcow2"))

	must(t, h, "vm", "kill", "web")
	must(t, h, "volume", "check", "root", "--repair")
	out := filepath.Join(t.TempDir(), "out.vmdk")
	must(t, h, "volume", "export", "root", out)
	if said, err := exec.CommandContext(t.Context(), "qemu-img", "compare", "-f", "qcow2", "-F", "vmdk", found[0], out).CombinedOutput(); err != nil {
		t.Errorf("what was exported is another: %v: %s", err, said)
	}
	must(t, h, "vm", "start", "web")
}
