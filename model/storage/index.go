package storage

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// IndexKind says in which way a source lists its images.
type IndexKind string

// The kinds of sources.
const (
	SimpleStreams IndexKind = "simplestreams" // streams/v1/index.json, as distributions and Incus publish them
	PlainIndex    IndexKind = "index"         // a folder with a file of sums, or a JSON file that lists images
)

// IndexSpec is where images are listed.
type IndexSpec struct {
	Kind IndexKind `json:"kind,omitempty"` // index when absent
	URL  string    `json:"url"`
	// Insecure lets it and its images come over plain HTTP; Local from this host and its link.
	Insecure bool `json:"insecure,omitempty"`
	Local    bool `json:"local,omitempty"`
}

// IndexKinds are the kinds of sources.
func IndexKinds() []IndexKind { return []IndexKind{PlainIndex, SimpleStreams} }

// Effective is s with what stands for what it leaves out.
func (s IndexSpec) Effective() IndexSpec {
	s.Kind = cmp.Or(s.Kind, PlainIndex)
	return s
}

// Index is a place that lists images, of the whole host: hv image source.
type Index struct {
	model.Metadata
	Spec IndexSpec `json:"spec"`
}

// Offer is an image that a source lists, in its newest version.
type Offer struct {
	Name    string      `json:"name"` // by which it is imported: "debian/12"
	Aliases []string    `json:"aliases,omitempty"`
	Title   string      `json:"title,omitempty"`
	OS      string      `json:"os,omitempty"`
	Release string      `json:"release,omitempty"`
	Arch    string      `json:"arch,omitempty"`    // as uname has it
	Version string      `json:"version,omitempty"` // of the content: "20261128"
	Kind    ImageKind   `json:"kind,omitempty"`
	Size    model.Bytes `json:"size,omitempty"`
	URL     string      `json:"url"`
	SHA256  string      `json:"sha256,omitempty"`
	SHA512  string      `json:"sha512,omitempty"`
	User    string      `json:"user,omitempty"`
	// CloudInit says that it configures itself by cloud-init.
	CloudInit bool `json:"cloudInit,omitempty"`
}

// MostOffers is how many images a source may list; what is behind them is not looked at.
const MostOffers = 20000

// CheckIndex returns what is wrong with a source, all of it.
func CheckIndex(name string, s IndexSpec) []error {
	var errs []error
	if err := model.CheckName("source name", name); err != nil {
		errs = append(errs, err)
	}
	if !slices.Contains(IndexKinds(), s.Effective().Kind) {
		errs = append(errs, fault.New(fault.Invalid, "source kind %.40q is none of simplestreams, index", string(s.Kind)))
	}
	return append(errs, ImageSource{Insecure: s.Insecure}.checkURL(s.URL)...)
}

// ParseListed splits SOURCE:ITEM.
func ParseListed(text string) (source, item string, ok bool) {
	source, item, ok = strings.Cut(text, ":")
	return source, item, ok && !strings.HasPrefix(item, "//") && model.CheckName("source name", source) == nil && item != ""
}

// FindOffer is the one of that name or alias, for a machine. One that says no machine fits each.
func FindOffer(all []Offer, item, arch string) (Offer, error) {
	found := map[bool][]Offer{}
	for _, o := range all {
		if o.Name == item || slices.Contains(o.Aliases, item) {
			fits := o.Arch == "" || arch == "" || o.Arch == arch
			found[fits] = append(found[fits], o)
		}
	}
	switch {
	case len(found[true]) > 0:
		return found[true][0], nil
	case len(found[false]) > 0:
		return Offer{}, fault.New(fault.NotFound, "image %.100q is not listed for %.20s, only for %.20s", item, arch, found[false][0].Arch).WithCode("HV-IMG-029")
	}
	return Offer{}, fault.New(fault.NotFound, "its source lists no image %.100q", item).Try("hv image search --source NAME").WithCode("HV-IMG-029")
}

// SortOffers orders them by name, then by machine.
func SortOffers(all []Offer) {
	slices.SortFunc(all, func(a, b Offer) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch)) })
}

// Matches reports whether each of words is in its name, an alias, or what it is.
func (o Offer) Matches(words ...string) bool {
	text := strings.ToLower(strings.Join(append([]string{o.Name, o.Title, o.OS, o.Release, o.Arch}, o.Aliases...), " "))
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, strings.ToLower(w)) })
}

// Ends of names by which an image is known in a list: what it is, its content says.
var imageEnds = []string{".qcow2", ".img", ".raw", ".vmdk", ".vhd", ".vhdx", ".vdi", ".ova", ".iso"}

// ImageName is the name under which a file of a folder is listed: without what says how it is packed; ok is false for
// one that is no image by its name.
func ImageName(file string) (name string, kind ImageKind, ok bool) {
	name = path.Base(file)
	for _, packed := range []string{".xz", ".gz", ".zst"} {
		name = strings.TrimSuffix(name, packed)
	}
	for _, end := range imageEnds {
		if cut, is := strings.CutSuffix(name, end); is && cut != "" {
			kind = DiskImage
			if end == ".iso" {
				kind = ISOImage
			}
			return cut, kind, true
		}
	}
	return "", "", false
}

// KeptName is the name that an image gets when a newer one takes its own.
func KeptName(i Image) string { return cut(i.Name, 54) + "-" + i.UID[:8] }

// NextName is the name of a newer version until it is there.
func NextName(name string) string { return name + "-next" }

// CodeNewest is the code of what says that there is nothing newer.
const CodeNewest = "HV-IMG-027"

func cut(s string, n int) string { return strings.TrimRight(s[:min(len(s), n)], "-") }
