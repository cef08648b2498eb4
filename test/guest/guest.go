// Package guest builds the tiny Linux guest that make run and the real-QEMU tests boot: Debian's cloud
// kernel and an initramfs of our own, which says on the serial console what it found, and obeys the power
// button.
//
// What lives here: how kernel and initramfs are made, and the cache of them. What does not: how a guest is
// started (the product does that; the boot test here starts QEMU bare, to test the guest alone).
package guest

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
)

// Guest is a built guest: a folder of the cache with the files vmlinuz, initrd and manifest.json.
type Guest struct {
	Dir    string `json:"-"`
	Kernel string `json:"-"` // absolute path of the kernel image
	Initrd string `json:"-"` // absolute path of the initramfs, uncompressed newc

	Key       string            `json:"key"`      // hash of all that the result depends on
	Recipe    string            `json:"recipe"`   // hash of this package and its files alone
	Release   string            `json:"release"`  // what uname -r says in the guest
	Packages  map[string]string `json:"packages"` // Debian package -> version
	SHA256    map[string]string `json:"sha256"`   // file -> hash, hex
	Modules   []string          `json:"modules"`  // file names, in loading order
	InitBytes int               `json:"initrdBytes"`
}

const manifestName = "manifest.json"

//go:embed files
var files embed.FS

// The sources are part of the key: a guest made by another recipe is another guest.
//
//go:embed guest.go port.go debian.go module.go initramfs.go cpio.go files
var recipe embed.FS

// Build returns the guest for the newest cloud kernel that apt knows, from the cache if it is there.
// It needs apt and xz, and the network only when something is missing; nothing is installed. Where apt has no
// package lists, a guest that the same recipe made before is good enough. Notes go to progress.
func Build(ctx context.Context, cache string, progress io.Writer) (Guest, error) {
	return amd64.build(ctx, cache, progress)
}

func (p port) build(ctx context.Context, cache string, progress io.Writer) (Guest, error) {
	mixed, err := recipeHash()
	if err != nil {
		return Guest{}, err
	}
	mixed = hashOf(mixed, p.arch)
	want, err := p.candidates(ctx)
	if err != nil {
		if g, cached := anyCached(cache, mixed); cached {
			fmt.Fprintf(progress, "guest: %v; taking the one built before from %s\n", err, g.Release)
			return g, nil
		}
		return Guest{}, err
	}
	key := hashOf(mixed, want.kernel.String(), want.busybox.String())[:16]
	dir := filepath.Join(cache, "guest", key)
	if g, err := load(dir); err == nil {
		return g, nil
	}
	fmt.Fprintf(progress, "guest: building from %s and %s\n", want.kernel, want.busybox)
	g, err := p.make(ctx, dir, want, Guest{Key: key, Recipe: mixed})
	if err != nil {
		return Guest{}, fmt.Errorf("cannot build the guest: %w", err)
	}
	fmt.Fprintf(progress, "guest: %s, initramfs of %d KiB, in %s\n", g.Release, g.InitBytes>>10, g.Dir)
	return g, nil
}

// make works in a folder beside dir and renames it at the end: a reader sees all of a guest or nothing,
// and of two builders at once the second finds the work done.
func (p port) make(ctx context.Context, dir string, want wanted, g Guest) (_ Guest, err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return Guest{}, err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), ".work-")
	if err != nil {
		return Guest{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	roots, err := p.unpack(ctx, want, filepath.Join(work, "packages"))
	if err != nil {
		return Guest{}, err
	}
	kernel, err := os.ReadFile(filepath.Join(roots.kernel, "boot", "vmlinuz-"+want.release))
	if err != nil {
		return Guest{}, err
	}
	initrd, modules, err := p.initramfs(ctx, roots, want.release)
	if err != nil {
		return Guest{}, err
	}
	g.Release, g.Modules, g.InitBytes = want.release, modules, len(initrd)
	g.Packages = map[string]string{want.kernel.name: want.kernel.version, want.busybox.name: want.busybox.version}
	g.SHA256 = map[string]string{"vmlinuz": hashOf(string(kernel)), "initrd": hashOf(string(initrd))}
	manifest, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		return Guest{}, err
	}
	out := filepath.Join(work, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return Guest{}, err
	}
	for name, content := range map[string][]byte{"vmlinuz": kernel, "initrd": initrd, manifestName: append(manifest, '\n')} {
		if err := os.WriteFile(filepath.Join(out, name), content, 0o644); err != nil {
			return Guest{}, err
		}
	}
	if err := os.Rename(out, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return Guest{}, err
	}
	return load(dir)
}

// load reads a built guest; a folder without a manifest that can be read is none.
func load(dir string) (Guest, error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return Guest{}, err
	}
	var g Guest
	if err := json.Unmarshal(text, &g); err != nil {
		return Guest{}, fmt.Errorf("cannot read %s: %w (remove the folder and build again)", filepath.Join(dir, manifestName), err)
	}
	g.Dir, g.Kernel, g.Initrd = dir, filepath.Join(dir, "vmlinuz"), filepath.Join(dir, "initrd")
	for _, f := range []string{g.Kernel, g.Initrd} {
		if _, err := os.Stat(f); err != nil {
			return Guest{}, err
		}
	}
	return g, nil
}

// recipeHash is the hash of the builder's sources and of the files that go into the initramfs.
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
		if len(parts) > 1 {
			fmt.Fprintf(h, "%d:", len(p))
		}
		io.WriteString(h, p) //nolint:errcheck // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}
