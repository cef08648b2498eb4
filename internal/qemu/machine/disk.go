package machine

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"

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
	Cache    *cache `json:"cache,omitempty"`
	AIO      string `json:"aio,omitempty"`
}

// cache says how the host caches what is read and written; none is QEMU's way, its page cache.
type cache struct {
	Direct  bool `json:"direct"`
	NoFlush bool `json:"no-flush,omitempty"`
}

type formatNode struct {
	Driver   string `json:"driver"` // always named: QEMU would guess it from what the guest has written
	NodeName string `json:"node-name"`
	File     string `json:"file"`
	ReadOnly bool   `json:"read-only"`
	Discard  string `json:"discard"`
	Zeroes   string `json:"detect-zeroes,omitempty"`
}

// qcow2Node does not follow what the image itself names as its backing file: it is told what is below it.
type qcow2Node struct {
	formatNode
	Backing *string     `json:"backing"` // the node below; null for none
	Encrypt *encryption `json:"encrypt,omitempty"`
}

type virtioBlk struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	place
	Drive     string `json:"drive"`
	BootIndex int    `json:"bootindex,omitempty"`
	Serial    string `json:"serial,omitempty"`
	IOThread  string `json:"iothread,omitempty"`
	Caches    string `json:"write-cache,omitempty"` // "off": the guest hears of a write when it is on the disk
}

// layerSets is where the fdsets of disks with more than one layer begin, with room for setsPerDisk each.
const (
	layerSets   = 4096
	setsPerDisk = 256
)

// LayerNodes begins the names of the nodes of all layers of the disk in this slot, where it has more than one.
func LayerNodes(slot int) string { return fmt.Sprintf("l%02x-", slot) }

// LayerNode returns the node name of a layer of the disk in this slot; its file has ".file" shortened to ".f" behind it.
// It carries the layer's ID, of which 31 bytes have room for 96 bits: whoever meets a QEMU sees what it writes to.
func LayerNode(slot int, id string) string {
	id = strings.ReplaceAll(id, "-", "")
	return LayerNodes(slot) + id[:min(len(id), 24)]
}

// How the node of a file is called after that of its format, and how the file of a node begins that came in an fdset.
const (
	FileSuffix  = fileSuffix
	LayerSuffix = layerFile
	FDSetPrefix = "/dev/fdset/"
)

// LayerOf returns what a node's name says of its layer: the beginning of its ID without dashes, empty for a disk of one.
func LayerOf(node string) string {
	rest, ok := strings.CutPrefix(node, "l")
	_, id, dashed := strings.Cut(rest, "-")
	if !ok || !dashed {
		return ""
	}
	return id
}

// layerFile makes the name of a layer's file node of that of its format node.
const layerFile = ".f"

// layer is one file of a disk in QEMU: its two nodes, the set in which it comes, and how it is open.
type layer struct {
	file   fileNode
	format any
	set    int
	access Access
}

// layers are what a disk stands on, base first. A disk of one layer has nodes that are named after it. Of several
// each stands on the one before by its node's name, and no header is asked what is below it. Only the last is written to.
func layers(name string, d vm.Disk, v Volume, slot int) []layer {
	readOnly := d.ReadOnly || v.ReadOnly
	if len(v.Layers) < 2 {
		return []layer{oneLayer(DiskNode(name), fileSuffix, only(v), "", readOnly, diskSets+slot).by(d.DiskIO, v.Block)}
	}
	var out []layer
	below := ""
	for i, l := range v.Layers {
		node := LayerNode(slot, l.ID)
		head := i == len(v.Layers)-1
		out = append(out, oneLayer(node, layerFile, l, below, readOnly || !head, layerSets+slot*setsPerDisk+i).by(d.DiskIO, v.Block))
		below = node
	}
	return out
}

// only is the one layer of a volume.
func only(v Volume) storage.Layer {
	l := storage.Layer{Format: v.Format}
	if len(v.Layers) == 1 {
		l.Key = v.Layers[0].Key
	}
	return l
}

func oneLayer(node, suffix string, l storage.Layer, below string, readOnly bool, set int) layer {
	access, discard := ReadWrite, "unmap"
	if readOnly {
		access, discard = ReadOnly, "ignore"
	}
	n := formatNode{Driver: string(cmp.Or(l.Format, storage.Raw)), NodeName: node, File: node + suffix, ReadOnly: readOnly, Discard: discard}
	format := any(n)
	if l.Key != "" && l.Format != storage.QCOW2 {
		n.Driver = "luks"
		format = luksNode{n, SecretOf(l.Key)}
	}
	if l.Format == storage.QCOW2 {
		q := qcow2Node{formatNode: n}
		if l.Key != "" {
			q.Encrypt = &encryption{"luks", SecretOf(l.Key)}
		}
		if below != "" {
			q.Backing = &below
		}
		format = q
	}
	file := fileNode{Driver: "file", NodeName: node + suffix, Filename: fdset(set), Locking: "on", ReadOnly: readOnly, Discard: discard}
	return layer{file, format, set, access}
}

// by is a layer on a block device, or on a file, that is read and written as its disk's owner wants it.
func (l layer) by(io vm.DiskIO, block bool) layer {
	io = io.On(block)
	l.file = l.file.on(block)
	l.file.AIO = io.AIO
	if io.Direct() || io.Forgets() {
		l.file.Cache = &cache{Direct: io.Direct(), NoFlush: io.Forgets()}
	}
	if l.access == ReadOnly {
		return l
	}
	if io.Discard == vm.DiscardIgnore {
		l.file.Discard = vm.DiscardIgnore
	}
	zeroes := io.DetectZeroes
	if zeroes == vm.ZeroesOff {
		zeroes = "" // it is QEMU's way
	}
	switch n := l.format.(type) {
	case formatNode:
		n.Discard, n.Zeroes = l.file.Discard, zeroes
		l.format = n
	case luksNode:
		n.Discard, n.Zeroes = l.file.Discard, zeroes
		l.format = n
	case qcow2Node:
		n.Discard, n.Zeroes = l.file.Discard, zeroes
		l.format = n
	}
	return l
}

// on is a node on a block device, or on a file: to QEMU two drivers, of which each refuses the other's.
func (n fileNode) on(block bool) fileNode {
	if block {
		n.Driver, n.Cache = "host_device", &cache{Direct: true}
	}
	return n
}

// disk is a device on a volume that comes as fds, one for each layer; slot is its unit, where its bus has units. What the guest discards is given back to
// the pool. The raw format gets no size: QEMU refuses to resize a raw node that has one.
func disk(name string, d vm.Disk, v Volume, slot int, at place, ports map[string]int) part {
	all := layers(name, d, v, slot)
	var p part
	for i, l := range all {
		file := DiskDevice(name)
		if len(all) > 1 {
			file = LayerNode(slot, v.Layers[i].ID)
		}
		p.args = append(append(p.args, addFD(file, l.set)...), "-blockdev", object(l.file), "-blockdev", object(l.format))
		p.files = append(p.files, File{Name: file, Kind: DiskFile, Object: d.Volume, Device: name, Access: l.access, Layer: i})
	}
	p.args = append(p.args, "-device", object(onBus(diskDevice(name, d, v, slot, at), name, d, slot, ports)))
	return p
}

func diskDevice(name string, d vm.Disk, v Volume, slot int, at place) virtioBlk {
	return virtioBlk{
		Driver: "virtio-blk-pci", ID: DiskDevice(name), place: at, Drive: headNode(name, v, slot), BootIndex: d.BootIndex, Serial: d.Serial,
		IOThread: IOThread(d.IOThread), Caches: writeCache(d.DiskIO),
	}
}

// writeCache has a disk tell its guest that it caches nothing, so that QEMU has each write be on the disk.
func writeCache(io vm.DiskIO) string {
	if io.Through() {
		return "off"
	}
	return ""
}

// headNode is the node that the guest's disk is.
func headNode(name string, v Volume, slot int) string {
	if n := len(v.Layers); n > 1 {
		return LayerNode(slot, v.Layers[n-1].ID)
	}
	return DiskNode(name)
}
