package door

import "github.com/hyper-nixos/hyper-nixos/internal/privilege"

type poolFolder privilege.PoolFolder

func (p *poolFolder) check(w *wrong, files int) {
	w.noFiles(files)
	below(w, p.Tree, p.Names)
}
