// Package built keeps what tests build once: a folder for each recipe, with a manifest of what it was made of.
//
// What lives here: keys, manifests, folders that appear whole, and which of them stay. What does not: how anything is
// made (test/guest, test/lab, test/debian).
package built

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"time"
)

// Manifest is the name of the file that says what a folder was made of; a folder without one is none.
const Manifest = "manifest.json"

// Recipe is the hash of the sources and files that make something.
func Recipe(files fs.FS) (string, error) {
	var parts []string
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		parts = append(parts, name, string(text))
		return err
	})
	return Hash(parts...), err
}

// Hash is the SHA-256 in hex; the length of each part goes in, so that parts cannot run together.
func Hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Place makes dir: fill fills out, with room to work in beside it, and dir has its name when all of it is there. Of two
// builders at once the second finds the work done. By sudo it is built into the cache of who called, and is theirs.
func Place(ctx context.Context, dir string, manifest any, fill func(work, out string) error) (err error) {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(parent, ".work-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	out := filepath.Join(work, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	if err := fill(work, out); err != nil {
		return err
	}
	text, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, Manifest), append(text, '\n'), 0o644); err != nil {
		return err
	}
	if said, err := exec.CommandContext(ctx, "chown", "-R", "--reference="+parent, out).CombinedOutput(); err != nil {
		return fmt.Errorf("chown: %w: %s", err, said)
	}
	if err := os.Rename(out, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Read reads the manifest of a folder, and wants the files that it must have.
func Read(dir string, manifest any, files ...string) error {
	name := filepath.Join(dir, Manifest)
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, manifest); err != nil {
		return fmt.Errorf("cannot read %s: %w (remove the folder and build again)", name, err)
	}
	for _, f := range files {
		if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
			return err
		}
	}
	return nil
}

// Folders are the folders of a kind in a cache that have a manifest, what was built last first.
func Folders(cache, kind string) []string {
	manifests, err := filepath.Glob(filepath.Join(cache, kind, "*", Manifest))
	if err != nil {
		return nil // the pattern is malformed only if the cache's name is
	}
	for i, m := range manifests {
		manifests[i] = filepath.Dir(m)
	}
	slices.SortFunc(manifests, func(a, b string) int { return at(b).Compare(at(a)) })
	return manifests
}

// Forget removes the folders of a kind that were built longest ago, but for as many as are kept.
func Forget(cache, kind string, kept int) {
	dirs := Folders(cache, kind)
	for _, dir := range dirs[min(kept, len(dirs)):] {
		_ = os.RemoveAll(dir) // what stays is only room on a disk
	}
}

// at is when a folder was made, the zero time where that cannot be asked.
func at(dir string) time.Time {
	info, err := os.Stat(filepath.Join(dir, Manifest))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// Command is a program that builds something, or finds it in the cache, and prints its folder.
func Command(name string, cacheDir func() (string, error), build func(ctx context.Context, cache string, progress io.Writer) (dir string, err error)) {
	if err := run(cacheDir, build); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func run(cacheDir func() (string, error), build func(context.Context, string, io.Writer) (string, error)) error {
	cache := flag.String("cache", "", "`folder` of the cache (default ~/.cache/hyper-nixos, or HYPER_NIXOS_CACHE)")
	flag.Parse()
	if *cache == "" {
		dir, err := cacheDir()
		if err != nil {
			return err
		}
		*cache = dir
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := build(ctx, *cache, os.Stderr)
	if err != nil {
		return err
	}
	_, err = fmt.Println(dir)
	return err
}
