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
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hyper-nixos/hyper-nixos/test/built"
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
	mixed, err := built.Recipe(recipe)
	if err != nil {
		return Guest{}, err
	}
	mixed = built.Hash(mixed, p.arch)
	want, err := p.candidates(ctx)
	if err != nil {
		if g, cached := anyCached(cache, mixed); cached {
			fmt.Fprintf(progress, "guest: %v; taking the one built before from %s\n", err, g.Release)
			return g, nil
		}
		return Guest{}, err
	}
	key := built.Hash(mixed, want.kernel.String(), want.busybox.String())[:16]
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

// make makes a guest in dir: a reader sees all of it or nothing.
func (p port) make(ctx context.Context, dir string, want wanted, g Guest) (Guest, error) {
	err := built.Place(ctx, dir, &g, func(work, out string) error {
		roots, err := p.unpack(ctx, want, filepath.Join(work, "packages"))
		if err != nil {
			return err
		}
		kernel, err := os.ReadFile(filepath.Join(roots.kernel, "boot", "vmlinuz-"+want.release))
		if err != nil {
			return err
		}
		initrd, modules, err := p.initramfs(ctx, roots, want.release)
		if err != nil {
			return err
		}
		g.Release, g.Modules, g.InitBytes = want.release, modules, len(initrd)
		g.Packages = map[string]string{want.kernel.name: want.kernel.version, want.busybox.name: want.busybox.version}
		g.SHA256 = map[string]string{"vmlinuz": sum(kernel), "initrd": sum(initrd)}
		return errors.Join(os.WriteFile(filepath.Join(out, "vmlinuz"), kernel, 0o644), os.WriteFile(filepath.Join(out, "initrd"), initrd, 0o644))
	})
	if err != nil {
		return Guest{}, err
	}
	return load(dir)
}

// load reads a built guest; a folder without a manifest that can be read is none.
func load(dir string) (Guest, error) {
	var g Guest
	if err := built.Read(dir, &g, "vmlinuz", "initrd"); err != nil {
		return Guest{}, err
	}
	g.Dir, g.Kernel, g.Initrd = dir, filepath.Join(dir, "vmlinuz"), filepath.Join(dir, "initrd")
	return g, nil
}

// sum is the SHA-256 of a file's content, in hex.
func sum(content []byte) string {
	h := sha256.Sum256(content)
	return hex.EncodeToString(h[:])
}
