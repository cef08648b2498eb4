package qmp

import (
	"context"
	"strings"
)

// Block is a device of the guest that a medium may be in: a disk, or a drive.
type Block struct {
	Device string     `json:"qdev,omitempty"`     // by its QOM path
	Node   *BlockNode `json:"inserted,omitempty"` // what it stands on; absent for an empty drive
}

type resizeArgs struct {
	Node string `json:"node-name"`
	Size int64  `json:"size"` // bytes
}

var (
	queryBlock  = define[none, []Block]("query-block")
	blockResize = define[resizeArgs, none]("block_resize")
)

// QueryBlock lists the devices of the guest that media may be in.
func QueryBlock(ctx context.Context, on Executor) ([]Block, error) {
	return queryBlock.do(ctx, on, none{})
}

// Of reports whether this is the device of that id, or a part of it. QEMU calls a device by its id where it has one itself, as a
// drive or a SATA disk has, and by its path where it is a part of another, as what is behind virtio-blk-pci is.
func (b Block) Of(id string) bool {
	path := "/machine/peripheral/" + id
	return b.Device == id || b.Device == path || strings.HasPrefix(b.Device, path+"/")
}

// BlockResize makes a block node as large as size, with the file below it, and tells the guest.
func BlockResize(ctx context.Context, on Executor, node string, size int64) error {
	return blockResize.run(ctx, on, resizeArgs{node, size})
}
