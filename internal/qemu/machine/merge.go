package machine

import (
	"encoding/json"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Merge is two layers of a disk that become one in the QEMU which runs with it.
type Merge struct {
	storage.Merge
	Disk  string          // its name: "root"
	Slot  int             // where it sits
	Chain []storage.Layer // what it consists of
	IO    vm.DiskIO       // how it was started
}

// mergeJob begins the name of each job of ours that merges.
const mergeJob = "merge-"

// Job is the name of the job that does it. It tells which layer goes, and of which disk.
func (m Merge) Job() string { return mergeJob + shortID(m.Gone(m.Chain).ID) + "-" + m.Disk }

func shortID(id string) string {
	id = strings.ReplaceAll(id, "-", "")
	return id[:min(len(id), 24)]
}

// Written are the places of the layers that QEMU has open for reading, and needs for writing: what is written into, and
// what stands on a layer that goes, whose header is to name another. The one that the guest writes to is open so.
func (m Merge) Written() []int {
	head := len(m.Chain) - 1
	if !m.Down && m.At+1 < head {
		return []int{m.At + 1}
	}
	if !m.Down {
		return nil
	}
	if m.At+2 < head {
		return []int{m.At, m.At + 2}
	}
	return []int{m.At}
}

// Node is the node of a layer, and that of its file. The one layer with which a disk was started is called after it:
// has tells which nodes there are.
func (m Merge) Node(at int, has func(string) bool) (node, file string) {
	node = LayerNode(m.Slot, m.Chain[at].ID)
	if one := DiskNode(m.Disk); !has(node) && at == 0 && has(one) {
		return one, one + fileSuffix
	}
	return node, node + layerFile
}

// ReopenNodes are the two nodes of a layer as they are to be open, the file's first; below is the node that it stands on.
func ReopenNodes(node, file string, l storage.Layer, below string, readOnly bool, set int, io vm.DiskIO) []qmp.BlockPlug {
	at := oneLayer(node, strings.TrimPrefix(file, node), l, below, readOnly, set).by(io, false)
	return []qmp.BlockPlug{{Name: file, Add: json.RawMessage(object(at.file))}, {Name: node, Add: json.RawMessage(object(at.format))}}
}
