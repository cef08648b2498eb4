//go:build e2e

package helper

import (
	"os"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/helper/kvm"
)

func TestTheProbeVMRunsWithoutPrivileges(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making a jail needs root")
	}
	if _, err := os.Stat(kvm.Device); err != nil || !kvm.Supported {
		t.Skipf("nothing to probe: %v", err)
	}
	h, err := open(options(t), &syncLog{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	_, why := kvmShown()
	err = h.probeKVM()
	t.Logf("at a glance: %q; probe: %v", why, err)
	if why == "" && err != nil {
		t.Errorf("the CPU shows KVM and the probe VM failed: %v", err)
	}
}
