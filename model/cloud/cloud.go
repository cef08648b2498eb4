// Package cloud is the catalogue of the cloud images that well-known distributions publish, as data: where they lie,
// where their sums lie, what they need, and who logs in.
//
// What does not live here: fetching them (internal/importer).
package cloud

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Entry is one release of a distribution.
type Entry struct {
	Name    string   `json:"name"`              // "debian-12"
	Aliases []string `json:"aliases,omitempty"` // "bookworm"; "debian" for the newest of several
	Title   string   `json:"title"`             // "Debian 12 (bookworm)"
	OS      string   `json:"os"`
	Version string   `json:"version"`
	User    string   `json:"user"` // who logs in with a key
	// CloudInit says that it configures itself from the seed that hv gives it.
	CloudInit bool          `json:"cloudInit"`
	Needs     storage.Needs `json:"needs"`
	// URL and Sums are patterns: {arch} is the name that the distribution gives to the machine. Sums is empty where none
	// are published at a place that stays.
	URL  string `json:"url"`
	Sums string `json:"sums,omitempty"`
	// Arches are the distribution's names of machines, by ours.
	Arches map[string]string `json:"arches"`
}

// The machines, by the names that uname has for them.
const (
	AMD64 = "x86_64"
	ARM64 = "aarch64"
)

var (
	likeDebian = map[string]string{AMD64: "amd64", ARM64: "arm64"}
	likeUname  = map[string]string{AMD64: "x86_64", ARM64: "aarch64"}
	onlyAMD64  = map[string]string{AMD64: "x86_64"}

	small  = storage.Needs{CPUs: 1, Memory: 256 * model.MiB, Disk: 2 * model.GiB}
	usual  = storage.Needs{CPUs: 1, Memory: 512 * model.MiB, Disk: 4 * model.GiB}
	larger = storage.Needs{CPUs: 1, Memory: 1536 * model.MiB, Disk: 10 * model.GiB}
)

// entries, by distribution, the newest release first. Sources: the distributions' download pages.
var entries = []Entry{
	{"debian-13", []string{"debian", "trixie"}, "Debian 13 (trixie)", "debian", "13", "debian", true, usual,
		"https://cloud.debian.org/images/cloud/trixie/latest/debian-13-genericcloud-{arch}.qcow2", "https://cloud.debian.org/images/cloud/trixie/latest/SHA512SUMS", likeDebian},
	{"debian-12", []string{"bookworm"}, "Debian 12 (bookworm)", "debian", "12", "debian", true, usual,
		"https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-{arch}.qcow2", "https://cloud.debian.org/images/cloud/bookworm/latest/SHA512SUMS", likeDebian},
	{"ubuntu-24.04", []string{"ubuntu", "noble"}, "Ubuntu 24.04 LTS (Noble Numbat)", "ubuntu", "24.04", "ubuntu", true, usual,
		"https://cloud-images.ubuntu.com/noble/current/noble-server-cloudimg-{arch}.img", "https://cloud-images.ubuntu.com/noble/current/SHA256SUMS", likeDebian},
	{"ubuntu-22.04", []string{"jammy"}, "Ubuntu 22.04 LTS (Jammy Jellyfish)", "ubuntu", "22.04", "ubuntu", true, usual,
		"https://cloud-images.ubuntu.com/jammy/current/jammy-server-cloudimg-{arch}.img", "https://cloud-images.ubuntu.com/jammy/current/SHA256SUMS", likeDebian},
	{"fedora-42", []string{"fedora"}, "Fedora Cloud 42", "fedora", "42", "fedora", true, larger,
		"https://download.fedoraproject.org/pub/fedora/linux/releases/42/Cloud/{arch}/images/Fedora-Cloud-Base-Generic-42-1.1.{arch}.qcow2",
		"https://download.fedoraproject.org/pub/fedora/linux/releases/42/Cloud/{arch}/images/Fedora-Cloud-42-1.1-{arch}-CHECKSUM", likeUname},
	{"rocky-9", []string{"rocky"}, "Rocky Linux 9", "rocky", "9", "rocky", true, larger,
		"https://dl.rockylinux.org/pub/rocky/9/images/{arch}/Rocky-9-GenericCloud-Base.latest.{arch}.qcow2",
		"https://dl.rockylinux.org/pub/rocky/9/images/{arch}/Rocky-9-GenericCloud-Base.latest.{arch}.qcow2.CHECKSUM", likeUname},
	{"alma-9", []string{"alma", "almalinux", "almalinux-9"}, "AlmaLinux 9", "almalinux", "9", "almalinux", true, larger,
		"https://repo.almalinux.org/almalinux/9/cloud/{arch}/images/AlmaLinux-9-GenericCloud-latest.{arch}.qcow2",
		"https://repo.almalinux.org/almalinux/9/cloud/{arch}/images/CHECKSUM", likeUname},
	{"centos-stream-9", []string{"centos"}, "CentOS Stream 9", "centos", "9", "cloud-user", true, larger,
		"https://cloud.centos.org/centos/9-stream/{arch}/images/CentOS-Stream-GenericCloud-9-latest.{arch}.qcow2",
		"https://cloud.centos.org/centos/9-stream/{arch}/images/CentOS-Stream-GenericCloud-9-latest.{arch}.qcow2.SHA256SUM", likeUname},
	{"opensuse-15.6", []string{"opensuse", "leap"}, "openSUSE Leap 15.6", "opensuse", "15.6", "opensuse", true, larger,
		"https://download.opensuse.org/distribution/leap/15.6/appliances/openSUSE-Leap-15.6-Minimal-VM.{arch}-Cloud.qcow2",
		"https://download.opensuse.org/distribution/leap/15.6/appliances/openSUSE-Leap-15.6-Minimal-VM.{arch}-Cloud.qcow2.sha256", likeUname},
	{"arch", []string{"archlinux"}, "Arch Linux", "arch", "rolling", "arch", true, usual,
		"https://geo.mirror.pkgbuild.com/images/latest/Arch-Linux-x86_64-cloudimg.qcow2",
		"https://geo.mirror.pkgbuild.com/images/latest/Arch-Linux-x86_64-cloudimg.qcow2.SHA256", onlyAMD64},
	{"alpine-3.21", []string{"alpine"}, "Alpine Linux 3.21", "alpine", "3.21", "alpine", true, small,
		"https://dl-cdn.alpinelinux.org/alpine/v3.21/releases/cloud/nocloud_alpine-3.21.0-{arch}-bios-cloudinit-r0.qcow2",
		"", onlyAMD64},
	{"freebsd-14.2", []string{"freebsd"}, "FreeBSD 14.2", "freebsd", "14.2", "freebsd", true, larger,
		"https://download.freebsd.org/releases/VM-IMAGES/14.2-RELEASE/{arch}/Latest/FreeBSD-14.2-RELEASE-{arch}-BASIC-CLOUDINIT-ufs.qcow2.xz",
		"https://download.freebsd.org/releases/VM-IMAGES/14.2-RELEASE/{arch}/Latest/CHECKSUM.SHA512", map[string]string{AMD64: "amd64"}},
}

// All returns every entry, by distribution, the newest release first.
func All() []Entry { return slices.Clone(entries) }

// Search returns the entries that have every one of words in a name, an alias or the title; none asks for all.
func Search(words ...string) []Entry {
	var out []Entry
	for _, e := range entries {
		text := strings.ToLower(strings.Join(append([]string{e.Name, e.Title, e.OS}, e.Aliases...), " "))
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, strings.ToLower(w)) }) {
			out = append(out, e)
		}
	}
	return out
}

// Find returns the entry of a name or an alias.
func Find(name string) (Entry, error) {
	for _, e := range entries {
		if e.Name == name || slices.Contains(e.Aliases, name) {
			return e, nil
		}
	}
	return Entry{}, fault.New(fault.NotFound, "the catalogue has no image %.60q", name).Try("hv image search").WithCode("HV-IMG-020")
}

// Spec is what an image of this entry is wished to be, for a machine.
func (e Entry) Spec(arch string) (storage.ImageSpec, error) {
	theirs, ok := e.Arches[cmp.Or(arch, AMD64)]
	if !ok {
		return storage.ImageSpec{}, fault.New(fault.NotFound, "%s is not published for %.20s", e.Title, arch).WithCode("HV-IMG-020")
	}
	in := func(pattern string) string { return strings.ReplaceAll(pattern, "{arch}", theirs) }
	return storage.ImageSpec{
		Kind: storage.DiskImage, Source: storage.ImageSource{URL: in(e.URL), Checksums: in(e.Sums), Catalogue: e.Name},
		OS: e.OS, Version: e.Version, Arch: cmp.Or(arch, AMD64), User: e.User, CloudInit: e.CloudInit, Needs: e.Needs,
	}, nil
}
