package machines

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestFlagsOfACPUAreReadAsQEMUsPeopleWriteThem(t *testing.T) {
	var s vm.Spec
	h := hardware{cpu: "Haswell,-hle,+avx2", topology: "1x4x2", nested: true}
	if err := h.describe(&s); err != nil {
		t.Fatal(err)
	}
	want := vm.Spec{NestedVirtualization: true, CPU: &vm.CPU{
		Model: "Haswell", Features: map[string]bool{"hle": false, "avx2": true}, Sockets: 1, Cores: 4, Threads: 2,
	}}
	if d := cmp.Diff(want, s); d != "" {
		t.Error(d)
	}
	for _, bad := range []hardware{{cpu: "max,avx"}, {topology: "4"}, {topology: "1x0x2"}, {topology: "1x2xb"}} {
		if err := bad.describe(&vm.Spec{}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	if err := (&hardware{}).describe(&s); err != nil {
		t.Error(err)
	}
}
