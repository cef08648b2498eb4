package machine

import (
	"cmp"
	"crypto/sha256"
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// diskSets is added to a disk's slot number to get its fdset: /dev/fdset/102 is the disk behind root port 2.
const diskSets = 100

// DiskDevice returns the id that the disk of this name has as a device in QEMU.
func DiskDevice(name string) string { return "disk-" + name }

// fileSuffix makes the name of a file node of that of its format node. It has a dot, which no disk name has: the
// disks "a" and "a-file" are two disks.
const fileSuffix = ".file"

// DiskNode returns the node name that the disk of this name has in QEMU's block graph; the node of its file has
// ".file" behind it. QEMU takes 31 bytes for both, so a long name is cut and gets a digest, again with a dot.
func DiskNode(name string) string { return nodeName("disk-", name) }

func nodeName(prefix, name string) string {
	const limit = 31
	if room := limit - len(prefix) - len(fileSuffix); len(name) > room {
		sum := sha256.Sum256([]byte(name))
		name = fmt.Sprintf("%s.%x", name[:room-9], sum[:4])
	}
	return prefix + name
}

type fileNode struct {
	Driver   string `json:"driver"`
	NodeName string `json:"node-name"`
	Filename string `json:"filename"`
	// Locking on, not auto: auto goes without any lock where it cannot take one, and says nothing.
	Locking  string `json:"locking"`
	ReadOnly bool   `json:"read-only"`
	Discard  string `json:"discard"`
}

type formatNode struct {
	Driver   string `json:"driver"` // always named: QEMU would guess it from what the guest has written
	NodeName string `json:"node-name"`
	File     string `json:"file"`
	ReadOnly bool   `json:"read-only"`
	Discard  string `json:"discard"`
}

// qcow2Node does not follow what the image itself names as its backing file.
type qcow2Node struct {
	formatNode
	Backing *string `json:"backing"` // null
}

type virtioBlk struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	place
	Drive     string `json:"drive"`
	BootIndex int    `json:"bootindex,omitempty"`
	Serial    string `json:"serial,omitempty"`
}

// disk is a virtio-blk device on a volume that comes as an fd. What the guest discards is given back to the pool.
// The raw format gets no size: QEMU refuses to resize a raw node that has one.
func disk(name string, d vm.Disk, v Volume, slot int, at place) part {
	file, format, device, access := diskObjects(name, d, v, slot, at)
	id := DiskDevice(name)
	return part{
		args:  append(addFD(id, diskSets+slot), "-blockdev", object(file), "-blockdev", object(format), "-device", object(device)),
		files: []File{{Name: id, Kind: DiskFile, Object: d.Volume, Device: name, Access: access}},
	}
}

// diskObjects are what a disk is made of in QEMU: the node of its file, that of its format, the device.
func diskObjects(name string, d vm.Disk, v Volume, slot int, at place) (file fileNode, format any, device virtioBlk, access Access) {
	node := DiskNode(name)
	readOnly := d.ReadOnly || v.ReadOnly
	access, discard := ReadWrite, "unmap"
	if readOnly {
		access, discard = ReadOnly, "ignore"
	}
	f := formatNode{string(cmp.Or(v.Format, storage.Raw)), node, node + fileSuffix, readOnly, discard}
	format = f
	if v.Format == storage.QCOW2 {
		format = qcow2Node{formatNode: f}
	}
	return fileNode{"file", node + fileSuffix, fdset(diskSets + slot), "on", readOnly, discard}, format,
		virtioBlk{Driver: "virtio-blk-pci", ID: DiskDevice(name), place: at, Drive: node, BootIndex: d.BootIndex, Serial: d.Serial}, access
}
