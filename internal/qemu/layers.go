package qemu

import (
	"context"
	"errors"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// dropNodes takes away every block node whose name is one, and the fdsets in which their files came. A node goes after
// those that stand on it, so they are gone through again as long as one has gone.
func dropNodes(ctx context.Context, m qmp.Executor, one func(name string) bool) error {
	all, err := qmp.QueryBlockNodes(ctx, m)
	if err != nil {
		return err
	}
	var left []string
	for _, n := range all {
		if one(n.NodeName) {
			left = append(left, n.NodeName)
		}
	}
	for len(left) > 0 {
		var inUse []string
		var why error
		for _, name := range left {
			if err := gone(qmp.BlockdevDel(ctx, m, name)); err != nil {
				inUse, why = append(inUse, name), errors.Join(why, err)
			}
		}
		if len(inUse) == len(left) {
			return why
		}
		left = inUse
	}
	sets, err := qmp.QueryFDSets(ctx, m)
	if err != nil {
		return err
	}
	for _, set := range sets {
		if slices.ContainsFunc(set.FDs, func(fd qmp.FD) bool { return one(fd.Opaque) }) {
			if err := gone(qmp.RemoveFD(ctx, m, set.ID, -1)); err != nil {
				return err
			}
		}
	}
	return nil
}
