//go:build e2e

package e2e

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/test/guest"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// TestAnARM64GuestRunsOnThisHost takes one through the whole product, on a host of another architecture.
func TestAnARM64GuestRunsOnThisHost(t *testing.T) {
	if _, err := os.Stat("/usr/bin/qemu-system-aarch64"); err != nil {
		t.Skipf("%v; scripts/deps.sh test", err)
	}
	h := onehost.New(t)
	cache, err := guest.CacheDir()
	if err != nil {
		t.Skipf("no cache for the guest: %v", err)
	}
	g, err := guest.BuildARM64(t.Context(), cache, os.Stderr)
	if err != nil {
		t.Skipf("no arm64 guest without Debian's packages of it: %v", err)
	}
	must(t, h, "boot-file", "import", "arm-kernel", g.Kernel, "--kind", "kernel")
	must(t, h, "boot-file", "import", "arm-initrd", g.Initrd, "--kind", "initrd")
	must(t, h, "volume", "create", "arm-data", "--size", "8MiB")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", `{ name = "arm"; arch = "aarch64"; memory = "256MiB"; cpus = 2;
		disks.data.volume = "arm-data"; nics.lan.network = "user";
		boot = { kernel = "arm-kernel"; initrd = "arm-initrd"; cmdline = "`+guest.CommandLineARM64+` hostname=arm"; }; }`))
	must(t, h, "vm", "start", "arm")
	out := must(t, h, "vm", "console", "arm", "--until", `guest: ready .*\)`, "--timeout", "3m")
	if !strings.Contains(out, "guest: disk vda 8388608") || strings.Contains(out, "address none") {
		t.Errorf("the guest does not see its disk and its network:\n%s", out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, errs, code := h.HV(ctx, strings.NewReader("uname -m; grep -c ^processor /proc/cpuinfo; poweroff\n"), "vm", "console", "arm")
	if code != 0 || !strings.Contains(out, "\naarch64\r") || !strings.Contains(out, "\n2\r") {
		t.Errorf("exit %d: %s\n%s", code, errs, out)
	}
	v := h.WaitState(t.Context(), "arm", "off")
	if e := v.Status.Power.Ended; e == nil || e.How != "guest" {
		t.Errorf("it ended as %+v", e)
	}
	must(t, h, "vm", "start", "arm")
	h.WaitState(t.Context(), "arm", "running")
	must(t, h, "vm", "stop", "arm", "--force")
	h.WaitState(t.Context(), "arm", "off")
}
