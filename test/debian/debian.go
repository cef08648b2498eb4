// Package debian makes a Debian cloud image: systemd, cloud-init, qemu-guest-agent and an SSH server on a disk with a
// partition table and a boot loader, as a distribution's own images are. Tests that need a guest who configures itself
// boot it; under emulation that takes half a minute.
//
// What lives here: the image. What does not: how it is started (the product does that).
package debian

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hyper-nixos/hyper-nixos/test/built"
	"github.com/hyper-nixos/hyper-nixos/test/lab"
)

// Image is a built image: a folder of the cache with the files disk.qcow2 and manifest.json.
type Image struct {
	Dir  string `json:"-"`
	Disk string `json:"-"` // qcow2 without a backing file; never written, whoever boots it copies or overlays it

	Key      string   `json:"key"`      // hash of all that the result depends on
	Recipe   string   `json:"recipe"`   // hash of this package's files alone
	Suite    string   `json:"suite"`    // bookworm, trixie
	Packages []string `json:"packages"` // those that were asked for, with their versions
}

const (
	kind     = "debian" // of folders in the cache
	diskName = "disk.qcow2"
	kept     = 2 // is how many images stay: each is half a gigabyte
)

// What the image is made of is part of its key.
//
//go:embed debian.go root.go disk.go files
var recipe embed.FS

// Build returns the image for this machine's Debian, from the cache if it is there. It needs root, mmdebstrap, and
// the network only when something is missing. Where apt has no package lists, an image that the same recipe made before
// is good enough. Notes go to progress.
func Build(ctx context.Context, cache string, progress io.Writer) (Image, error) {
	mixed, err := built.Recipe(recipe)
	if err != nil {
		return Image{}, err
	}
	suite, versions, err := newest(ctx)
	if err != nil {
		if i, ok := anyCached(cache, mixed); ok {
			fmt.Fprintf(progress, "debian: %v; taking the image built before, %s\n", err, i.Key)
			return i, nil
		}
		return Image{}, err
	}
	key := built.Hash(append([]string{mixed, suite.Name}, versions...)...)[:16]
	dir := filepath.Join(cache, kind, key)
	if i, err := Load(dir); err == nil {
		return i, nil
	}
	if os.Geteuid() != 0 {
		return Image{}, errors.New("building the Debian image needs root, for files that belong to others")
	}
	fmt.Fprintf(progress, "debian: building a cloud image of %s (a minute, once for each version)\n", suite.Name)
	began := time.Now()
	i := Image{Key: key, Recipe: mixed, Suite: suite.Name, Packages: versions}
	if err := i.build(ctx, dir, suite); err != nil {
		return Image{}, fmt.Errorf("cannot build the Debian image: %w", err)
	}
	fmt.Fprintf(progress, "debian: built in %s, in %s\n", time.Since(began).Round(time.Second), dir)
	built.Forget(cache, kind, kept)
	return Load(dir)
}

func newest(ctx context.Context) (lab.Suite, []string, error) {
	suite, err := lab.ThisSuite(ctx)
	if err != nil {
		return suite, nil, err
	}
	versions, err := suite.Versions(ctx, packages)
	return suite, versions, err
}

// build makes the image in dir: a reader sees all of it or nothing.
func (i Image) build(ctx context.Context, dir string, suite lab.Suite) error {
	return built.Place(ctx, dir, i, func(work, out string) error {
		root := filepath.Join(work, "root")
		if err := makeRoot(ctx, suite, root); err != nil {
			return err
		}
		return makeDisk(ctx, root, work, filepath.Join(out, diskName))
	})
}

// Load reads a built image; a folder without a manifest that can be read is none.
func Load(dir string) (Image, error) {
	var i Image
	if err := built.Read(dir, &i, diskName); err != nil {
		return Image{}, err
	}
	i.Dir, i.Disk = dir, filepath.Join(dir, diskName)
	return i, nil
}

// anyCached returns an image made by the given recipe, for when apt cannot say what is newest.
func anyCached(cache, recipe string) (Image, bool) {
	for _, dir := range built.Folders(cache, kind) {
		if i, err := Load(dir); err == nil && i.Recipe == recipe {
			return i, true
		}
	}
	return Image{}, false
}
