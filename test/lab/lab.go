// Package lab is a host of our own inside an emulated machine: Debian with systemd, cgroups of version 2 with
// every controller, a /dev/kvm that works, an IOMMU with devices to give away, device mapper and disks to
// break. Tests that need any of it (build tag lab) run in there as root, beside the installed package, on
// machines that have none of it.
//
// What lives here: the image, how a lab is booted, and how tests get in and results out. What
// does not: the tests; they stand beside what they test, most of them in test/lab/inside.
package lab

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hyper-nixos/hyper-nixos/test/built"
)

// Image is a built lab: a folder of the cache with the files disk.raw, vmlinuz and manifest.json.
type Image struct {
	Dir    string `json:"-"`
	Disk   string `json:"-"` // raw, with a partition table; never written, each boot has an overlay
	Kernel string `json:"-"`

	Key      string   `json:"key"`      // hash of all that the result depends on
	Recipe   string   `json:"recipe"`   // hash of this package's files alone
	Suite    string   `json:"suite"`    // bookworm, trixie
	Release  string   `json:"release"`  // what uname -r says in it
	Packages []string `json:"packages"` // those that were asked for, with their versions
}

const (
	kind       = "lab" // of folders in the cache
	diskName   = "disk.raw"
	kernelName = "vmlinuz"
	kept       = 3 // is how many images stay: several checkouts of one machine may need different ones
)

// What the image is made of is part of its key. What is brought along at each boot is not: the package under
// test, the tests and the script that runs them.
//
//go:embed lab.go debian.go image.go partition.go files/image
var recipe embed.FS

// Build returns the lab for this machine's Debian, from the cache if it is there. It needs root, mmdebstrap,
// and the network only when something is missing. Where apt has no package lists, an image that the same
// recipe made before is good enough. Notes go to progress.
func Build(ctx context.Context, cache string, progress io.Writer) (Image, error) {
	mixed, err := built.Recipe(recipe)
	if err != nil {
		return Image{}, err
	}
	from, err := newest(ctx)
	if err != nil {
		if i, ok := anyCached(cache, mixed); ok {
			fmt.Fprintf(progress, "lab: %v; taking the image built before, %s\n", err, i.Key)
			return i, nil
		}
		return Image{}, err
	}
	key := built.Hash(append([]string{mixed, from.kernel.Package, from.suite}, from.packages...)...)[:16]
	dir := filepath.Join(cache, kind, key)
	if i, err := Load(dir); err == nil {
		return i, nil
	}
	if os.Geteuid() != 0 {
		return Image{}, errors.New("building the lab's image needs root, for files that belong to others")
	}
	fmt.Fprintf(progress, "lab: building Debian %s with %s (two minutes, once for each version)\n", from.suite, from.kernel.Package)
	i := Image{Key: key, Recipe: mixed, Suite: from.suite, Release: from.kernel.Release, Packages: from.packages}
	if err := i.build(ctx, dir, from, progress); err != nil {
		return Image{}, fmt.Errorf("cannot build the lab: %w", err)
	}
	built.Forget(cache, kind, kept)
	return Load(dir)
}

// build makes the image in dir: a reader sees all of it or nothing.
func (i Image) build(ctx context.Context, dir string, from source, progress io.Writer) error {
	return built.Place(ctx, dir, i, func(work, out string) error { return from.make(ctx, work, out, progress) })
}

// Load reads a built image; a folder without a manifest that can be read is none.
func Load(dir string) (Image, error) {
	var i Image
	if err := built.Read(dir, &i, diskName, kernelName); err != nil {
		return Image{}, err
	}
	i.Dir, i.Disk, i.Kernel = dir, filepath.Join(dir, diskName), filepath.Join(dir, kernelName)
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
