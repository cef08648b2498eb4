package machine

import (
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// usbSlot is the slot of the USB controller that the tablet is on.
const usbSlot = "usb"

// displayMemory is for the picture, what virtio-gpu keeps of the guest's, and what viewers are behind with.
const displayMemory = 384 * model.MiB

type plugged struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	place
}

// displayAt is the slot that the board leaves for a display: firmware looks for it there.
func (b board) displayAt() place {
	if b.family == familyPC {
		return place{Bus: "pci.0", Addr: "2"}
	}
	return place{Bus: "pcie.0", Addr: "1"}
}

func displayDriver(d vm.Display, family string) string {
	switch {
	case family == familyVirt:
		return "virtio-gpu-pci"
	case d == vm.DisplayVirtio:
		return "virtio-vga"
	case d == vm.DisplayQXL:
		return "qxl-vga"
	case d == vm.DisplayCirrus:
		return "cirrus-vga"
	}
	return "VGA"
}

// display is a graphics card. Of qxl's memory a quarter is what is shown, and the rest what is yet to be drawn.
type display struct {
	plugged
	VGAMemory int `json:"vgamem_mb,omitempty"`
	RAM       int `json:"ram_size_mb,omitempty"`
}

func displayCard(g vm.Graphics, b board) display {
	d := display{plugged: plugged{Driver: displayDriver(g.Device, b.family), ID: "display", place: b.displayAt()}, VGAMemory: int(g.Memory / model.MiB)}
	if g.Device == vm.DisplayQXL {
		d.RAM = 4 * d.VGAMemory
	}
	return d
}

// graphics is a screen that viewers are let onto one by one (add_client): QEMU listens nowhere. A tablet says where
// the pointer is, so that it stands under the viewer's own; a board without a PS/2 keyboard gets one on USB.
// What the guest plays is heard by viewers that can.
func graphics(g vm.Graphics, sounds bool, b board, usb place) part {
	vnc := []string{}
	if sounds {
		vnc = []string{"audiodev", audioID}
	}
	args := []string{
		"-vnc", options("none", vnc...),
		"-device", object(displayCard(g, b)),
		"-device", object(plugged{Driver: "qemu-xhci", ID: "usb", place: usb}),
		"-device", object(plugged{Driver: "usb-tablet", ID: "tablet", place: place{Bus: "usb.0"}}),
	}
	if b.family == familyVirt {
		args = append(args, "-device", object(plugged{Driver: "usb-kbd", ID: "keyboard", place: place{Bus: "usb.0"}}))
	}
	return part{args: args}
}
