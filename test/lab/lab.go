// Package lab is a host of our own inside an emulated machine: Debian with systemd, cgroups of version 2 with
// every controller, a /dev/kvm that works, an IOMMU with devices to give away, device mapper and disks to
// break. Tests that need any of it (build tag lab) run in there as root, beside the installed package, on
// machines that have none of it.
//
// What lives here: the image and its cache, how a lab is booted, and how tests get in and results out. What
// does not: the tests; they stand beside what they test, most of them in test/lab/inside.
package lab

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
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

const manifestName = "manifest.json"

// What the image is made of is part of its key. What is brought along at each boot is not: the package under
// test, the tests and the script that runs them.
//
//go:embed lab.go debian.go image.go partition.go files/image
var recipe embed.FS

// Build returns the lab for this machine's Debian, from the cache if it is there. It needs root, mmdebstrap,
// and the network only when something is missing. Where apt has no package lists, an image that the same
// recipe made before is good enough. Notes go to progress.
func Build(ctx context.Context, cache string, progress io.Writer) (Image, error) {
	mixed, err := recipeHash()
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
	key := hashOf(append([]string{mixed, from.kernel.Package, from.suite}, from.packages...)...)[:16]
	dir := filepath.Join(cache, "lab", key)
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
	forget(cache)
	return Load(dir)
}

// build works in a folder beside dir and renames it at the end: a reader sees all of an image or nothing.
func (i Image) build(ctx context.Context, dir string, from source, progress io.Writer) (err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), ".work-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	out := filepath.Join(work, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	if err := from.make(ctx, work, out, progress); err != nil {
		return err
	}
	manifest, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, manifestName), append(manifest, '\n'), 0o644); err != nil {
		return err
	}
	// By sudo it is built into the cache of who called, and is theirs.
	if _, err := output(ctx, "chown", "-R", "--reference="+filepath.Dir(dir), out); err != nil {
		return err
	}
	if err := os.Rename(out, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Load reads a built image; a folder without a manifest that can be read is none.
func Load(dir string) (Image, error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return Image{}, err
	}
	var i Image
	if err := json.Unmarshal(text, &i); err != nil {
		return Image{}, fmt.Errorf("cannot read %s: %w (remove the folder and build again)", filepath.Join(dir, manifestName), err)
	}
	i.Dir, i.Disk, i.Kernel = dir, filepath.Join(dir, "disk.raw"), filepath.Join(dir, "vmlinuz")
	for _, f := range []string{i.Disk, i.Kernel} {
		if _, err := os.Stat(f); err != nil {
			return Image{}, err
		}
	}
	return i, nil
}

// anyCached returns an image made by the given recipe, for when apt cannot say what is newest.
func anyCached(cache, recipe string) (Image, bool) {
	for _, dir := range cached(cache) {
		if i, err := Load(dir); err == nil && i.Recipe == recipe {
			return i, true
		}
	}
	return Image{}, false
}

// kept is how many images stay: several checkouts of one machine may need different ones.
const kept = 3

// forget removes the images that were built longest ago: each is the better part of a gigabyte.
func forget(cache string) {
	dirs := cached(cache)
	slices.SortFunc(dirs, func(a, b string) int { return built(b).Compare(built(a)) })
	for i, dir := range dirs {
		if i >= kept {
			_ = os.RemoveAll(dir) // what stays is only room on a disk
		}
	}
}

// built is when an image was made, the zero time where that cannot be asked.
func built(dir string) time.Time {
	info, err := os.Stat(filepath.Join(dir, manifestName))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func cached(cache string) []string {
	manifests, err := filepath.Glob(filepath.Join(cache, "lab", "*", manifestName))
	if err != nil {
		return nil // the pattern is malformed only if the cache's name is
	}
	for i, m := range manifests {
		manifests[i] = filepath.Dir(m)
	}
	return manifests
}

// recipeHash is the hash of the sources and files that make the image.
func recipeHash() (string, error) {
	var parts []string
	err := fs.WalkDir(recipe, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := recipe.ReadFile(name)
		parts = append(parts, name, string(text))
		return err
	})
	return hashOf(parts...), err
}

// hashOf is the SHA-256 in hex; the length of each part goes in, so that parts cannot run together.
func hashOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
