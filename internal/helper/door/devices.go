package door

import (
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// maxTag is how long a mount tag of virtiofs may be. Source: struct virtio_fs_config of linux/virtio_fs.h.
const maxTag = 36

// shares checks the folders that a VM is given.
func (l *launch) shares(w *wrong) {
	w.unless(len(l.Shares) <= privilege.MaxShares, "shares: %d; at most %d", len(l.Shares), privilege.MaxShares)
	seen := map[string]bool{}
	for _, s := range l.Shares[:min(len(l.Shares), privilege.MaxShares)] {
		w.unless(isLabel(s.Tag) && len(s.Tag) <= maxTag, "shares: %.80q is no tag", s.Tag)
		w.unless(!seen[s.Tag], "shares: %.80q twice", s.Tag)
		seen[s.Tag] = true
		below(w, s.Tree, s.Names)
	}
}

// below checks a place below one of the trees that hv-helper knows.
func below(w *wrong, tree string, names []string) {
	w.unless(slices.Contains(privilege.PoolTrees, tree), "tree: %.20q is none of %s", tree, strings.Join(privilege.PoolTrees, ", "))
	w.unless(len(names) > 0 && len(names) <= privilege.MaxPoolDepth, "names: %d; 1 to %d", len(names), privilege.MaxPoolDepth)
	for _, n := range names[:min(len(names), privilege.MaxPoolDepth)] {
		w.unless(isFile(n) && !strings.HasPrefix(n, ".") && !strings.HasPrefix(n, "-"), "names: %.80q is no name of a folder", n)
	}
}
