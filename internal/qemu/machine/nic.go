package machine

import (
	"cmp"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

type streamNetdev struct {
	Type   string    `json:"type"`
	ID     string    `json:"id"`
	Server bool      `json:"server"`
	Addr   socketRef `json:"addr"`
}

type socketRef struct {
	Type string `json:"type"`
	Str  string `json:"str"`
}

type virtioNet struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	place
	Netdev string `json:"netdev"`
	MAC    string `json:"mac"`
	// ROMFile is empty where the guest does not boot from the network: iPXE would only delay it. Absent, QEMU takes the model's own.
	ROMFile   *string `json:"romfile,omitempty"`
	BootIndex int     `json:"bootindex,omitempty"`
}

// NICDevice returns the id that the network card of this name has as a device in QEMU.
func NICDevice(name string) string { return "nic-" + name }

// NICSocket returns the name of the socket that a network card listens on, and QEMU's id of its back end.
func NICSocket(name string) string { return "net-" + name }

func nicDevice(name string, n vm.NIC, firmware vm.Firmware, at place) virtioNet {
	d := virtioNet{Driver: "virtio-net-pci", ID: NICDevice(name), place: at, Netdev: NICSocket(name), MAC: n.MAC, BootIndex: n.BootIndex}
	if n.Model != "" && n.Model != vm.NICVirtio {
		d.Driver = n.Model
	}
	if ROM(n, firmware) == "" {
		d.ROMFile = new(string)
	}
	return d
}

// pluggedNIC is one that comes while the guest runs: the order of booting has long been read. It has its ROM all the same, since
// a guest that goes on from what was saved finds it there.
func pluggedNIC(name string, n vm.NIC, firmware vm.Firmware, at place) virtioNet {
	d := nicDevice(name, n, firmware, at)
	d.BootIndex = 0
	return d
}

// ROM is the option ROM by which a firmware boots from this network card, by its name in QEMU's own folder; empty for none. UEFI has a
// driver of virtio's itself, which needs none, and which Secure Boot trusts.
func ROM(n vm.NIC, firmware vm.Firmware) string {
	model := cmp.Or(n.Model, vm.NICVirtio)
	if n.BootIndex == 0 || firmware == vm.Kernel || firmware == vm.UEFI && model == vm.NICVirtio {
		return ""
	}
	return "efi-" + model + ".rom"
}

// nic is a network card. QEMU's network namespace is empty; user networking is passt outside of it, on
// a connection to a socket on which QEMU listens, so that a dead passt can be replaced while the guest runs.
func nic(name string, n vm.NIC, firmware vm.Firmware, at place) part {
	id := NICSocket(name)
	return part{
		args: []string{
			"-netdev", object(streamNetdev{Type: "stream", ID: id, Server: true, Addr: socketRef{"fd", fd(id)}}),
			"-device", object(nicDevice(name, n, firmware, at)),
		},
		sockets: []string{id},
		uplinks: []Uplink{{Device: name, Socket: id, MAC: n.MAC, Netdev: id}},
	}
}
