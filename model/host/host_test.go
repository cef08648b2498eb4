package host

import "testing"

func TestAFamilyNameBecomesAVersionedMachineType(t *testing.T) {
	q := &QEMU{Machines: []Machine{{Name: "pc-q35-7.2", Alias: "q35"}, {Name: "pc-q35-7.1"}}}
	for family, want := range map[string]string{"q35": "pc-q35-7.2", "pc-q35-7.1": "pc-q35-7.1"} {
		if m, ok := q.MachineType(family); !ok || m.Name != want {
			t.Errorf("%s became %q", family, m.Name)
		}
	}
	if _, ok := q.MachineType("virt"); ok {
		t.Error("found a machine that this QEMU lacks")
	}
	if _, ok := (*QEMU)(nil).MachineType("q35"); ok {
		t.Error("found a machine without a QEMU")
	}
}

func TestAToolIsUsableOnlyWithAPathAndNoReasonAgainst(t *testing.T) {
	if (*Tool)(nil).OK() || (&Tool{}).OK() || (&Tool{Path: "/x", Why: "too old"}).OK() || !(&Tool{Path: "/x"}).OK() {
		t.Error("OK is wrong")
	}
}
