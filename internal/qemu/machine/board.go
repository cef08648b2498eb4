package machine

import (
	"fmt"
	"strings"
)

// The families of machines.
const (
	familyQ35  = "q35"  // x86, PCI Express
	familyPC   = "pc"   // x86, i440FX: PCI
	familyVirt = "virt" // aarch64, PCI Express
)

// board is the machine type and where its devices sit.
type board struct {
	family      string
	machineType string // versioned
	serial      bool
	bios        bool
	kvm         bool
	nested      bool // EL2, on aarch64
	secure      bool // Secure Boot: the firmware alone, in SMM, writes its variables
	sata        bool // something is on it
	fixed       int  // how many slots it had; 0 for as many as it needs
}

// familyOf returns the family of a versioned machine type, empty for one that is none of ours.
func familyOf(machineType string) string {
	for _, f := range []struct{ prefix, family string }{{"pc-q35-", familyQ35}, {"pc-i440fx-", familyPC}, {"virt-", familyVirt}} {
		if strings.HasPrefix(machineType, f.prefix) {
			return f.family
		}
	}
	return ""
}

// part names the machine type with what this product never wants of it: guest memory in core dumps, the VMware
// back door, and on q35 the AHCI controller, where nothing is on it (1.4 ms of a bare start of 22 ms).
// A BIOS without a display writes to the serial console when graphics is off; so does a boot loader's text.
func (b board) part() part {
	o := []string{"type", b.machineType, "dump-guest-core", "off"}
	if b.family == familyVirt {
		o = append(o, "gic-version", b.gic())
		if b.nested {
			o = append(o, "virtualization", "on")
		}
	} else {
		o = append(o, "vmport", "off")
	}
	if b.family == familyQ35 && !b.sata {
		o = append(o, "sata", "off")
	}
	if b.bios && b.serial {
		o = append(o, "graphics", "off")
	}
	if !b.secure {
		return part{args: []string{"-machine", options("", o...)}}
	}
	o = append(o, "smm", "on")
	return part{args: []string{"-machine", options("", o...), "-global", "driver=cfi.pflash01,property=secure,value=on"}}
}

// gic is the interrupt controller: version 2 serves 8 vCPUs at most; with KVM it is the host's.
func (b board) gic() string {
	if b.kvm {
		return "host"
	}
	return "3"
}

// place is where a device is plugged in.
type place struct {
	Bus  string `json:"bus"`
	Addr string `json:"addr,omitempty"` // SLOT or SLOT.FUNCTION in hex; absent: the bus has one slot
}

// The PCI slots that root ports and devices begin at. Those below hold what the board brings itself, and one
// is left for a display.
const (
	firstPortSlot = 2 // q35, virt: eight root ports a slot
	lastPortSlot  = 0x1c
	firstPCISlot  = 3 // pc: one device a slot
)

// capacity is how many devices the board takes.
func (b board) capacity() int {
	if b.family == familyPC {
		return 32 - firstPCISlot
	}
	return (lastPortSlot - firstPortSlot + 1) * 8
}

// place returns where the device with this slot number, from 1, sits: behind the root port of that number, or
// where there are none, directly on the bus.
func (b board) place(slot int) place {
	if b.family == familyPC {
		return place{Bus: "pci.0", Addr: fmt.Sprintf("%x", firstPCISlot+slot-1)}
	}
	return place{Bus: portID(slot)}
}

func portID(n int) string { return fmt.Sprintf("rp%d", n) }

type rootPort struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	place
	Chassis       int  `json:"chassis"` // must differ between ports
	Multifunction bool `json:"multifunction,omitempty"`
}

// sparePorts are free, for what is plugged in while the guest runs. Each port costs 0.5 ms at start.
const sparePorts = 4

// ports is how many slots the board has with these in use: a PCI bus has them all anyway.
func (b board) ports(slots map[string]int) int {
	if b.family == familyPC {
		return b.capacity()
	}
	if b.fixed > 0 {
		return min(b.fixed, b.capacity())
	}
	highest := 0
	for _, n := range slots {
		if n < scsiUnits {
			highest = max(highest, n)
		}
	}
	return min(highest+sparePorts, b.capacity())
}

// rootPorts returns the ports up to the highest that is used, and some that are free behind it. A port in between that
// lost its device stays, because firmware and guest number buses in the order of the ports: without it every
// later device would get another PCI address and with that, in a Linux guest, another name.
func (b board) rootPorts(slots map[string]int) part {
	var p part
	if b.family == familyPC {
		return p
	}
	for n := 1; n <= b.ports(slots); n++ {
		function := (n - 1) % 8
		p.args = append(p.args, "-device", object(rootPort{
			Driver: "pcie-root-port", ID: portID(n), Chassis: n, Multifunction: function == 0,
			place: place{Bus: "pcie.0", Addr: fmt.Sprintf("%x.%x", firstPortSlot+(n-1)/8, function)},
		}))
	}
	return p
}
