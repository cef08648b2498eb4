package machine

import (
	"encoding/json"
	"maps"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// HotplugDisk returns the disk of this name as it is plugged into slot of a machine that runs, and how its files, one for
// each layer, must have been opened. It takes no part in the order of booting, which firmware has read long ago.
func HotplugDisk(machineType, name string, d vm.Disk, v Volume, slot int) (qmp.Hotplug, []Access) {
	d.BootIndex = 0
	h := DiskUnplug(name, slot)
	h.Nodes = nil
	if d.IOThread != "" {
		h.Thread = IOThread(d.IOThread)
	}
	var access []Access
	for _, l := range layers(name, d, v, slot) {
		h.Nodes = append(h.Nodes, qmp.BlockPlug{Name: l.file.NodeName, Add: json.RawMessage(object(l.file)), FDSet: l.set},
			qmp.BlockPlug{Name: nodeOf(l.format), Add: json.RawMessage(object(l.format))})
		access = append(access, l.access)
	}
	h.Keys = storage.Keys(v.Layers)
	h.Add = json.RawMessage(object(onBus(diskDevice(name, d, v, slot, board{family: familyOf(machineType)}.place(slot)), name, d, slot, nil)))
	return h, access
}

func nodeOf(format any) string {
	switch n := format.(type) {
	case qcow2Node:
		return n.NodeName
	case luksNode:
		return n.NodeName
	case formatNode:
		return n.NodeName
	}
	return ""
}

// DiskUnplug returns what there is of the disk of this name to be taken away: the nodes of a disk of one layer, and
// those of all layers that it has come to have.
func DiskUnplug(name string, slot int) qmp.Hotplug {
	node := DiskNode(name)
	return qmp.Hotplug{Device: DiskDevice(name), FDSet: diskSets + slot, Layers: LayerNodes(slot),
		Nodes: []qmp.BlockPlug{{Name: node + fileSuffix}, {Name: node}}}
}

// HotplugNIC returns the network card of this name as it is plugged into slot of a machine that runs. In place of
// its listening socket it has what FDOf says, as at a start.
func HotplugNIC(machineType, name string, n vm.NIC, firmware vm.Firmware, slot int) qmp.Hotplug {
	h := NICUnplug(name)
	h.Add = json.RawMessage(object(pluggedNIC(name, n, firmware, board{family: familyOf(machineType)}.place(slot))))
	h.NetdevAdd = json.RawMessage(object(streamNetdev{Type: "stream", ID: h.Netdev, Server: true, Addr: socketRef{"fd", fd(h.Netdev)}}))
	return h
}

// FDOf stands for the number by which QEMU has a file or a socket.
func FDOf(name string) string { return fd(name) }

// NICUnplug returns what there is of the network card of this name to be taken away.
func NICUnplug(name string) qmp.Hotplug {
	return qmp.Hotplug{Device: NICDevice(name), Netdev: NICSocket(name)}
}

// InsertMedium returns the medium of a drive as it is put into one that runs.
func InsertMedium(name string, v Volume, target int) qmp.Hotplug {
	h := EjectMedium(name, target)
	for i, node := range Medium(name, v, fdset(h.FDSet)) {
		h.Nodes[i].Add = json.RawMessage(object(node))
	}
	return h
}

// EjectMedium returns what there is of the medium in a drive to be taken out.
func EjectMedium(name string, target int) qmp.Hotplug {
	node := CDROMNode(name)
	return qmp.Hotplug{Device: CDROMDevice(name), FDSet: mediaSets + target, Nodes: []qmp.BlockPlug{{Name: node + fileSuffix}, {Name: node}}}
}

// FreeSlot returns the lowest slot of a board with so many ports that no pinned device sits in.
func FreeSlot(pinned map[string]int, ports int) (int, bool) { return free(pinned, 1, ports) }

// FreeUnit returns the lowest unit of a bus that has units, on which no device is that is pinned, nor a drive on its target. none
// is why there is none.
func FreeUnit(bus string, pinned vm.Pinned) (unit int, none string) {
	taken, controller, most := maps.Clone(pinned.Slots), sticksSlot, usbPorts-1 // beyond that QEMU makes a hub
	if bus == vm.BusSCSI {
		controller, most = scsiSlot, maxTarget
		for name, target := range pinned.Targets {
			taken[cdromSlot(name)+"/target"] = scsiUnits + target
		}
	}
	if taken[controller] == 0 {
		return 0, "the board has no controller of bus " + bus + "; the next start brings one along"
	}
	n, ok := free(taken, unitsOf(bus)+1, unitsOf(bus)+most)
	if !ok {
		return 0, "bus " + bus + " is full"
	}
	return n, ""
}

// HasUnits reports whether disks on this bus are on a controller, and in no slot of the board.
func HasUnits(bus string) bool { return unitsOf(bus) > 0 }

func free(pinned map[string]int, from, to int) (int, bool) {
	taken := map[int]bool{}
	for _, n := range pinned {
		taken[n] = true
	}
	for n := from; n <= to; n++ {
		if !taken[n] {
			return n, true
		}
	}
	return 0, false
}

// SlotOf returns the name under which the slot of a device is pinned: "disks.data" sits in "disk/data".
func SlotOf(kind, name string) string {
	if kind == "nics" {
		return nicSlot(name)
	}
	return diskSlot(name)
}
