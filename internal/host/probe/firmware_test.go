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
	uefi(root, &f, nil)
	want := []host.UEFI{
		{Arch: "x86_64", Code: "/usr/share/OVMF/CODE.fd", Vars: "/usr/share/OVMF/VARS.fd", Size: 128},
		{Arch: "aarch64", Why: "no UEFI firmware for aarch64 is installed"},
		{Arch: "x86_64", Code: "/usr/share/OVMF/CODE.ms.fd", Vars: "/usr/share/OVMF/VARS.fd", Size: 228, Secure: true},
	}
	if d := cmp.Diff(want, f.UEFI); d != "" {
		t.Error(d)
	}
	f = host.Facts{}
	uefi(fstest.MapFS{}, &f, nil)
	if len(f.UEFI) != 3 || f.UEFI[0].OK() || f.UEFIFor("x86_64", false).Why == "" || f.UEFIFor("x86_64", true).Why == "" || f.UEFIFor("vax", false).OK() {
		t.Errorf("%+v", f.UEFI)
	}
}

// NixOS has firmware in its own folders: QEMU's with descriptors, others with the files alone.
func TestUEFIIsFoundInTheFoldersThatAreNamed(t *testing.T) {
	const qemu, ovmf = "/nix/store/1-qemu/share", "/nix/store/2-OVMF-fd/FV"
	file := func(n int) *fstest.MapFile { return &fstest.MapFile{Data: make([]byte, n)} }
	root := fstest.MapFS{
		"nix/store/1-qemu/share/qemu/firmware/60-edk2-x86_64.json": {Data: []byte(`{"interface-types":["uefi"],"mapping":{"device":"flash",
			"executable":{"filename":"` + qemu + `/qemu/edk2-x86_64-code.fd","format":"raw"},"nvram-template":{"filename":"` + qemu + `/qemu/edk2-i386-vars.fd","format":"raw"}},
			"targets":[{"architecture":"x86_64","machines":["pc-q35-*"]}],"features":["acpi-s3"]}`)},
		"nix/store/1-qemu/share/qemu/edk2-x86_64-code.fd": file(30), "nix/store/1-qemu/share/qemu/edk2-i386-vars.fd": file(12),
		"nix/store/2-OVMF-fd/FV/OVMF_CODE.fd": file(3), "nix/store/2-OVMF-fd/FV/OVMF_VARS.fd": file(4),
		"nix/store/2-OVMF-fd/FV/AAVMF_CODE.fd": file(5), "nix/store/2-OVMF-fd/FV/AAVMF_VARS.fd": file(6),
	}
	described := host.UEFI{Arch: "x86_64", Code: qemu + "/qemu/edk2-x86_64-code.fd", Vars: qemu + "/qemu/edk2-i386-vars.fd", Size: 42}
	x86, arm := host.UEFI{Arch: "x86_64", Code: ovmf + "/OVMF_CODE.fd", Vars: ovmf + "/OVMF_VARS.fd", Size: 7}, host.UEFI{Arch: "aarch64", Code: ovmf + "/AAVMF_CODE.fd", Vars: ovmf + "/AAVMF_VARS.fd", Size: 11}
	none := func(arch string) host.UEFI {
		return host.UEFI{Arch: arch, Why: "no UEFI firmware for " + arch + " is installed"}
	}
	secure := host.UEFI{Arch: "x86_64", Secure: true, Why: "no UEFI firmware with Secure Boot and enrolled keys for x86_64 is installed"}
	for name, c := range map[string]struct {
		folders []string
		want    []host.UEFI
	}{
		"QEMU's":           {[]string{qemu}, []host.UEFI{described, none("aarch64"), secure}},
		"the first counts": {[]string{qemu + "/", ovmf}, []host.UEFI{described, arm, secure}},
		"files alone":      {[]string{ovmf}, []host.UEFI{x86, arm, secure}},
		"another place":    {nil, []host.UEFI{none("x86_64"), none("aarch64"), secure}},
	} {
		t.Run(name, func(t *testing.T) {
			var f host.Facts
			uefi(root, &f, c.folders)
			if d := cmp.Diff(c.want, f.UEFI); d != "" {
				t.Error(d)
			}
		})
	}
}
