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

func TestEachArchitectureHasItsOwnQEMUOrAReason(t *testing.T) {
	f := Facts{Arch: "x86_64", QEMU: &QEMU{Path: "/x", Arch: "x86_64"}, Others: []QEMU{{Path: "/a", Arch: "aarch64"}}}
	for arch, path := range map[string]string{"x86_64": "/x", "aarch64": "/a", "riscv64": ""} {
		q := f.QEMUFor(arch)
		if q.Path != path || (path == "") == (q.Why == "") || q.OK() != (path != "") {
			t.Errorf("%s: %+v", arch, q)
		}
	}
	if q := (Facts{Arch: "x86_64"}).QEMUFor("x86_64"); q.OK() || q.Why == "" {
		t.Errorf("a host that was not asked has a QEMU: %+v", q)
	}
	for arch, pkg := range map[string]string{"x86_64": "qemu-system-x86", "aarch64": "qemu-system-arm"} {
		if InstallHint(arch) != "apt-get install "+pkg {
			t.Errorf("%s: %s", arch, InstallHint(arch))
		}
	}
}
