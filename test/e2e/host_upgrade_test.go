//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// previous builds what was committed before the commit that is checked out; where there is no history, what is
// here under another version.
func previous(t *testing.T) string {
	t.Helper()
	bin, root := t.TempDir(), t.TempDir()
	if err := os.Chmod(bin, 0o755); err != nil { //nolint:gosec // programs
		t.Fatal(err)
	}
	archive := exec.Command("sh", "-c", `git -c safe.directory='*' -C ../.. archive HEAD~1 2>/dev/null | tar -x -C "$1" && test -f "$1/go.mod"`, "sh", root)
	if out, err := archive.CombinedOutput(); err != nil {
		t.Logf("no commit before this one (%v %s): this one under another version", err, out)
		root = "../.."
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags",
		"-s -w -X github.com/hyper-nixos/hyper-nixos/internal/version.Version=previous", "-o", bin+"/", "./cmd/hv", "./cmd/hvd", "./cmd/hv-helper")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

func TestAnUpgradeTouchesNoVMAndReadsWhatTheBuildBeforeHasStored(t *testing.T) {
	h := onehost.NewFrom(t, func() (string, error) { return previous(t), nil })
	pid := waiting(t, h, "runs")
	must(t, h, "vm", "resume", "runs")
	must(t, h, "volume", "create", "d", "--size", "1MiB")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "off"; memory = "32MiB"; disks.data.volume = "d"; labels.tier = "db"; }`))
	specs := func() string {
		return must(t, h, "vm", "list", "-o", "name") + must(t, h, "volume", "list", "-o", "name") + must(t, h, "vm", "show", "off", "-o", "nix")
	}
	before := specs()
	if out := must(t, h, "version"); strings.Count(out, "previous") < 2 {
		t.Fatalf("it is not the build before:\n%s", out)
	}

	built, err := onehost.Programs()
	if err != nil {
		t.Fatal(err)
	}
	h.Install(built)
	for _, err := range []error{h.EndHVD(syscall.SIGTERM), h.EndHelper(syscall.SIGTERM)} {
		if err != nil {
			t.Errorf("%v\n%s", err, h.Logs())
		}
	}
	startBoth(h)
	if out := must(t, h, "version"); strings.Contains(out, "previous") {
		t.Errorf("it is still the build before:\n%s", out)
	}
	if now := h.WaitState(t.Context(), "runs", "running").Status.Power.Process.PID; now != pid || fmt.Sprint(qemusOf(t, "runs")) != fmt.Sprint([]int{pid}) {
		t.Errorf("it is process %d and was %d; %v run", now, pid, qemusOf(t, "runs"))
	}
	if after := specs(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	must(t, h, "vm", "pause", "runs")
	must(t, h, "vm", "start", "off")
	h.WaitState(t.Context(), "off", "running")
	must(t, h, "vm", "kill", "runs")
	must(t, h, "vm", "start", "runs")
	must(t, h, "audit", "list")
}
