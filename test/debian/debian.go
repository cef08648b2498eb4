// Package debian makes a Debian cloud image: systemd, cloud-init, qemu-guest-agent and an SSH server on a disk with a
// partition table and a boot loader, as a distribution's own images are. Tests that need a guest who configures itself
// boot it; under emulation that takes half a minute.
//
// What lives here: the image and its cache. What does not: how it is started (the product does that).
package debian

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
	"strings"
	"time"

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
	manifestName = "manifest.json"
	diskName     = "disk.qcow2"
)

// What the image is made of is part of its key.
//
//go:embed debian.go root.go disk.go files
var recipe embed.FS

// Build returns the image for this machine's Debian, from the cache if it is there. It needs root, mmdebstrap, and
// the network only when something is missing. Where apt has no package lists, an image that the same recipe made before
// is good enough. Notes go to progress.
func Build(ctx context.Context, cache string, progress io.Writer) (Image, error) {
	mixed, err := recipeHash()
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
	key := hashOf(append([]string{mixed, suite.Name}, versions...)...)[:16]
	dir := filepath.Join(cache, "debian", key)
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
	forget(cache)
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

// build works in a folder beside dir and renames it at the end: a reader sees all of an image or nothing.
func (i Image) build(ctx context.Context, dir string, suite lab.Suite) (err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), ".work-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	root, out := filepath.Join(work, "root"), filepath.Join(work, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	if err := makeRoot(ctx, suite, root); err != nil {
		return err
	}
	if err := makeDisk(ctx, root, work, filepath.Join(out, diskName)); err != nil {
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
	if _, err := lab.Run(ctx, "chown", "-R", "--reference="+filepath.Dir(dir), out); err != nil {
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
	i.Dir, i.Disk = dir, filepath.Join(dir, diskName)
	_, err = os.Stat(i.Disk)
	return i, err
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

// kept is how many images stay: each is half a gigabyte.
const kept = 2

// forget removes the images that were built longest ago.
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
	manifests, err := filepath.Glob(filepath.Join(cache, "debian", "*", manifestName))
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
		fmt.Fprintf(h, "%d:%s", len(p), strings.TrimSpace(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}
