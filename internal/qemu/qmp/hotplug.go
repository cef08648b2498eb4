package qmp

import "encoding/json"

// Hotplug is a device that QEMU gets or loses while it runs, with what it stands on, as data: all of it
// is made from the lowest up, and taken away from the device down.
type Hotplug struct {
	Device string          `json:"device"`        // its id
	Add    json.RawMessage `json:"add,omitempty"` // the arguments of device_add

	// A block device: the number of the fdset with its file, and its nodes, the lowest first.
	FDSet int         `json:"fdset,omitempty"`
	Nodes []BlockPlug `json:"nodes,omitempty"`
	// Layers begins the names of all nodes that a disk of several layers has; they go with it.
	Layers string `json:"layers,omitempty"`
	// Keys are those that its layers are encrypted with. Their secrets come as files, after those of the nodes.
	Keys []string `json:"keys,omitempty"`

	// Thread is the id of the iothread that serves it: made before it where there is none, and taken away after it where that
	// is said, as the last that it serves.
	Thread string `json:"thread,omitempty"`

	// A network card: the id of its back end, which is also the name of its listening socket. The arguments of
	// netdev_add have a stand-in for the number that the socket gets in QEMU.
	Netdev    string          `json:"netdev,omitempty"`
	NetdevAdd json.RawMessage `json:"netdevAdd,omitempty"`
}

// BlockPlug is one block node of a Hotplug.
type BlockPlug struct {
	Name string          `json:"name"`
	Add  json.RawMessage `json:"add,omitempty"` // the arguments of blockdev-add
	// FDSet is the number of the fdset with its file, of a node that has one of its own.
	FDSet int `json:"fdset,omitempty"`
}
