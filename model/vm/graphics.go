package vm

// Display is a graphics card.
type Display string

// The graphics cards.
const (
	DisplayVGA    Display = "vga"    // what every guest and its firmware can draw on; x86 alone
	DisplayVirtio Display = "virtio" // for guests with a driver of it; the one on aarch64
)

// Graphics is a screen with keyboard and tablet, looked at by VNC.
type Graphics struct {
	Device Display `json:"device,omitempty"` // vga on x86_64 and virtio on aarch64 when absent
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
	c.oneOf("graphics.device", string(s.Graphics.Device), string(DisplayVGA), string(DisplayVirtio))
	if s.Arch == "aarch64" && s.Graphics.Device == DisplayVGA {
		c.say("graphics.device", "leave graphics.device out", "arch %q has no device %q", s.Arch, s.Graphics.Device)
	}
}
