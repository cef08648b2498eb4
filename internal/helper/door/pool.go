package door

import (
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

type poolFolder privilege.PoolFolder

func (p *poolFolder) check(w *wrong, files int) {
	w.noFiles(files)
	w.unless(slices.Contains(privilege.PoolTrees, p.Tree), "tree: %.20q is none of %s", p.Tree, strings.Join(privilege.PoolTrees, ", "))
	w.unless(len(p.Names) > 0 && len(p.Names) <= privilege.MaxPoolDepth, "names: %d; 1 to %d", len(p.Names), privilege.MaxPoolDepth)
	for _, n := range p.Names[:min(len(p.Names), privilege.MaxPoolDepth)] {
		w.unless(isFile(n) && !strings.HasPrefix(n, ".") && !strings.HasPrefix(n, "-"), "names: %.80q is no name of a folder", n)
	}
}
