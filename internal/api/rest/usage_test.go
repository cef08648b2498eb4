package rest

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestUsageIsAListBesideTheVMsOfWhichOneMayBeCalledSo(t *testing.T) {
	h := newHouse(t, member)
	h.create("usage")
	if p, err := h.UsagePage(t.Context(), "", client.UsageOptions{Sort: "cpu"}); err != nil || len(p.Items) != 0 || p.Totals.HostCPUs != 4 {
		t.Errorf("%+v, %v", p, err)
	}
	if v, err := h.VM(t.Context(), ref("usage")); err != nil || v.Metadata.Name != "usage" {
		t.Errorf("%+v, %v", v.Metadata, err)
	}
	_, err := h.Usage(t.Context(), ref("usage"))
	refusal(t, err, fault.Precondition, "it is off", "hv vm start usage", "HV-VM-025")
	_, err = h.UsagePage(t.Context(), "", client.UsageOptions{Sort: "beauty"})
	refusal(t, err, fault.Invalid, "sort")
}
