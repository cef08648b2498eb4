package vm

import "testing"

func TestSecureBootIsUEFIOnAQ35(t *testing.T) {
	if s, _ := Effective(Spec{SecureBoot: true, Boot: &Boot{Kernel: "k"}}, "x86_64"); s.Firmware != UEFI || s.Machine != "q35" {
		t.Errorf("it is %s on %s", s.Firmware, s.Machine)
	}
	for _, s := range []Spec{{Firmware: BIOS}, {Firmware: Kernel, Boot: &Boot{Kernel: "k"}}, {Arch: "aarch64"}, {Machine: "pc"}} {
		s.SecureBoot = true
		if found := Check(Definition{Name: "a", Spec: s}); len(found) != 1 || found[0].Path != "secureBoot" {
			t.Errorf("%+v: %v", s, found)
		}
	}
}
