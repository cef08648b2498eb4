package machine

type pvpanic struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	Bus    string `json:"bus,omitempty"`
	Addr   string `json:"addr,omitempty"`
}

// panicNotifier is how a guest's kernel says that it panicked: without it such a guest is merely silent. On x86 it
// is an I/O port and takes no slot; on aarch64 a PCI device, at the end of the root bus, where no root port comes.
func panicNotifier(family string) part {
	d := pvpanic{Driver: "pvpanic", ID: "panic"}
	if family == familyVirt {
		d = pvpanic{Driver: "pvpanic-pci", ID: "panic", Bus: "pcie.0", Addr: "1e"}
	}
	return part{args: []string{"-device", object(d)}}
}
