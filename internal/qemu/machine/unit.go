package machine

import (
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// A disk or drive on bus scsi or usb sits in no slot of the board: it has a unit on the controller of its bus. Units are numbered
// behind all slots, so that whatever goes by a disk's slot (its fdsets, the names of its layers' nodes) goes by its unit as well.
const (
	scsiUnits = 1000 // and the target, from 1
	usbUnits  = 2000 // and the port, from 1
	maxTarget = 255
	usbPorts  = 15 // what qemu-xhci has at most
)

// sticksSlot is the slot of the USB controller of disks and drives. Keyboard and tablet have one of their own, as they had before it:
// a guest that goes on from what was saved finds as many ports as there were.
const sticksSlot = "usb-sticks"

// sticks is that controller's id.
const sticks = "sticks"

// unitsOf says where the units of a bus begin; 0 for one whose disks are in slots of the board.
func unitsOf(bus string) int {
	switch bus {
	case vm.BusSCSI:
		return scsiUnits
	case vm.BusUSB:
		return usbUnits
	}
	return 0
}

func cdromSlot(name string) string { return "cdrom/" + name }

// assignUnits numbers the disks on buses scsi and usb and the drives on usb; what is pinned stays. The drives' targets are taken.
func assignUnits(s vm.Spec, pinned, targets map[string]int) map[string]int {
	held := map[int]bool{}
	for _, n := range targets {
		held[n] = true
	}
	var scsi, usb []string
	for _, name := range disksInOrder(s.Disks) {
		switch s.Disks[name].Bus {
		case vm.BusSCSI:
			scsi = append(scsi, diskSlot(name))
		case vm.BusUSB:
			usb = append(usb, diskSlot(name))
		}
	}
	for _, name := range sortedKeys(s.CDROMs) {
		if s.CDROMs[name].Bus == vm.BusUSB {
			usb = append(usb, cdromSlot(name))
		}
	}
	units := assign(scsi, pinned, func(n int) bool { return n > scsiUnits && n <= scsiUnits+maxTarget && !held[n-scsiUnits] })
	for device, n := range assign(usb, pinned, func(n int) bool { return n > usbUnits && n <= usbUnits+usbPorts }) {
		units[device] = n
	}
	return units
}

// scsiTargets are the targets that disks have already; a new drive takes another.
func scsiTargets(s vm.Spec, pinned map[string]int) map[int]bool {
	held := map[int]bool{}
	for name, d := range s.Disks {
		if n := pinned[diskSlot(name)]; d.Bus == vm.BusSCSI && n > scsiUnits {
			held[n-scsiUnits] = true
		}
	}
	return held
}

// kept are the controllers that a guest that goes on from what was saved has had, whether or not there is anything on them by now.
func kept(in Input, pinned vm.Pinned) []string {
	var out []string
	for _, slot := range []string{scsiSlot, sticksSlot} {
		if in.Incoming && pinned.Slots[slot] > 0 {
			out = append(out, slot)
		}
	}
	return out
}

// xhci is a USB controller.
type xhci struct {
	plugged
	USB2 int `json:"p2,omitempty"`
	USB3 int `json:"p3,omitempty"`
}

func sticksController(at place) part {
	return part{args: []string{"-device", object(xhci{plugged{Driver: "qemu-xhci", ID: sticks, place: at}, usbPorts, usbPorts})}}
}

// onUSB is the place of the unit of a stick.
func onUSB(unit int) usbPlace {
	return usbPlace{Bus: sticks + ".0", Port: strconv.Itoa(unit - usbUnits)}
}

// usbPlace is where a USB device is plugged in. The port is told, so that it is the same one after a restart.
type usbPlace struct {
	Bus  string `json:"bus"`
	Port string `json:"port"`
}
