package vm

import (
	"fmt"
	"slices"
	"strings"
)

// Limits of booting.
const (
	MaxBootIndex       = MaxDisks + MaxCDROMs + MaxNICs
	MaxMenuTimeout     = 60 // seconds; QEMU takes 65535 ms
	DefaultMenuTimeout = 5
)

// BootsKernel reports whether a Linux kernel is loaded directly, and no device is booted from.
func (s Spec) BootsKernel() bool { return s.Boot != nil && s.Boot.Kernel != "" }

func (b *Boot) clone() *Boot {
	if b = clone(b); b != nil {
		b.Order = slices.Clone(b.Order)
	}
	return b
}

// BootDevices are the paths of what can be booted from, in the order in which it is tried when nobody says another: disks,
// drives, network cards.
func (s Spec) BootDevices() []string {
	var out []string
	for _, name := range sortedKeys(s.Disks) {
		out = append(out, "disks."+name)
	}
	for _, name := range sortedKeys(s.CDROMs) {
		out = append(out, "cdroms."+name)
	}
	for _, name := range sortedKeys(s.NICs) {
		out = append(out, "nics."+name)
	}
	return out
}

// bootDevice is the path of the device of this name, or the paths of several; none where there is none.
func (s Spec) bootDevice(name string) []string {
	var out []string
	for _, path := range s.BootDevices() {
		if _, device, _ := strings.Cut(path, "."); path == name || device == name {
			out = append(out, path)
		}
	}
	return out
}

func (s Spec) bootIndex(path string) int {
	switch kind, name, _ := strings.Cut(path, "."); kind {
	case "disks":
		return s.Disks[name].BootIndex
	case "cdroms":
		return s.CDROMs[name].BootIndex
	default:
		return s.NICs[name].BootIndex
	}
}

// setBootIndex changes the device at path, in maps that are the caller's own.
func (s Spec) setBootIndex(path string, index int) {
	switch kind, name, _ := strings.Cut(path, "."); kind {
	case "disks":
		d := s.Disks[name]
		d.BootIndex = index
		s.Disks[name] = d
	case "cdroms":
		d := s.CDROMs[name]
		d.BootIndex = index
		s.CDROMs[name] = d
	default:
		n := s.NICs[name]
		n.BootIndex = index
		s.NICs[name] = n
	}
}

// bootOrder gives devices their turns: as boot.order names them, or, where no device says that it wants to be tried, disks by name and
// then drives. From the network nobody boots unasked: a guest without a system would wait for it.
func bootOrder(s *Spec, set func(path string, missing bool, fill func())) {
	if s.Firmware == Kernel {
		return
	}
	turn := func(i int, path string) {
		set(path+".bootIndex", s.bootIndex(path) != i+1, func() { s.setBootIndex(path, i+1) })
	}
	if s.Boot != nil && len(s.Boot.Order) > 0 {
		for i, name := range s.Boot.Order {
			if paths := s.bootDevice(name); len(paths) == 1 {
				turn(i, paths[0])
			}
		}
		return
	}
	all := s.BootDevices()
	if slices.ContainsFunc(all, func(path string) bool { return s.bootIndex(path) != 0 }) {
		return
	}
	for i, path := range all[:len(s.Disks)+len(s.CDROMs)] {
		turn(i, path)
	}
}

// bootOrder checks the turns of devices, and how the firmware is asked.
func (c *check) bootOrder(s Spec) {
	at := map[int]string{}
	for _, path := range s.BootDevices() {
		index := s.bootIndex(path)
		c.between(path+".bootIndex", index, MaxBootIndex)
		if other, twice := at[index]; twice && index != 0 {
			c.say(path+".bootIndex", "", "%d is already that of %s", index, other)
		}
		at[index] = path
		if n, ok := strings.CutPrefix(path, "nics."); ok && index != 0 && s.SecureBoot && s.NICs[n].Model != "" && s.NICs[n].Model != NICVirtio {
			c.say(path+".bootIndex", "leave model out: of a virtio card the firmware has a driver", "Secure Boot starts no option ROM of a %s, which nobody has signed", s.NICs[n].Model)
		}
	}
	if s.Boot == nil {
		return
	}
	c.order(s)
	c.between("boot.menuTimeout", s.Boot.MenuTimeout, MaxMenuTimeout)
	if s.Boot.MenuTimeout != 0 && !s.Boot.Menu {
		c.say("boot.menuTimeout", "boot.menu = true", "there is no menu that could wait")
	}
	if s.Boot.Menu && s.BootsKernel() {
		c.say("boot.menu", "leave out boot.menu or boot.kernel", "a kernel is loaded directly, without a menu")
	}
}

func (c *check) order(s Spec) {
	order := s.Boot.Order
	if len(order) > 0 && s.BootsKernel() {
		c.say("boot.order", "leave out boot.order or boot.kernel", "a kernel is loaded directly, and no device is tried")
		return
	}
	turn := map[string]int{}
	for i, name := range order {
		path := fmt.Sprintf("boot.order[%d]", i)
		switch found := s.bootDevice(name); {
		case len(found) == 0:
			c.say(path, "its devices: "+strings.Join(s.BootDevices(), ", "), "there is no device %.80q", name)
		case len(found) > 1:
			c.say(path, "use one of "+strings.Join(found, ", "), "%q is the name of several devices", name)
		case turn[found[0]] > 0:
			c.say(path, "leave one out", "%s is named twice", found[0])
		default:
			turn[found[0]] = i + 1
		}
	}
	for _, path := range s.BootDevices() {
		if index := s.bootIndex(path); len(order) > 0 && index != 0 && index != turn[path] {
			c.say(path+".bootIndex", "leave bootIndex out", "boot.order says in which turn devices are tried")
		}
	}
}
