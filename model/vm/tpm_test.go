package vm

import "testing"

func TestATPMSpeaksAsItsArchitectureDoes(t *testing.T) {
	for arch, want := range map[string]TPMInterface{"x86_64": TPMCRB, "aarch64": TPMTIS} {
		s, filled := Effective(Spec{TPM: &TPM{}}, arch)
		if s.TPM.Interface != want || len(filled) == 0 {
			t.Errorf("%s: %q", arch, s.TPM.Interface)
		}
	}
	if s, _ := Effective(Spec{}, "x86_64"); s.TPM != nil {
		t.Error("a TPM that nobody asked for")
	}
	for _, s := range []Spec{{TPM: &TPM{Interface: "lpc"}}, {Arch: "aarch64", TPM: &TPM{Interface: TPMCRB}}} {
		if found := Check(Definition{Name: "a", Spec: s}); len(found) != 1 || found[0].Path != "tpm.interface" {
			t.Errorf("%+v: %v", s.TPM, found)
		}
	}
}
