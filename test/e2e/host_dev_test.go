//go:build e2e

package e2e

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/test/debian"
	"github.com/hyper-nixos/hyper-nixos/test/guest"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

// The feature is off until it is declared, and says how; then an environment boots, and its guest has read what it is to make of
// itself. What becomes of that takes mirrors, and minutes where there is no KVM: it is not awaited.
func TestADevelopmentEnvironmentBoots(t *testing.T) {
	h := onehost.New(t)
	refused(t, h, 1, []string{"HV-FEAT-030", "add \"devEnvironments\" to hypervisor.featureManager.extraFeatures"}, "dev", "list")
	refused(t, h, 1, []string{"HV-FEAT-030"}, "dev", "create", "shop", "web", "--no-wait")
	if out := must(t, h, "volume", "list", "-o", "name"); strings.TrimSpace(out) != "" {
		t.Errorf("what is refused leaves a volume: %q", out)
	}
	must(t, h, "config", "apply", "--yes", file(t, "d.nix", `{ hypervisor.featureManager.extraFeatures = [ "devEnvironments" ]; }`))
	if out := must(t, h, "dev", "list", "-o", "name"); out != "build\ndatabase\nweb\n" {
		t.Errorf("hv dev list: %q", out)
	}
	cache, err := guest.CacheDir()
	if err != nil {
		t.Skipf("no cache for the image: %v", err)
	}
	image, err := debian.Build(t.Context(), cache, os.Stderr)
	if err != nil {
		t.Skipf("no Debian image: %v", err)
	}
	must(t, h, "image", "import", "debian-12", image.Disk, "--cloud-init")
	must(t, h, "dev", "create", "shop", "web", "--instance-type", "tiny", "--no-wait")
	t.Cleanup(func() {
		if t.Failed() {
			wrote, _, _ := h.HV(context.WithoutCancel(t.Context()), nil, "vm", "logs", "shop", "--tail", "60")
			t.Logf("the guest wrote\n%s", wrote)
		}
	})
	if out := must(t, h, "vm", "list", "-l", "environment=web", "-o", "name"); out != "shop\n" {
		t.Errorf("hv vm list -l environment=web: %q", out)
	}
	must(t, h, "vm", "wait", "shop", "--for", "agent", "--timeout", "170s")
	if out := must(t, h, "vm", "exec", "shop", "--", "hostname"); out != "shop\n" {
		t.Errorf("the guest's name: %q", out)
	}
	if out := must(t, h, "vm", "exec", "shop", "--", "cat", "/var/lib/cloud/instance/user-data.txt"); !strings.Contains(out, "nginx") || !strings.Contains(out, "/etc/hyper-nixos/environment") {
		t.Errorf("what the guest is to make of itself:\n%s", out)
	}
	understood(t, h, "shop")
}
