package vm

import (
	"strings"
)

// The buses of disks and drives. Absent is virtio, and for a drive scsi.
const (
	BusVirtio = "virtio"
	BusSCSI   = "scsi" // one controller for all of them, virtio-scsi; up to MaxDisks
	BusSATA   = "sata" // machine q35; six of disks and drives together
	BusNVMe   = "nvme"
	BusUSB    = "usb" // a stick
)

// The models of network cards. Absent is virtio.
const (
	NICVirtio  = "virtio"
	NICE1000E  = "e1000e"
	NICRTL8139 = "rtl8139"
	NICVMXNET3 = "vmxnet3" // of VMware, whose guests bring its driver along; x86 alone
)

// How much there is on a bus.
const (
	MaxSATA     = 6
	MaxUSB      = 12 // of disks and drives together; a controller has 15 ports, and a free one stays
	sataMachine = "q35"
)

// SCSI is the controller (virtio-scsi) of all disks and drives on bus scsi.
type SCSI struct {
	IOThread string `json:"iothread,omitempty"` // a thread that serves it; QEMU's main one when absent
}

// OnSCSI reports whether there is a controller of bus scsi: wished, or for what is on it. A drive on another bus brings one too: so it was
// before drives had a choice.
func (s Spec) OnSCSI() bool {
	for _, d := range s.Disks {
		if d.Bus == BusSCSI {
			return true
		}
	}
	return s.SCSI != nil || len(s.CDROMs) > 0
}

// OnUSB reports whether there is a controller for sticks: wished, or for what is on it.
func (s Spec) OnUSB() bool {
	for _, d := range s.Disks {
		if d.Bus == BusUSB {
			return true
		}
	}
	for _, d := range s.CDROMs {
		if d.Bus == BusUSB {
			return true
		}
	}
	return s.USBController != nil && *s.USBController
}

func (c *check) buses(s Spec) {
	on := map[string][]string{}
	for _, name := range sortedKeys(s.Disks) {
		path, d := "disks."+name, s.Disks[name]
		c.oneOf(path+".bus", d.Bus, BusVirtio, BusSCSI, BusSATA, BusNVMe, BusUSB)
		on[d.Bus] = append(on[d.Bus], path)
		switch {
		case d.IOThread == "" || d.Bus == "" || d.Bus == BusVirtio:
		case d.Bus == BusSCSI:
			c.say(path+".iothread", "scsi.iothread = \""+d.IOThread+"\"", "the disks on bus scsi have one controller, and that has the thread")
		default:
			c.say(path+".iothread", "leave bus out", "a disk on bus %q has no thread of its own", d.Bus)
		}
	}
	if n := len(s.Disks) - len(on[BusSCSI]); n > MaxPCIDisks {
		c.say("disks", "put some on bus scsi", "%d disks beside those on bus scsi are more than %d", n, MaxPCIDisks)
	}
	for _, name := range sortedKeys(s.CDROMs) {
		path, d := "cdroms."+name, s.CDROMs[name]
		c.oneOf(path+".bus", d.Bus, BusSCSI, BusSATA, BusUSB)
		on[d.Bus] = append(on[d.Bus], path)
	}
	for _, name := range sortedKeys(s.NICs) {
		path, n := "nics."+name, s.NICs[name]
		c.oneOf(path+".model", n.Model, NICVirtio, NICE1000E, NICRTL8139, NICVMXNET3)
		if n.Model == NICVMXNET3 && (s.Arch == "aarch64" || s.Machine == "virt") {
			c.say(path+".model", "use e1000e, or leave model out", "there are drivers of vmxnet3 for x86_64 alone")
		}
	}
	sata, usb := on[BusSATA], on[BusUSB]
	switch {
	case len(sata) > MaxSATA:
		c.say(sata[0]+".bus", "put some on virtio, scsi or nvme", "%s are more than the %d that bus sata takes", strings.Join(sata, ", "), MaxSATA)
	case len(sata) > 0 && (s.Arch == "aarch64" || s.Machine != "" && s.Machine != sataMachine):
		c.say(sata[0]+".bus", "use machine q35, or leave bus out", "only machine q35 has a bus sata")
	}
	if len(usb) > MaxUSB {
		c.say(usb[0]+".bus", "put some on virtio or scsi", "%s are more than the %d that bus usb takes", strings.Join(usb, ", "), MaxUSB)
	}
	if len(usb) > 0 && s.USBController != nil && !*s.USBController {
		c.say("usbController", "leave usbController out", "%s needs the controller that is not to be there", usb[0])
	}
}
