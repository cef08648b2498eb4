package machine

import "github.com/hyper-nixos/hyper-nixos/model/vm"

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
	Netdev  string `json:"netdev"`
	MAC     string `json:"mac"`
	ROMFile string `json:"romfile"` // empty: no iPXE in the guest, which would only delay a boot
}

// NICDevice returns the id that the network card of this name has as a device in QEMU.
func NICDevice(name string) string { return "nic-" + name }

// NICSocket returns the name of the socket that a network card listens on, and QEMU's id of its back end.
func NICSocket(name string) string { return "net-" + name }

func nicDevice(name string, n vm.NIC, at place) virtioNet {
	driver := "virtio-net-pci"
	if n.Model == vm.NICE1000E {
		driver = n.Model
	}
	return virtioNet{Driver: driver, ID: NICDevice(name), place: at, Netdev: NICSocket(name), MAC: n.MAC}
}

// nic is a network card. QEMU's network namespace is empty; user networking is passt outside of it, on
// a connection to a socket on which QEMU listens, so that a dead passt can be replaced while the guest runs.
func nic(name string, n vm.NIC, at place) part {
	id := NICSocket(name)
	return part{
		args: []string{
			"-netdev", object(streamNetdev{Type: "stream", ID: id, Server: true, Addr: socketRef{"fd", fd(id)}}),
			"-device", object(nicDevice(name, n, at)),
		},
		sockets: []string{id},
		uplinks: []Uplink{{Device: name, Socket: id, MAC: n.MAC, Netdev: id}},
	}
}
