package action

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// claimCID takes the context identifier of a VM's vsock, by which the host's kernel knows the guest: two with one cannot run.
func (a *Actions) claimCID(ctx context.Context, c *change, before, next vm.Spec, holder string) error {
	had, has := before.ContextID(), next.ContextID()
	if had == has {
		return nil
	}
	if had != "" {
		c.txn.Then = append(c.txn.Then, store.DeleteOp(store.ClaimKey("cid", store.HostWide, had)))
	}
	if has == "" {
		return nil
	}
	return a.claimAlone(ctx, c, "cid", has, holder)
}
