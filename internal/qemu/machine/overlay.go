package machine

import (
	"encoding/json"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// OverlayNodes are the nodes of a layer that is put on a disk while the VM runs, the file's first, with the fdset in which
// it has come. There is nothing below it yet: that is for QEMU to say when it puts it on.
func OverlayNodes(slot int, id, key string, set int, io qmp.DiskIO) []qmp.BlockPlug {
	return FreshNodes(slot, id, storage.Layer{Format: storage.QCOW2, Key: key}, set, false, io)
}

// FreshNodes are the nodes of a layer that stands alone, for a disk that is copied to it while the VM runs, and is then
// read and written as it was started.
func FreshNodes(slot int, id string, as storage.Layer, set int, block bool, io qmp.DiskIO) []qmp.BlockPlug {
	l := oneLayer(LayerNode(slot, id), layerFile, as, "", false, set).by(vm.DiskIO(io), block)
	return []qmp.BlockPlug{
		{Name: l.file.NodeName, Add: json.RawMessage(object(l.file)), FDSet: set},
		{Name: nodeOf(l.format), Add: json.RawMessage(object(l.format))},
	}
}
