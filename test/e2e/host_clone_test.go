//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/test/debian"
	"github.com/hyper-nixos/hyper-nixos/test/guest"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

const whoAmI = "cat /etc/machine-id; cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub; cat /sys/class/net/e*/address; cat /sys/class/dmi/id/product_uuid; hostname; cat /etc/kept"

// A guest that has been up, and its clone, which keeps what was written and is another machine: its machine-id, its SSH host keys,
// its address, its UUID and its name are others.
func TestACloneOfAGuestIsAnotherMachine(t *testing.T) {
	h := onehost.New(t)
	cache, err := guest.CacheDir()
	if err != nil {
		t.Skipf("no cache for the image: %v", err)
	}
	image, err := debian.Build(t.Context(), cache, os.Stderr)
	if err != nil {
		t.Skipf("no Debian image: %v", err)
	}
	must(t, h, "image", "import", "debian", image.Disk)
	must(t, h, "vm", "create", "one", "--image", "debian", "--cpus", "2", "--memory", "512MiB", "--start")
	is := func(name string) []string {
		t.Helper()
		must(t, h, "vm", "wait", name, "--for", "agent", "--timeout", "170s")
		must(t, h, "vm", "exec", name, "--", "sh", "-c", "cloud-init status --wait || true; echo kept > /etc/kept.new; [ -e /etc/kept ] || mv /etc/kept.new /etc/kept; sync")
		return strings.Fields(must(t, h, "vm", "exec", name, "--", "sh", "-c", whoAmI))
	}
	one := is("one")
	refused(t, h, 1, []string{"HV-VM-140", "--snapshot"}, "vm", "clone", "one", "two")
	must(t, h, "vm", "stop", "one")
	must(t, h, "vm", "wait", "one", "--for", "off", "--timeout", "60s")
	must(t, h, "vm", "clone", "one", "two")
	must(t, h, "vm", "start", "two")
	two := is("two")
	t.Logf("one is %q, two is %q", one, two)
	if len(one) != 6 || len(two) != 6 {
		t.Fatal("they do not say what they are")
	}
	for i, what := range []string{"machine-id", "SSH host key", "MAC address", "UUID", "name"} {
		if one[i] == two[i] || one[i] == "" {
			t.Errorf("both have the %s %s", what, one[i])
		}
	}
	if two[5] != "kept" {
		t.Errorf("what was written to the first is not on its clone: %q", two)
	}
}
