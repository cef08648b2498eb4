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

// descriptors is where, below a folder of theirs, packages of firmware say what they have installed, in the order of
// its files' names. Source: docs/interop/firmware.json of QEMU.
const descriptors = "qemu/firmware"

// shared is the folder of most distributions.
const shared = "/usr/share"

// bare are the files of a folder of firmware that says nothing of itself, as nixpkgs' OVMF has them in FV, and
// libvirt of NixOS in /run/libvirt/nix-ovmf.
var bare = []struct{ arch, code, vars string }{
	{"x86_64", "OVMF_CODE.fd", "OVMF_VARS.fd"},
	{"aarch64", "AAVMF_CODE.fd", "AAVMF_VARS.fd"},
}

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

// uefi finds the UEFI firmware of each architecture: two flash images, the code and a template of its variables. For
// x86_64 there is one with Secure Boot, too. The first folder that has one counts.
func uefi(root fs.FS, f *host.Facts, folders []string) {
	if len(folders) == 0 {
		folders = []string{shared}
	}
	type kind struct {
		arch   string
		secure bool
	}
	known := map[kind]host.UEFI{}
	add := func(k kind, d descriptor) {
		if _, have := known[k]; !have && d.there(root, folders) {
			known[k] = host.UEFI{Arch: k.arch, Code: d.Mapping.Executable.Filename, Vars: d.Mapping.Template.Filename, Size: d.size(root), Secure: k.secure}
		}
	}
	for _, folder := range folders {
		for _, d := range described(root, folder) {
			secure, fits := d.fits()
			for _, t := range d.Targets {
				if fits {
					add(kind{t.Architecture, secure}, d)
				}
			}
		}
		for _, b := range bare {
			var d descriptor
			d.Mapping.Executable.Filename, d.Mapping.Template.Filename = path.Join(folder, b.code), path.Join(folder, b.vars)
			add(kind{arch: b.arch}, d)
		}
	}
	for _, k := range []kind{{"x86_64", false}, {"aarch64", false}, {"x86_64", true}} {
		u, ok := known[k]
		if !ok {
			u = host.UEFI{Arch: k.arch, Secure: k.secure, Why: "no UEFI firmware for " + k.arch + " is installed"}
			if k.secure {
				u.Why = "no UEFI firmware with Secure Boot and enrolled keys for " + k.arch + " is installed"
			}
		}
		f.UEFI = append(f.UEFI, u)
	}
}

// described are the descriptors of a folder; none where it has none.
func described(root fs.FS, folder string) []descriptor {
	dir := path.Join(strings.TrimPrefix(folder, "/"), descriptors)
	entries, _ := fs.ReadDir(root, dir) // sorted by name
	var out []descriptor
	for _, e := range entries[:min(len(entries), maxDescriptors)] {
		var d descriptor
		if path.Ext(e.Name()) == ".json" && json.Unmarshal([]byte(read(root, dir+"/"+e.Name())), &d) == nil {
			out = append(out, d)
		}
	}
	return out
}

// ofSecureBoot are the features that make a firmware one with Secure Boot: all or none. SMM keeps the variables from
// the guest's kernel; without enrolled keys it would trust everything.
var ofSecureBoot = []string{"secure-boot", "requires-smm", "enrolled-keys"}

// fits takes UEFI in flash with a writable store of variables, and says whether it is one with Secure Boot. What
// encrypts memory is another firmware too.
func (d descriptor) fits() (secure, fits bool) {
	fits = slices.Contains(d.Interfaces, "uefi") && d.Mapping.Device == "flash" &&
		d.Mapping.Executable.Format == "raw" && d.Mapping.Template.Format == "raw"
	has := 0
	for _, f := range d.Features {
		fits = fits && f != "amd-sev-es" && f != "intel-tdx"
		if slices.Contains(ofSecureBoot, f) {
			has++
		}
	}
	return has > 0, fits && (has == 0 || has == len(ofSecureBoot))
}

func (d descriptor) files() []string {
	return []string{d.Mapping.Executable.Filename, d.Mapping.Template.Filename}
}

// there reports whether both files are regular ones below one of the folders, which are root's.
func (d descriptor) there(root fs.FS, folders []string) bool {
	for _, name := range d.files() {
		info, err := fs.Stat(root, strings.TrimPrefix(name, "/"))
		below := func(folder string) bool { return strings.HasPrefix(path.Clean(name), path.Clean(folder)+"/") }
		if err != nil || !info.Mode().IsRegular() || !slices.ContainsFunc(folders, below) {
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
