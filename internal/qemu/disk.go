package qemu

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// DiskSize returns how large a living VM's QEMU has one of its disks, by its device's id: that is what the guest sees.
func (h *Host) DiskSize(ctx context.Context, uuid, device string) (model.Bytes, error) {
	m, err := h.converse(ctx, uuid)
	if err != nil {
		return 0, err
	}
	node, err := nodeOf(ctx, m, device)
	return model.Bytes(node.Image.VirtualSize), err
}

// ResizeDisk has QEMU make a disk larger: it grows the file, and tells the guest, which sees it at once. One that is
// as large already is no error, and none is made smaller.
func (h *Host) ResizeDisk(ctx context.Context, uuid, device string, size model.Bytes) error {
	m, err := h.converse(ctx, uuid)
	if err != nil {
		return err
	}
	node, err := nodeOf(ctx, m, device)
	if err != nil || node.Image.VirtualSize >= int64(size) {
		return err
	}
	return qmp.BlockResize(ctx, m, node.NodeName, int64(size))
}

// nodeOf returns the block node that a device stands on now. It is asked of QEMU, which may have moved the device to
// another one since it was plugged in.
func nodeOf(ctx context.Context, m qmp.Executor, device string) (qmp.BlockNode, error) {
	all, err := qmp.QueryBlock(ctx, m)
	if err != nil {
		return qmp.BlockNode{}, err
	}
	for _, b := range all {
		if b.Of(device) && b.Node != nil {
			return *b.Node, nil
		}
	}
	return qmp.BlockNode{}, fault.New(fault.NotFound, "QEMU has no device %s, or nothing in it", device)
}
