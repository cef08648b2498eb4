package plan

import (
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// shares are the folders that a VM is given, in the order of their tags, which is that of the machine.
func shares(in VMInput) []privilege.Share {
	var out []privilege.Share
	for _, tag := range slices.Sorted(maps.Keys(in.Effective.Shares)) {
		spec := in.Shares[tag]
		tree, names, _ := spec.Place() // checked when it was made
		out = append(out, privilege.Share{Tag: tag, Tree: tree, Names: names, ReadOnly: spec.ReadOnly || in.Effective.Shares[tag].ReadOnly})
	}
	return out
}
