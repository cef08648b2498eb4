//go:build linux

package reconcile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
)

func TestAHostThatStandsOtherwiseIsToldOnceAndUntilItIsBack(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	both := map[string]host.Standing{"gpu": {Answer: "yes"}, "iommu": {Answer: "yes"}}
	one := map[string]host.Standing{"iommu": {Answer: "no", Why: "off", Remedy: "turn it on"}}
	see := func(boot string, now map[string]host.Standing, further []host.Change, want ...host.Change) {
		t.Helper()
		got, err := d.Engine.SeeHost(t.Context(), boot, now, further)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	}
	gone := host.Change{What: "gpu", Before: "yes"}
	off := host.Change{What: "iommu", Before: "yes", After: "no", Why: "off", Remedy: "turn it on"}
	held := host.Change{What: "declared feature srIov", Before: "on", After: "waiting"}

	see("boot 1", both, nil) // the first time there is nothing to compare with
	see("boot 1", both, nil)
	see("boot 1", one, []host.Change{held}, off, gone, held)
	see("boot 1", one, nil)
	see("boot 1", both, nil, host.Change{What: "gpu", After: "yes"}, host.Change{What: "iommu", Before: "no", After: "yes"})
	// What was taken out while the host was off is told at its next boot, and forgotten at the one after.
	see("boot 2", one, nil, off, gone)
	see("boot 3", one, nil)
}
