package importer

import (
	"cmp"
	"context"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// sumFiles are the names that files of sums have in folders of images, the strongest first.
var sumFiles = []string{"SHA512SUMS", "SHA256SUMS", "sha512sums.txt", "sha256sums.txt", "CHECKSUM", "CHECKSUM.SHA512", "CHECKSUM.SHA256"}

// plain reads a plain index: a JSON file, or a folder with a file of sums, or else the links of the page that shows it.
func (i *Importer) plain(ctx context.Context, s storage.IndexSpec) ([]storage.Offer, string, error) {
	d := storage.Download{URL: s.URL, Insecure: s.Insecure, Local: s.Local, Most: maxIndex}
	if u, err := url.Parse(s.URL); err == nil && strings.HasSuffix(u.Path, ".json") {
		text, err := i.Text(ctx, d)
		if err != nil {
			return nil, "", err
		}
		text, signed, err := i.verify(ctx, d, text)
		if err != nil {
			return nil, "", err
		}
		offers, err := JSONOffers(text)
		return placed(offers, s.URL[:strings.LastIndex(s.URL, "/")+1], signed, err)
	}
	base := strings.TrimSuffix(s.URL, "/") + "/"
	for _, name := range sumFiles {
		d.URL, d.Most = base+name, MaxSums
		text, err := i.Text(ctx, d)
		if fault.KindOf(err) == fault.NotFound {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		text, signed, err := i.verify(ctx, d, text)
		if err != nil {
			return nil, "", err
		}
		return placed(SumOffers(text), base, signed, nil)
	}
	d.URL, d.Most = base, maxIndex
	text, err := i.Text(ctx, d)
	return placed(PageOffers(text), base, "not checked: there is no file of sums", err)
}

// placed are offers whose files lie below a folder.
func placed(all []storage.Offer, base, signed string, err error) ([]storage.Offer, string, error) {
	if err != nil {
		return nil, "", err
	}
	if len(all) == 0 {
		return nil, "", fault.New(fault.NotFound, "no image is listed there").WithCode("HV-IMG-028").Try("a folder with a file of sums (SHA256SUMS), or a JSON file: docs/images.md")
	}
	for n := range all {
		at, err := below(base, all[n].URL)
		if err != nil {
			return nil, "", err
		}
		all[n].URL = at
	}
	return all, signed, nil
}

// JSONOffers are the images of an index that is JSON: {"images": [{"name": …, "url": …, "sha256": …}]}.
func JSONOffers(text []byte) ([]storage.Offer, error) {
	var in struct {
		Images []storage.Offer `json:"images"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, fault.New(fault.Invalid, "it is no index of images").Because(err).WithCode("HV-IMG-028")
	}
	if len(in.Images) > storage.MostOffers {
		return nil, fault.New(fault.Exhausted, "more than %d images are listed", storage.MostOffers).WithCode("HV-IMG-014")
	}
	for n := range in.Images {
		o := &in.Images[n]
		name, kind, _ := storage.ImageName(o.URL)
		o.Name, o.Kind = cmp.Or(o.Name, name), cmp.Or(o.Kind, kind, storage.DiskImage)
		o.Arch = cmp.Or(streamArches[o.Arch], o.Arch)
		o.SHA256, o.SHA512, o.Size = strings.ToLower(o.SHA256), strings.ToLower(o.SHA512), max(o.Size, 0)
		if o.Name == "" {
			return nil, fault.New(fault.Invalid, "image %d of the index has no name", n+1).WithCode("HV-IMG-028")
		}
	}
	return in.Images, nil
}

// SumOffers are the images that a file of sums has a line for.
func SumOffers(sums []byte) []storage.Offer {
	var out []storage.Offer
	for line := range strings.Lines(string(sums)) {
		file, sum, ok := sumLine(strings.TrimSpace(line))
		name, kind, image := storage.ImageName(file)
		if !ok || !image || len(out) == storage.MostOffers {
			continue
		}
		o := storage.Offer{Name: name, Kind: kind, URL: (&url.URL{Path: file}).String(), Arch: archIn(name)}
		if o.SHA256 = sum; len(sum) == 128 {
			o.SHA256, o.SHA512 = "", sum
		}
		out = append(out, o)
	}
	return out
}

// link is an address in a page that shows a folder.
var link = regexp.MustCompile(`(?i)\bhref\s*=\s*["']([^"'?#\s]{1,300})["']`)

// PageOffers are the images that the page of a folder has links to.
func PageOffers(page []byte) []storage.Offer {
	var out []storage.Offer
	seen := map[string]bool{}
	for _, m := range link.FindAllSubmatch(page, storage.MostOffers) {
		file, err := url.PathUnescape(html.UnescapeString(string(m[1])))
		file = strings.TrimPrefix(file, "./")
		name, kind, ok := storage.ImageName(file)
		if err == nil && ok && !strings.ContainsAny(file, "/:") && !seen[file] {
			seen[file] = true
			out = append(out, storage.Offer{Name: name, Kind: kind, URL: (&url.URL{Path: file}).EscapedPath(), Arch: archIn(name)})
		}
	}
	return out
}

// archIn is the machine that a name says.
func archIn(name string) string {
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '.' }) {
		if arch := streamArches[part]; arch != "" {
			return arch
		}
	}
	return ""
}
