//go:build lab

package inside

import (
	"strings"
	"testing"
)

func TestTheInstalledServicesRunAsWhoTheyShould(t *testing.T) {
	run(t, "systemctl", "is-active", "hv-helper", "hvd")
	const none = "0000000000000000"
	hvd := mainPID(t, "hvd")
	if caps, fresh := status(t, hvd, "CapPrm"), status(t, hvd, "NoNewPrivs"); caps != none || fresh != "1" {
		t.Errorf("hvd has the capabilities %s, and NoNewPrivs is %s", caps, fresh)
	}
	if uid := status(t, hvd, "Uid"); strings.Contains(" "+uid+" ", " 0 ") {
		t.Errorf("hvd runs as %s", uid)
	}
	if uid := status(t, mainPID(t, "hv-helper"), "Uid"); uid != "0 0 0 0" {
		t.Errorf("hv-helper runs as %s", uid)
	}
	if failed := run(t, "systemctl", "list-units", "--failed", "--plain", "--no-legend"); strings.TrimSpace(failed) != "" {
		t.Errorf("units have failed:\n%s", failed)
	}
}

func TestTheHostSaysWhatItCan(t *testing.T) {
	h, err := daemon(t).Host(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := h.Facts
	if f.KVM == nil || !f.KVM.OK || !strings.Contains(f.KVM.Why, "svm") || !strings.Contains(f.KVM.Why, "probe VM ran") {
		t.Errorf("KVM is %+v; here a probe VM runs under it", f.KVM)
	}
	if f.CPU == nil || !f.CPU.AMDV {
		t.Errorf("the CPU is %+v; it shows svm", f.CPU)
	}
	if f.Cgroup == nil || f.Cgroup.Mode != "v2" || !f.Cgroup.Enforced {
		t.Errorf("cgroups are %+v; here limits hold", f.Cgroup)
	}
	if f.IOMMU == nil || !f.IOMMU.OK {
		t.Errorf("the IOMMU is %+v; here devices are in groups", f.IOMMU)
	}
	if !f.QEMU.OK() || !f.Passt.OK() {
		t.Errorf("QEMU is %+v, passt is %+v", f.QEMU, f.Passt)
	}
	for _, finding := range h.Findings {
		t.Errorf("a host that has everything has the finding %s: %s (%s)", finding.Code, finding.What, finding.Why)
	}
	if out := hv(t, "host"); !strings.Contains(out, "probe VM ran") {
		t.Errorf("hv host does not say why KVM is used:\n%s", out)
	}
}
