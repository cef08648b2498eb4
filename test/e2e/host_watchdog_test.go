//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/test/guest"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// The kernel's own driver arms the watchdog when a program opens it, and stops petting it with that program: as systemd
// does with RuntimeWatchdogSec=, busybox's watchdog does here.
func TestAWatchdogDrivenByTheGuestsKernelResetsAGuestThatIsNoLongerPetted(t *testing.T) {
	h := onehost.New(t)
	cache, err := guest.CacheDir()
	if err != nil {
		t.Skipf("no cache for the guest: %v", err)
	}
	g, err := guest.BuildWatched(t.Context(), cache, os.Stderr)
	if err != nil {
		t.Skipf("no kernel with the watchdog's driver: %v", err)
	}
	must(t, h, "boot-file", "import", "tiny-kernel", g.Kernel, "--kind", "kernel")
	must(t, h, "boot-file", "import", "tiny-initrd", g.Initrd, "--kind", "initrd")
	booted(t, h, "web", `watchdog = {};`)
	if got := say(t, h, "web", "cat /sys/class/watchdog/watchdog0/identity; echo do''ne\n", "done"); !strings.Contains(got, "i6300ESB") {
		t.Fatalf("the guest's watchdog is:\n%s", got)
	}
	// Petted it lives on, for longer than the watchdog waits.
	say(t, h, "web", "watchdog -T 10 -t 1 /dev/watchdog; sleep 14; echo al''ive\n", "alive")
	if p := h.WaitState(t.Context(), "web", "running").Status.Power; p.Resets != nil && p.Resets.Watchdog > 0 {
		t.Fatalf("a guest that pets its watchdog was reset: %+v", p.Resets)
	}
	say(t, h, "web", "killall -9 watchdog; echo ki''lled\n", `(?s)killed.*guest: ready`)
	if p := h.WaitState(t.Context(), "web", "running").Status.Power; p.Resets == nil || p.Resets.Watchdog != 1 {
		t.Errorf("the reset is not told: %+v", p.Resets)
	}
}
