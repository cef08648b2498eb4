package host

// PCIKind says what a PCI device is for, where that matters to who gives devices away.
type PCIKind string

// The kinds, by the device's class code.
const (
	GPU       PCIKind = "gpu"     // 03xxxx: VGA, 3D and other display controllers
	NIC       PCIKind = "nic"     // 02xxxx
	NVMe      PCIKind = "nvme"    // 0108xx
	Disks     PCIKind = "storage" // other 01xxxx: SATA, SAS, RAID
	USB       PCIKind = "usb"     // 0c03xx
	Audio     PCIKind = "audio"   // 0401xx, 0403xx: also the sound of a GPU's connectors
	Bridge    PCIKind = "bridge"  // 06xxxx: stays with the host
	OtherKind PCIKind = "other"
)

// PCIDevice is one function of a PCI device.
type PCIDevice struct {
	Address string  `json:"address"` // 0000:01:00.0
	Kind    PCIKind `json:"kind"`
	Class   string  `json:"class"`           // 030000
	Vendor  string  `json:"vendor"`          // 10de
	Device  string  `json:"device"`          // 2684
	Maker   string  `json:"maker,omitempty"` // the vendor's name, where it is a common one

	Driver     string   `json:"driver,omitempty"`     // empty: none has it
	Group      *int     `json:"group,omitempty"`      // its IOMMU group; absent: it is in none
	NUMANode   *int     `json:"numaNode,omitempty"`   // absent: the host has one, or does not say
	BootVGA    bool     `json:"bootVGA,omitempty"`    // the firmware's screen: the host's console is on it
	Resets     []string `json:"resets,omitempty"`     // how it can be reset: flr, pm, bus, …
	Parent     string   `json:"parent,omitempty"`     // address of the bridge that it is behind
	Interfaces []string `json:"interfaces,omitempty"` // network interfaces of a card
	SRIOV      *SRIOV   `json:"srIov,omitempty"`      // absent: it offers no virtual functions
	UsedFor    []string `json:"usedFor,omitempty"`    // by the host: mount points, "swap", "the default route"
	VirtualOf  string   `json:"virtualOf,omitempty"`  // it is a virtual function of the device at that address
}

// SRIOV is how many virtual functions a device has.
type SRIOV struct {
	Most int `json:"most"` // that it can have
	Now  int `json:"now"`  // that are there
}

// Slot is the address without the function: what shares it is one card, and is given away as one.
func (d PCIDevice) Slot() string {
	for i := len(d.Address) - 1; i >= 0; i-- {
		if d.Address[i] == '.' {
			return d.Address[:i]
		}
	}
	return d.Address
}

// PCIOf returns the devices of one kind, without virtual functions.
func (f Facts) PCIOf(k PCIKind) []PCIDevice {
	var out []PCIDevice
	for _, d := range f.PCI {
		if d.Kind == k && d.VirtualOf == "" {
			out = append(out, d)
		}
	}
	return out
}

// PCIAt returns the device at an address.
func (f Facts) PCIAt(address string) (PCIDevice, bool) {
	for _, d := range f.PCI {
		if d.Address == address {
			return d, true
		}
	}
	return PCIDevice{}, false
}
