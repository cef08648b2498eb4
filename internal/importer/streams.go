package importer

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// The two files of simplestreams: an index that says which files list products, and such a file. What is in them
// beside this is passed over. https://git.launchpad.net/simplestreams

type streamIndex struct {
	Format string `json:"format"`
	Index  map[string]struct {
		DataType string `json:"datatype"`
		Path     string `json:"path"`
	} `json:"index"`
}

type streamProducts struct {
	Format   string `json:"format"`
	Products map[string]struct {
		Aliases  string                   `json:"aliases"`
		Arch     string                   `json:"arch"`
		OS       string                   `json:"os"`
		Release  string                   `json:"release"`
		Title    string                   `json:"release_title"`
		Version  string                   `json:"version"`
		Versions map[string]streamVersion `json:"versions"`
	} `json:"products"`
}

type streamVersion struct {
	Items map[string]streamItem `json:"items"`
}

type streamItem struct {
	FileType string `json:"ftype"`
	Path     string `json:"path"`
	SHA256   string `json:"sha256"`
	SHA512   string `json:"sha512"`
	Size     int64  `json:"size"`
}

// mostPaths is how many files an index may name.
const mostPaths = 32

// StreamPaths are the files that an index of simplestreams says list images.
func StreamPaths(text []byte) ([]string, error) {
	var in streamIndex
	if err := json.Unmarshal(text, &in); err != nil || !strings.HasPrefix(in.Format, "index:1.") {
		return nil, fault.New(fault.Invalid, "it is no index of simplestreams").Because(err).WithCode("HV-IMG-028")
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(in.Index)) {
		e := in.Index[name]
		if e.DataType == "image-downloads" && e.Path != "" && !slices.Contains(out, e.Path) {
			out = append(out, e.Path)
		}
	}
	switch {
	case len(out) == 0:
		return nil, fault.New(fault.Invalid, "its index lists no images").WithCode("HV-IMG-028")
	case len(out) > mostPaths:
		return nil, fault.New(fault.Exhausted, "its index names more than %d files", mostPaths).WithCode("HV-IMG-014")
	}
	return out, nil
}

// diskTypes are the types of items that are a whole disk, the one that suits best first: with a firmware of either kind,
// then others.
var diskTypes = []string{"disk-kvm.img", "disk1.img", "disk.img", "disk.qcow2", "uefi1.img", "vmdk", "ova", "iso"}

// streamArches are the machines by the names that distributions give them.
var streamArches = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "x86_64": "x86_64", "aarch64": "aarch64"}

// StreamOffers are the images that a file of products lists: of each product the newest version that has a disk. Their
// URLs are paths below the root of the tree.
func StreamOffers(text []byte) ([]storage.Offer, error) {
	var in streamProducts
	if err := json.Unmarshal(text, &in); err != nil || !strings.HasPrefix(in.Format, "products:1.") {
		return nil, fault.New(fault.Invalid, "it is no list of products of simplestreams").Because(err).WithCode("HV-IMG-028")
	}
	if len(in.Products) > storage.MostOffers {
		return nil, fault.New(fault.Exhausted, "more than %d images are listed", storage.MostOffers).WithCode("HV-IMG-014")
	}
	var out []storage.Offer
	for _, id := range slices.Sorted(maps.Keys(in.Products)) {
		p := in.Products[id]
		version, item, ok := newest(p.Versions)
		if !ok {
			continue
		}
		aliases := strings.FieldsFunc(p.Aliases, func(r rune) bool { return r == ',' || r == ' ' })
		o := storage.Offer{
			Name: id, OS: strings.ToLower(p.OS), Release: cmp.Or(p.Version, p.Release), Title: strings.TrimSpace(p.OS + " " + cmp.Or(p.Title, p.Release)),
			Arch: cmp.Or(streamArches[p.Arch], p.Arch), Version: version, Kind: storage.DiskImage, Size: model.Bytes(max(item.Size, 0)),
			URL: item.Path, SHA256: strings.ToLower(item.SHA256), SHA512: strings.ToLower(item.SHA512),
			CloudInit: strings.Contains(id, ":cloud"),
		}
		if len(aliases) > 0 {
			o.Name, o.Aliases = aliases[0], slices.Concat(aliases[1:], []string{id})
		}
		if strings.HasSuffix(item.FileType, "iso") {
			o.Kind = storage.ISOImage
		}
		out = append(out, o)
	}
	return out, nil
}

// newest is the last version, by the order of their names, that has a disk.
func newest(all map[string]streamVersion) (string, streamItem, bool) {
	for _, version := range slices.Backward(slices.Sorted(maps.Keys(all))) {
		items := all[version].Items
		for _, kind := range diskTypes {
			for _, name := range slices.Sorted(maps.Keys(items)) {
				if i := items[name]; i.FileType == kind && i.Path != "" {
					return version, i, true
				}
			}
		}
	}
	return "", streamItem{}, false
}
