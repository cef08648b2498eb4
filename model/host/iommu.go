package host

// IOMMUKind is a family of IOMMUs.
type IOMMUKind string

// The kinds that the specification knows, and those that others have.
const (
	VTd         IOMMUKind = "VT-d"
	AMDVi       IOMMUKind = "AMD-Vi"
	SMMUv3      IOMMUKind = "SMMUv3"
	SMMUv2      IOMMUKind = "SMMUv2" // and older
	VirtioIOMMU IOMMUKind = "virtio-iommu"
	OtherIOMMU  IOMMUKind = "other"
)

// IOMMU is what confines a device to the memory of whoever has it.
type IOMMU struct {
	OK  bool   `json:"ok"` // there are groups: devices can be given away
	Why string `json:"why"`

	Kind  IOMMUKind `json:"kind,omitempty"`  // of the first unit; empty: none works
	Units []string  `json:"units,omitempty"` // that work: dmar0, ivhd0, smmu3.0x…
	// Tables are the firmware's tables that describe one: DMAR, IVRS, IORT, VIOT. A table without a unit is an IOMMU
	// that the kernel did not turn on.
	Tables []string     `json:"tables,omitempty"`
	Groups []IOMMUGroup `json:"groups,omitempty"` // by number
}

// IOMMUGroup is what can only be given away together: its members can reach each other past the IOMMU.
type IOMMUGroup struct {
	ID      int      `json:"id"`
	Type    string   `json:"type,omitempty"` // of its domain: DMA, DMA-FQ, identity
	Members []string `json:"members"`        // addresses of PCI devices, names of others
}

// Group returns the group of that number.
func (u *IOMMU) Group(id int) (IOMMUGroup, bool) {
	if u == nil {
		return IOMMUGroup{}, false
	}
	for _, g := range u.Groups {
		if g.ID == id {
			return g, true
		}
	}
	return IOMMUGroup{}, false
}
