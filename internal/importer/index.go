package importer

import (
	"context"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Bounds of what lists images, and for how long one that was read counts.
const (
	maxIndex   = 16 * model.MiB
	indexCount = 10 * time.Minute
	mostKept   = 16
)

// lists are those that were read a short while ago.
type lists struct {
	mu   sync.Mutex
	kept map[storage.IndexSpec]listed
}

type listed struct {
	at     time.Time
	offers []storage.Offer
	signed string
}

// Offers returns what a source lists, and by whom that list is signed. fresh asks the source anew.
func (i *Importer) Offers(ctx context.Context, s storage.IndexSpec, fresh bool) ([]storage.Offer, string, error) {
	i.lists.mu.Lock()
	have, ok := i.lists.kept[s]
	i.lists.mu.Unlock()
	if ok && !fresh && time.Since(have.at) < indexCount {
		return have.offers, have.signed, nil
	}
	read := i.plain
	if s.Kind == storage.SimpleStreams {
		read = i.streams
	}
	offers, signed, err := read(ctx, s)
	if err != nil {
		return nil, "", fault.Wrap(err, "cannot read what %s lists", s.URL)
	}
	storage.SortOffers(offers)
	i.lists.mu.Lock()
	defer i.lists.mu.Unlock()
	if i.lists.kept == nil || len(i.lists.kept) >= mostKept {
		i.lists.kept = map[storage.IndexSpec]listed{}
	}
	i.lists.kept[s] = listed{time.Now(), offers, signed}
	return offers, signed, nil
}

// streams reads a simplestreams tree: its index, and what that says lists images. Each is taken signed in itself
// (.sjson) where it is there, else with the signature beside it.
func (i *Importer) streams(ctx context.Context, s storage.IndexSpec) ([]storage.Offer, string, error) {
	base := strings.TrimSuffix(s.URL, "/") + "/"
	if cut, is := strings.CutSuffix(s.URL, "/streams/v1/index.json"); is {
		base = cut + "/"
	}
	text, signed, err := i.signedJSON(ctx, s, base+"streams/v1/index")
	if err != nil {
		return nil, "", err
	}
	paths, err := StreamPaths(text)
	if err != nil {
		return nil, "", err
	}
	var all []storage.Offer
	for _, p := range paths {
		at, err := below(base, p)
		if err != nil {
			return nil, "", err
		}
		text, by, err := i.signedJSON(ctx, s, strings.TrimSuffix(strings.TrimSuffix(at, ".json"), ".sjson"))
		if err != nil {
			return nil, "", err
		}
		if !strings.HasPrefix(by, "by ") {
			signed = by // the least that any part says
		}
		offers, err := StreamOffers(text)
		if err != nil {
			return nil, "", err
		}
		for n := range offers {
			if offers[n].URL, err = below(base, offers[n].URL); err != nil {
				return nil, "", err
			}
		}
		if all = append(all, offers...); len(all) > storage.MostOffers {
			return nil, "", fault.New(fault.Exhausted, "more than %d images are listed", storage.MostOffers).WithCode("HV-IMG-014")
		}
	}
	return all, signed, nil
}

// signedJSON fetches what is there as .sjson, clear-signed, or as .json.
func (i *Importer) signedJSON(ctx context.Context, s storage.IndexSpec, at string) ([]byte, string, error) {
	d := storage.Download{URL: at + ".sjson", Insecure: s.Insecure, Local: s.Local, Most: maxIndex}
	text, err := i.Text(ctx, d)
	if fault.KindOf(err) == fault.NotFound {
		d.URL = at + ".json"
		text, err = i.Text(ctx, d)
	}
	if err != nil {
		return nil, "", err
	}
	return i.verify(ctx, d, text)
}

// below is where a path that a list says lies: below what listed it, or at a URL of its own where that is allowed.
func below(base, p string) (string, error) {
	b, err := url.Parse(base)
	if err != nil {
		return "", fault.New(fault.Invalid, "%.200q is no URL", base)
	}
	u, err := url.Parse(p)
	if err != nil || u.IsAbs() || u.Host != "" || u.RawQuery != "" || u.Path == "" || path.IsAbs(u.Path) || !localPath(u.Path) {
		return "", fault.New(fault.Invalid, "the list names %.200q, which is not below it", p).WithCode("HV-IMG-028")
	}
	return b.JoinPath(u.EscapedPath()).String(), nil // which takes escapes apart itself: once, and not once more
}

func localPath(p string) bool {
	c := path.Clean(p)
	return c != "." && c != ".." && !strings.HasPrefix(c, "../")
}
