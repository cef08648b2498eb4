package machine

import (
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// sataPorts says which port of the board's AHCI controller each disk and drive is on that is on bus sata: disks first, in the
// order in which they boot. They are not pinned: a system that wants SATA knows its disks by what is on them.
func sataPorts(s vm.Spec) map[string]int {
	ports := map[string]int{}
	for _, name := range disksInOrder(s.Disks) {
		if s.Disks[name].Bus == vm.BusSATA {
			ports[DiskDevice(name)] = len(ports)
		}
	}
	for _, name := range sortedKeys(s.CDROMs) {
		if s.CDROMs[name].Bus == vm.BusSATA {
			ports[CDROMDevice(name)] = len(ports)
		}
	}
	return ports
}

func sataBus(port int) string { return "ide." + strconv.Itoa(port) }

// ata is a disk or a drive on SATA.
type ata struct {
	Driver    string `json:"driver"`
	ID        string `json:"id"`
	Bus       string `json:"bus"`
	Drive     string `json:"drive,omitempty"`
	BootIndex int    `json:"bootindex,omitempty"`
	Serial    string `json:"serial,omitempty"`
	Caches    string `json:"write-cache,omitempty"`
}

// scsiHD is a disk on virtio-scsi. What its guest discards goes down to its node, as virtio's does.
type scsiHD struct {
	Driver    string `json:"driver"`
	ID        string `json:"id"`
	Bus       string `json:"bus"`
	Target    int    `json:"scsi-id"`
	Drive     string `json:"drive"`
	BootIndex int    `json:"bootindex,omitempty"`
	Serial    string `json:"serial,omitempty"`
	Caches    string `json:"write-cache,omitempty"`
}

type usbStorage struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	usbPlace
	Drive     string `json:"drive"`
	BootIndex int    `json:"bootindex,omitempty"`
	Serial    string `json:"serial,omitempty"`
	Caches    string `json:"write-cache,omitempty"`
}

// onBus returns the disk as its bus has it. NVMe wants a serial number: the disk's name stands for one that is not given.
func onBus(d virtioBlk, name string, spec vm.Disk, unit int, ports map[string]int) any {
	switch spec.Bus {
	case vm.BusSATA:
		return ata{Driver: "ide-hd", ID: d.ID, Bus: sataBus(ports[d.ID]), Drive: d.Drive, BootIndex: d.BootIndex, Serial: d.Serial, Caches: d.Caches}
	case vm.BusSCSI:
		return scsiHD{Driver: "scsi-hd", ID: d.ID, Bus: scsiSlot + ".0", Target: unit - scsiUnits, Drive: d.Drive, BootIndex: d.BootIndex, Serial: d.Serial, Caches: d.Caches}
	case vm.BusUSB:
		return usbStorage{Driver: "usb-storage", ID: d.ID, usbPlace: onUSB(unit), Drive: d.Drive, BootIndex: d.BootIndex, Serial: d.Serial, Caches: d.Caches}
	case vm.BusNVMe:
		d.Driver = "nvme"
		if d.Serial == "" {
			d.Serial = name[:min(len(name), 20)]
		}
	}
	return d
}
