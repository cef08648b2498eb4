//go:build e2e && linux

package probe

import (
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

func TestARealQEMUSaysWhatItIs(t *testing.T) {
	defer goleak.VerifyNone(t)
	for arch, family := range map[string]string{"x86_64": "q35", "aarch64": "virt"} {
		path, err := exec.LookPath("qemu-system-" + arch)
		if err != nil {
			t.Logf("%v: %s", err, host.InstallHint(arch))
			continue
		}
		q := QEMU(t.Context(), arch, path)
		if !q.OK() || q.Arch != arch || q.Version == "" || !strings.Contains(q.Key, path) {
			t.Fatalf("%+v", q)
		}
		m, ok := q.MachineType(family)
		if !ok || m.Name == family || m.CPUs < 1 {
			t.Errorf("%s is %+v", family, m)
		}
	}
}
