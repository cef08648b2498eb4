//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"
)

// What a TPM was given goes and comes with the sets that its VM goes back to: taken while it runs, by a real swtpm.
func TestASnapshotHoldsWhatTheTPMKeeps(t *testing.T) {
	if _, err := os.Stat("/usr/bin/swtpm"); err != nil {
		t.Skipf("%v: apt-get install swtpm", err)
	}
	h := bootable(t)
	must(t, h, "volume", "create", "root", "--size", "64MiB")
	booted(t, h, "web", `tpm = {}; disks.root.volume = "root";`)
	must(t, h, "snapshot", "create", "web", "before")
	if got := say(t, h, "web", tpmSays+define, "done"); !strings.Contains(got, "800200000013000000000000") {
		t.Fatalf("the guest's TPM:\n%s", got)
	}
	must(t, h, "snapshot", "create", "web", "after")
	for name, want := range map[string]bool{"before": false, "after": true} {
		must(t, h, "snapshot", "restore", "web", name, "--yes")
		up(t, h, "web")
		if got := say(t, h, "web", tpmSays+public, "done"); strings.Contains(got, "00000000000e01800001") != want {
			t.Errorf("back to %s, what it was given is there: %v; it says\n%s", name, !want, got)
		}
	}
}
