package probe

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

func TestCPUModelsAndFlagsAreKeptInAnOrderThatDoesNotChange(t *testing.T) {
	got := cpuModels([]qmp.CPUModel{{Name: "max"}, {Name: "host", Unavailable: []string{"kvm"}}, {Name: "EPYC", Unavailable: []string{"b", "a", "b"}}})
	want := []host.CPUModel{{Name: "EPYC", Lacks: []string{"a", "b"}}, {Name: "max"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	var m qmp.CPUExpansion
	m.Model.Props = json.RawMessage(`{"svm":true,"avx":false,"xlevel":2147483658,"vendor":"x"}`)
	if d := cmp.Diff([]string{"avx", "svm"}, cpuFlags(m)); d != "" {
		t.Error(d)
	}
	if got := cpuFlags(qmp.CPUExpansion{}); got != nil {
		t.Errorf("%v of a QEMU that said nothing", got)
	}
}
