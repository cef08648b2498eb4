package storage

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// ImageKind says what an image is for.
type ImageKind string

// The kinds of images.
const (
	DiskImage ImageKind = "disk" // volumes are made of it
	ISOImage  ImageKind = "iso"  // a CD or DVD
)

// MaxImage is the most that a download or an upload may have, and what is unpacked of it.
const MaxImage = 1 * model.TiB

// ImageSource is where the content of an image comes from; exactly one of URL, Listed, Upload and VM.
type ImageSource struct {
	URL       string `json:"url,omitempty"`
	Upload    string `json:"upload,omitempty"`    // the name of the file that was sent, for people
	VM        string `json:"vm,omitempty"`        // the VM that it is a template of
	Catalogue string `json:"catalogue,omitempty"` // the entry of the catalogue that named the URL
	// Listed is SOURCE:ITEM, what a source lists, and Index that source as it was: the URL and the sum are what it says
	// when the image is made.
	Listed string     `json:"listed,omitempty"`
	Index  *IndexSpec `json:"index,omitempty"`
	// Format raw keeps the bytes as they are; absent, the content says what it is.
	Format Format `json:"format,omitempty"`
	// What the content must be: SHA-256 or SHA-512 in hex, or a file of sums that has a line for it.
	SHA256    string `json:"sha256,omitempty"`
	SHA512    string `json:"sha512,omitempty"`
	Checksums string `json:"checksums,omitempty"`
	// Insecure lets it come over plain HTTP; Local from this host and its link. Only root may ask for the latter.
	Insecure bool `json:"insecure,omitempty"`
	Local    bool `json:"local,omitempty"`
	// AllowDowngrade takes an older version than its source has listed before.
	AllowDowngrade bool `json:"allowDowngrade,omitempty"`
}

// Needs are what a machine with this image should have at least; 0 where nobody knows.
type Needs struct {
	CPUs   int         `json:"cpus,omitempty"`
	Memory model.Bytes `json:"memory,omitempty"`
	Disk   model.Bytes `json:"disk,omitempty"`
}

// Template is what VMs of an image begin with where it was made of a VM; the rest of that is Needs.
type Template struct {
	OS         string `json:"os,omitempty"`
	Machine    string `json:"machine,omitempty"`
	Firmware   string `json:"firmware,omitempty"`
	SecureBoot bool   `json:"secureBoot,omitempty"`
	TPM        bool   `json:"tpm,omitempty"`
}

// ImageSpec is what is wished of an image. It never changes: another content is another image.
type ImageSpec struct {
	Kind      ImageKind   `json:"kind,omitempty"` // disk when absent
	Source    ImageSource `json:"source"`
	OS        string      `json:"os,omitempty"` // "debian"
	Version   string      `json:"version,omitempty"`
	Arch      string      `json:"arch,omitempty"` // "x86_64"
	User      string      `json:"user,omitempty"` // who logs in with a key, where the distribution has chosen
	CloudInit bool        `json:"cloudInit,omitempty"`
	Needs     Needs       `json:"needs,omitzero"`
	Template  *Template   `json:"template,omitempty"`
}

// Image is an image of the library.
type Image struct {
	model.Metadata
	Spec ImageSpec `json:"spec"`
	// Replaces is the image whose name this one takes when it is made. Replaced is the UID of the one that took this one's
	// name: it stays as long as something stands on it.
	Replaces *Replaced `json:"replaces,omitempty"`
	Replaced string    `json:"replaced,omitempty"`
}

// ImageNote is what stands on a pool of an image: what it is, and what became of it.
type ImageNote struct {
	Image
	Status ImageStatus `json:"status"`
}

// Replaced is an image that a newer version is to replace.
type Replaced struct {
	Name    string `json:"name"`
	UID     string `json:"uid"`
	SHA256  string `json:"sha256,omitempty"`  // of what came
	Sum     string `json:"sum,omitempty"`     // against which that was held
	Version string `json:"version,omitempty"` // by its source's count
}

// ImageStatus is what became of an image, written by reconcile.
type ImageStatus struct {
	Ready   bool        `json:"ready"`
	Format  Format      `json:"format,omitempty"` // as which it is kept: qcow2, or raw for an ISO
	Was     string      `json:"was,omitempty"`    // as which it came: "vmdk"
	Size    model.Bytes `json:"size,omitempty"`   // what a guest sees
	Stored  model.Bytes `json:"stored,omitempty"` // what it takes
	SHA256  string      `json:"sha256,omitempty"` // of what came, before it was unpacked and converted
	Checked string      `json:"checked,omitempty"`
	Signed  string      `json:"signed,omitempty"`  // "not checked", or by whom
	OVF     *Needs      `json:"ovf,omitempty"`     // what an OVF descriptor asked for
	URL     string      `json:"url,omitempty"`     // of what a source listed
	Version string      `json:"version,omitempty"` // of the content, by its source's count
	Sum     string      `json:"sum,omitempty"`     // the sum of a file of sums or a list that the content had to have
}

var (
	hex256 = regexp.MustCompile(`^[0-9a-f]{64}$`)
	hex512 = regexp.MustCompile(`^[0-9a-f]{128}$`)
)

// CheckImage returns what is wrong with an image's name and spec, all of it.
func CheckImage(name string, s ImageSpec) []error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fault.New(fault.Invalid, format, args...)) }
	if err := model.CheckName("image name", name); err != nil {
		errs = append(errs, err)
	}
	if s.Kind != "" && s.Kind != DiskImage && s.Kind != ISOImage {
		add("image kind %.20q is none of disk, iso", string(s.Kind))
	}
	if s.Source.Format != "" && s.Source.Format != Raw {
		add("format %.20q: say raw, or nothing: other formats are known by their content", string(s.Source.Format))
	}
	if s.Source.SHA256 != "" && !hex256.MatchString(s.Source.SHA256) {
		add("%.80q is no SHA-256: 64 hex digits in lower case", s.Source.SHA256)
	}
	if s.Source.SHA512 != "" && !hex512.MatchString(s.Source.SHA512) {
		add("%.140q is no SHA-512: 128 hex digits in lower case", s.Source.SHA512)
	}
	if s.Source.URL != "" {
		errs = append(errs, s.Source.checkURL(s.Source.URL)...)
	}
	if s.Source.Checksums != "" {
		errs = append(errs, s.Source.checkURL(s.Source.Checksums)...)
	}
	for what, text := range map[string]string{"os": s.OS, "version": s.Version, "arch": s.Arch, "user": s.User, "upload": s.Source.Upload} {
		if len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			add("%s is longer than 200 bytes, or has control characters", what)
		}
	}
	return errs
}

// Loopback reports whether a URL names this host itself, by its address or as localhost. A name that begins like an
// address (127.0.0.1.example.org) is somebody else's.
func Loopback(u *url.URL) bool {
	h := u.Hostname()
	ip, err := netip.ParseAddr(h)
	return h == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func (s ImageSource) checkURL(text string) []error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return []error{fault.New(fault.Invalid, "%.200q is no http or https URL", text)}
	case u.User != nil:
		return []error{fault.New(fault.Invalid, "a URL with a password in it would be kept and shown").Try("leave it out")}
	case len(text) > 2048:
		return []error{fault.New(fault.Invalid, "a URL is longer than 2048 bytes")}
	case u.Scheme == "http" && !s.Insecure && (!Loopback(u) || s.SHA256+s.SHA512+s.Checksums == ""):
		return []error{fault.New(fault.Denied, "%s is not encrypted: anybody on the way can change it", text).
			Try("an https URL; or --insecure-http, best with --sha256").WithCode("HV-IMG-012")}
	}
	return nil
}

// FileOf is the last part of a URL's path: "debian-12.qcow2".
func FileOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return path.Base(u.Path)
}

// Download is something to be fetched.
type Download struct {
	URL             string
	Insecure, Local bool
	Most            model.Bytes
}

// ImageFile returns the name that the content of the image with this UID has in the library.
func ImageFile(uid string, f Format) string { return fmt.Sprintf("%s.%s", uid, f) }
