package vm

import (
	"cmp"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// Display is a graphics card.
type Display string

// The graphics cards.
const (
	DisplayVGA    Display = "vga"    // what every guest and its firmware can draw on; x86 alone
	DisplayVirtio Display = "virtio" // for guests with a driver of it; the one on aarch64
	DisplayQXL    Display = "qxl"    // for guests with a driver of it, and as vga for others; x86 alone
	DisplayCirrus Display = "cirrus" // of 1995, for guests that have a driver of nothing else; x86 alone
	DisplayNone   Display = "none"   // no screen, also where the guest's system would have one
)

// Graphics is a screen with keyboard and tablet, looked at by VNC.
type Graphics struct {
	Device Display `json:"device,omitempty"` // vga on x86_64 and virtio on aarch64 when absent
	// Memory bounds the resolution that it can show: a power of two. 16MiB when absent; virtio's is the guest's own.
	Memory model.Bytes `json:"memory,omitempty"`
}

// Screen reports whether there is one.
func (s Spec) Screen() bool { return s.Graphics != nil && s.Graphics.Device != DisplayNone }

// displayMemory is the least and the most that a graphics card takes.
var displayMemory = map[Display][2]model.Bytes{
	DisplayVGA: {model.MiB, 256 * model.MiB}, DisplayQXL: {8 * model.MiB, 256 * model.MiB}, DisplayCirrus: {4 * model.MiB, 16 * model.MiB},
}

func defaultDisplay(arch string) Display {
	if arch == "aarch64" {
		return DisplayVirtio
	}
	return DisplayVGA
}

func (c *check) graphics(s Spec) {
	if s.Graphics == nil {
		return
	}
	c.oneOf("graphics.device", string(s.Graphics.Device), string(DisplayVGA), string(DisplayVirtio), string(DisplayQXL), string(DisplayCirrus), string(DisplayNone))
	if d := s.Graphics.Device; s.Arch == "aarch64" && (d == DisplayVGA || d == DisplayQXL || d == DisplayCirrus) {
		c.say("graphics.device", "leave graphics.device out", "arch %q has no device %q", s.Arch, s.Graphics.Device)
	}
	m := s.Graphics.Memory
	if m == 0 {
		return
	}
	device := cmp.Or(s.Graphics.Device, defaultDisplay(s.Arch))
	switch bounds, has := displayMemory[device]; {
	case !has:
		c.say("graphics.memory", "leave graphics.memory out", "device %q has no memory of its own", device)
	case m < bounds[0] || m > bounds[1] || m&(m-1) != 0:
		c.say("graphics.memory", "", "%s is no power of two from %s to %s, which %q takes", m, bounds[0], bounds[1], device)
	}
}
