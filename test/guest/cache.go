package guest

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"syscall"

	"github.com/hyper-nixos/hyper-nixos/test/built"
)

// CacheDir is the folder for what is slow to build: ~/.cache/hyper-nixos of the account that runs, or what
// HYPER_NIXOS_CACHE names. Root under a kept HOME (sudo -E) uses root's own home: files of root in a user's
// cache would break the user's next build. scripts/cache-dir.sh follows the same rule.
func CacheDir() (string, error) {
	if dir := os.Getenv("HYPER_NIXOS_CACHE"); dir != "" {
		return dir, nil
	}
	home := os.Getenv("HOME")
	if os.Geteuid() == 0 && !ownedByRoot(home) {
		root, err := user.LookupId("0")
		if err != nil {
			return "", err
		}
		home = root.HomeDir
	}
	if home == "" {
		return "", errors.New("HOME is not set: name a folder with HYPER_NIXOS_CACHE")
	}
	return filepath.Join(home, ".cache", "hyper-nixos"), nil
}

func ownedByRoot(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && owner.Uid == 0
}

// anyCached returns the guest last built by the given recipe, for when apt cannot say what is newest.
func anyCached(cache, recipe string) (Guest, bool) {
	for _, dir := range built.Folders(cache, "guest") {
		if g, err := load(dir); err == nil && g.Recipe == recipe {
			return g, true
		}
	}
	return Guest{}, false
}
