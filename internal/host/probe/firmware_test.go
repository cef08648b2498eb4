package probe

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

func TestUEFIIsWhatItsPackageSaysItIs(t *testing.T) {
	describe := func(arch, code, vars, features string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(`{"interface-types":["uefi"],"mapping":{"device":"flash",
			"executable":{"filename":"` + code + `","format":"raw"},"nvram-template":{"filename":"` + vars + `","format":"raw"}},
			"targets":[{"architecture":"` + arch + `","machines":["*"]}],"features":[` + features + `]}`)}
	}
	root := fstest.MapFS{
		"usr/share/qemu/firmware/10-broken.json":    {Data: []byte(`{"interface-types":`)},
		"usr/share/qemu/firmware/20-nothing.txt":    {Data: []byte(`{}`)},
		"usr/share/qemu/firmware/40-secure.json":    describe("x86_64", "/usr/share/OVMF/CODE.fd", "/usr/share/OVMF/VARS.fd", `"secure-boot","requires-smm"`),
		"usr/share/qemu/firmware/45-enrolled.json":  describe("x86_64", "/usr/share/OVMF/CODE.ms.fd", "/usr/share/OVMF/VARS.fd", `"secure-boot","requires-smm","enrolled-keys","acpi-s3"`),
		"usr/share/OVMF/CODE.ms.fd":                 {Data: make([]byte, 200)},
		"usr/share/qemu/firmware/50-elsewhere.json": describe("x86_64", "/usr/share/../../etc/shadow", "/usr/share/OVMF/VARS.fd", ""),
		"usr/share/qemu/firmware/55-gone.json":      describe("aarch64", "/usr/share/AAVMF/CODE.fd", "/usr/share/AAVMF/VARS.fd", ""),
		"usr/share/qemu/firmware/60-x86.json":       describe("x86_64", "/usr/share/OVMF/CODE.fd", "/usr/share/OVMF/VARS.fd", `"acpi-s3"`),
		"usr/share/qemu/firmware/70-later.json":     describe("x86_64", "/usr/share/OVMF/VARS.fd", "/usr/share/OVMF/VARS.fd", ""),
		"usr/share/OVMF/CODE.fd":                    {Data: make([]byte, 100)},
		"usr/share/OVMF/VARS.fd":                    {Data: make([]byte, 28)},
	}
	var f host.Facts
	uefi(root, &f)
	want := []host.UEFI{
		{Arch: "x86_64", Code: "/usr/share/OVMF/CODE.fd", Vars: "/usr/share/OVMF/VARS.fd", Size: 128},
		{Arch: "aarch64", Why: "no UEFI firmware for aarch64 is installed"},
		{Arch: "x86_64", Code: "/usr/share/OVMF/CODE.ms.fd", Vars: "/usr/share/OVMF/VARS.fd", Size: 228, Secure: true},
	}
	if d := cmp.Diff(want, f.UEFI); d != "" {
		t.Error(d)
	}
	f = host.Facts{}
	uefi(fstest.MapFS{}, &f)
	if len(f.UEFI) != 3 || f.UEFI[0].OK() || f.UEFIFor("x86_64", false).Why == "" || f.UEFIFor("x86_64", true).Why == "" || f.UEFIFor("vax", false).OK() {
		t.Errorf("%+v", f.UEFI)
	}
}
