package probe

import (
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// descriptors is where packages of firmware say what they have installed, in the order of its files' names.
// Source: docs/interop/firmware.json of QEMU.
const descriptors = "usr/share/qemu/firmware"

// maxDescriptors bounds how many are looked at.
const maxDescriptors = 64

type descriptor struct {
	Interfaces []string `json:"interface-types"`
	Mapping    struct {
		Device     string  `json:"device"`
		Executable mapping `json:"executable"`
		Template   mapping `json:"nvram-template"`
	} `json:"mapping"`
	Targets []struct {
		Architecture string   `json:"architecture"`
		Machines     []string `json:"machines"`
	} `json:"targets"`
	Features []string `json:"features"`
}

type mapping struct {
	Filename string `json:"filename"`
	Format   string `json:"format"`
}

// uefi finds the UEFI firmware of each architecture: two flash images, the code and a template of its variables.
func uefi(root fs.FS, f *host.Facts) {
	entries, _ := fs.ReadDir(root, descriptors) // sorted by name; none where the folder is not there
	known := map[string]host.UEFI{}
	for _, e := range entries[:min(len(entries), maxDescriptors)] {
		var d descriptor
		if path.Ext(e.Name()) != ".json" || json.Unmarshal([]byte(read(root, descriptors+"/"+e.Name())), &d) != nil || !d.fits() {
			continue
		}
		for _, t := range d.Targets {
			if _, have := known[t.Architecture]; have || !d.there(root) {
				continue
			}
			known[t.Architecture] = host.UEFI{
				Arch: t.Architecture, Code: d.Mapping.Executable.Filename, Vars: d.Mapping.Template.Filename, Size: d.size(root),
			}
		}
	}
	for _, arch := range []string{"x86_64", "aarch64"} {
		u, ok := known[arch]
		if !ok {
			u = host.UEFI{Arch: arch, Why: "no UEFI firmware for " + arch + " is installed"}
		}
		f.UEFI = append(f.UEFI, u)
	}
}

// fits takes UEFI in flash with a writable store of variables. What has Secure Boot needs a machine with SMM and
// keys of its owner's choice; what encrypts memory is another firmware too.
func (d descriptor) fits() bool {
	return slices.Contains(d.Interfaces, "uefi") && d.Mapping.Device == "flash" &&
		d.Mapping.Executable.Format == "raw" && d.Mapping.Template.Format == "raw" &&
		!slices.ContainsFunc(d.Features, func(f string) bool {
			return f == "secure-boot" || f == "requires-smm" || f == "enrolled-keys" || f == "amd-sev-es" || f == "intel-tdx"
		})
}

func (d descriptor) files() []string {
	return []string{d.Mapping.Executable.Filename, d.Mapping.Template.Filename}
}

// there reports whether both files are regular ones below /usr/share, which is root's.
func (d descriptor) there(root fs.FS) bool {
	for _, name := range d.files() {
		info, err := fs.Stat(root, strings.TrimPrefix(name, "/"))
		if err != nil || !info.Mode().IsRegular() || !strings.HasPrefix(path.Clean(name), "/usr/share/") {
			return false
		}
	}
	return true
}

func (d descriptor) size(root fs.FS) model.Bytes {
	var n int64
	for _, name := range d.files() {
		if info, err := fs.Stat(root, strings.TrimPrefix(name, "/")); err == nil {
			n += info.Size()
		}
	}
	return model.Bytes(n)
}
