//go:build linux

package image

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// seenFile has the newest version that each source has ever listed of each item: a list that was signed once stays signed, and whoever is
// between a source and us could play an older one again, with images whose holes are known by now.
const seenFile = "seen-versions.json"

// mostSeen bounds it. What is beyond is not remembered, and what image update replaces is compared all the same.
const mostSeen = 20000

// notOlder refuses an older version than was seen of an item before, and remembers a newer one.
func (b *build) notOlder(o storage.Offer) error {
	if o.Version == "" {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := map[string]string{}
	text, err := b.folder.ReadFile(seenFile)
	if err == nil {
		err = json.Unmarshal(text, &seen)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return osfault.File(err, "cannot read which versions were seen")
	}
	key := b.from.Index.URL + " " + o.Name + " " + o.Arch
	newest := seen[key]
	if r := b.image.Replaces; r != nil && storage.OlderVersion(newest, r.Version) {
		newest = r.Version
	}
	if storage.OlderVersion(o.Version, newest) {
		if b.from.AllowDowngrade {
			return nil
		}
		return fault.New(fault.Precondition, "%s lists version %.60s of %s, and has listed %.60s before: an old list may have been played again",
			b.from.Index.URL, o.Version, b.from.Listed, newest).Try("ask again later; --allow-downgrade takes it where its publisher has taken the newer one back").WithCode("HV-IMG-038")
	}
	if newest == o.Version && seen[key] == newest || len(seen) >= mostSeen && seen[key] == "" {
		return nil
	}
	seen[key] = o.Version
	if text, err = json.Marshal(seen); err != nil {
		return err
	}
	err = b.folder.Make(func(f *os.File) (string, error) {
		_, err := f.Write(text)
		return seenFile, err
	})
	return osfault.File(err, "cannot write which versions were seen")
}
