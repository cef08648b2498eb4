//go:build lab

package inside

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/fit"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// hostCheck is what the installed hv says of this host.
func hostCheck(t *testing.T, args ...string) (r fit.Report) {
	t.Helper()
	if err := json.Unmarshal([]byte(hv(t, append([]string{"host", "check", "-o", "json"}, args...)...)), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func answerOf(t *testing.T, r fit.Report, id catalogue.ID) fit.Feature {
	t.Helper()
	i := slices.IndexFunc(r.Features, func(f fit.Feature) bool { return f.ID == id })
	if i < 0 {
		t.Fatal("nothing is said of ", id)
	}
	return r.Features[i]
}

// hostChanged waits until the daemon has told a change of the host, after a revision. It returns that event's.
func hostChanged(t *testing.T, after int64, c host.Change) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ev, err := range daemon(t).Events(ctx, client.EventOptions{Types: []string{"host.changed"}, From: after + 1}) {
		if err != nil {
			t.Fatalf("nobody tells of %+v: %v", c, err)
		}
		var said struct{ Changes []host.Change }
		if err := json.Unmarshal(ev.Data, &said); err != nil {
			t.Fatal(err)
		}
		for _, got := range said.Changes {
			if strings.HasPrefix(got.What, c.What) && got.Before == c.Before && got.After == c.After {
				return ev.Revision
			}
		}
		t.Logf("%s", ev.Data)
	}
	t.Fatalf("the events have ended before %+v", c)
	return 0
}

// sriovController is the address of the controller that has virtual functions.
func sriovController(t *testing.T) string {
	t.Helper()
	found := glob(t, "/sys/bus/pci/devices/*/sriov_totalvfs")
	if len(found) != 1 {
		t.Fatalf("devices with virtual functions: %v", found)
	}
	return filepath.Base(filepath.Dir(found[0]))
}

func TestThisHostCanGiveDevicesAway(t *testing.T) {
	run(t, "modprobe", "vfio-pci")
	nvme := sriovController(t)
	for name, r := range map[string]fit.Report{"hv alone": hostCheck(t, "--host", "self"), "the daemon": hostCheck(t)} {
		if name == "the daemon" {
			// It hears of the module by the kernel, some time after it was loaded.
			for was := answerOf(t, r, catalogue.DevicePassthrough).Answer; was != fit.Yes; was = answerOf(t, r, catalogue.DevicePassthrough).Answer {
				hostChanged(t, 0, host.Change{What: "feature devicePassthrough", Before: string(was), After: "yes"})
				r = hostCheck(t)
			}
		}
		u := r.Facts.IOMMU
		if u == nil || !u.OK || u.Kind != host.VTd || len(u.Units) == 0 || !slices.Contains(u.Tables, "DMAR") || len(u.Groups) != len(glob(t, "/sys/kernel/iommu_groups/*")) {
			t.Errorf("%s: the IOMMU is %+v", name, u)
		}
		if n := len(glob(t, "/sys/bus/pci/devices/*")); len(r.Facts.PCI) != n {
			t.Errorf("%s: %d PCI devices, and there are %d", name, len(r.Facts.PCI), n)
		}
		for _, id := range []catalogue.ID{catalogue.DevicePassthrough, catalogue.SRIOV, catalogue.NestedVirtualization} {
			if f := answerOf(t, r, id); f.Answer != fit.Yes {
				t.Errorf("%s: %s is %+v", name, id, f)
			}
		}
		if f := answerOf(t, r, catalogue.GPUPassthrough); f.Answer != fit.No || !strings.Contains(f.Why, "no GPU") {
			t.Errorf("%s: there is no GPU, and it is %+v", name, f.Verdict)
		}
		i := slices.IndexFunc(r.Devices, func(d fit.Device) bool { return d.Address == nvme })
		if i < 0 || r.Devices[i].Answer != fit.Yes || r.Devices[i].Kind != host.NVMe || len(r.Devices[i].With) != 0 {
			t.Errorf("%s: of the controller at %s it is said %+v", name, nvme, r.Devices)
		}
		if own := slices.IndexFunc(r.Devices, func(d fit.Device) bool { return strings.Contains(d.Why, "in use by the host") }); own < 0 ||
			r.Devices[own].Answer != fit.No || r.Devices[own].Address != "0000:00:02.0" || !strings.Contains(r.Devices[own].Why, ": /") {
			t.Errorf("%s: the controller of the root disk is offered: %+v", name, r.Devices)
		}
		for _, row := range r.Rows {
			if row.Table == catalogue.CPUFeatures && (row.Answer != fit.Yes || row.Column != "AMD-V, Intel VT-d") { // as QEMU emulates them
				t.Errorf("%s: %+v", name, row)
			}
			if row.Row == catalogue.KVMAcceleration && (name == "the daemon") != (row.Answer == fit.Yes) {
				t.Errorf("%s: %+v", name, row)
			}
		}
	}
}

func TestADeviceThatIsTakenOutAndPutBackIsTold(t *testing.T) {
	nvme := sriovController(t)
	what := "device " + nvme
	before := answerOf(t, hostCheck(t), catalogue.SRIOV)
	was := func(r fit.Report) string {
		for _, d := range r.Devices {
			if d.Address == nvme {
				return string(d.Answer)
			}
		}
		return ""
	}(hostCheck(t))
	write(t, "/sys/bus/pci/devices/"+nvme+"/remove", "1")
	t.Cleanup(func() { write(t, "/sys/bus/pci/rescan", "1") })
	at := hostChanged(t, 0, host.Change{What: what, Before: was})
	if f := answerOf(t, hostCheck(t), catalogue.SRIOV); f.Answer != fit.No || !strings.Contains(f.Why, "no card") {
		t.Errorf("the only card with virtual functions is gone, and srIov is %+v", f.Verdict)
	}
	if out := hv(t, "host", "-o", "json"); !strings.Contains(out, "HV-HOST-007") || !strings.Contains(out, nvme) {
		t.Errorf("hv host does not tell what is gone:\n%s", out)
	}
	write(t, "/sys/bus/pci/rescan", "1")
	hostChanged(t, at, host.Change{What: "feature srIov", Before: "no", After: string(before.Answer)})
	hostChanged(t, at, host.Change{What: what, After: was})
	if out := hv(t, "host", "-o", "json"); strings.Contains(out, "less than before: "+what) {
		t.Errorf("it is back, and hv host says it is not:\n%s", out)
	}
}
