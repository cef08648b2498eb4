package catalogue

import (
	"slices"
	"strings"
)

// CPUFeature is a column of the specification's CPU Features table.
type CPUFeature string

// The columns. The last is read as "ARM64 host" (EL2): SVE itself is a guest's CPU flag.
const (
	VTx   CPUFeature = "Intel VT-x"
	AMDV  CPUFeature = "AMD-V"
	VTd   CPUFeature = "Intel VT-d"
	AMDVi CPUFeature = "AMD-Vi"
	ARM64 CPUFeature = "ARM SVE"
)

// CPUUse is a row of that table.
type CPUUse string

// The rows.
const (
	BasicVirtualization CPUUse = "Basic Virtualization"
	Nesting             CPUUse = "Nested Virtualization"
	Passthrough         CPUUse = "Device Passthrough"
	VirtualFunctions    CPUUse = "SR-IOV"
)

// CPUUses returns the rows in the specification's order.
func CPUUses() []CPUUse {
	return []CPUUse{BasicVirtualization, Nesting, Passthrough, VirtualFunctions}
}

// CPUFacts is what is known of a host's CPU and chip set: a column that was not asked has no entry.
type CPUFacts struct {
	Platform Platform
	Has      map[CPUFeature]bool
	// SMMU and NV2 are what ARM64 needs besides; nil = not asked.
	SMMU, NV2 *bool
}

// CPUVerdict is what the table says of one host: its support for a use, the columns that give it, those that
// would, and those that nobody asked for.
type CPUVerdict struct {
	Support
	By       []CPUFeature `json:"by,omitempty"`
	Lacks    []CPUFeature `json:"lacks,omitempty"`    // one of them would do
	NotAsked []CPUFeature `json:"notAsked,omitempty"` // the verdict holds should they be there
}

// cpuGroups are columns of which one is enough: the CPU's virtualization, and the IOMMU. A use needs every
// group in which its cells are not "-" (decision 12).
var cpuGroups = []struct {
	columns []CPUFeature
	remedy  string
}{
	{[]CPUFeature{VTx, AMDV}, virtualizationOn},
	{[]CPUFeature{VTd, AMDVi}, "enable VT-d or AMD-Vi in the firmware; on Intel add intel_iommu=on to the kernel's command line; restart"},
}

// CPUVerdict says what use comes to on a host.
func (c *Catalogue) CPUVerdict(use CPUUse, f CPUFacts) CPUVerdict {
	if f.Platform == LinuxARM {
		return c.armVerdict(use, f)
	}
	v := CPUVerdict{Support: yes}
	for _, g := range cpuGroups {
		columns := slices.DeleteFunc(slices.Clone(g.columns), func(col CPUFeature) bool { return c.cpuCell(use, col).Mark == NoPart })
		if len(columns) == 0 {
			continue
		}
		has := slices.DeleteFunc(slices.Clone(columns), func(col CPUFeature) bool { return !f.Has[col] })
		unasked := slices.DeleteFunc(slices.Clone(columns), func(col CPUFeature) bool { _, asked := f.Has[col]; return asked })
		switch {
		case len(has) > 0:
			v.By = append(v.By, has...)
		case len(unasked) > 0:
			v.NotAsked = append(v.NotAsked, unasked...)
		default:
			v.Lacks = append(v.Lacks, columns...)
			v.Support = lacking(use, columns, g.remedy, v.Support)
		}
	}
	return v
}

// lacking is what is left of a use without any of the columns: emulation where VMs are only to run, else nothing.
func lacking(use CPUUse, columns []CPUFeature, remedy string, before Support) Support {
	var names []string
	for _, c := range columns {
		names = append(names, string(c))
	}
	reason := "this host shows neither " + strings.Join(names, " nor ")
	if use == BasicVirtualization {
		return partly(reason+": VMs run on QEMU's software emulation (TCG), many times slower", remedy)
	}
	if before.Mark == Nothing {
		reason, remedy = before.Reason+"; "+reason, before.Remedy+"; "+remedy
	}
	return never(reason, remedy)
}

// armVerdict reads the table's last column: what it says of ARM64, and what is known of this one.
func (c *Catalogue) armVerdict(use CPUUse, f CPUFacts) CPUVerdict {
	v := CPUVerdict{Support: c.cpuCell(use, ARM64), By: []CPUFeature{ARM64}}
	el2, asked := f.Has[ARM64]
	switch {
	case !asked:
		v.By, v.NotAsked = nil, []CPUFeature{ARM64}
	case !el2 && v.Mark != Nothing:
		v.By, v.Lacks = nil, []CPUFeature{ARM64}
		const remedy = "boot the kernel at EL2; in a guest, nested virtualization on its host"
		v.Support = never("this host's kernel did not start at EL2", remedy)
		if use == BasicVirtualization {
			v.Support = partly("this host's kernel did not start at EL2: VMs run on QEMU's software emulation (TCG), many times slower", remedy)
		}
	case use == Nesting && f.NV2 != nil && !*f.NV2:
		v.Support = never("this CPU has no FEAT_NV2", v.Remedy)
	case use == Passthrough && f.SMMU != nil && !*f.SMMU:
		v.Support = never("this host shows no SMMUv3", v.Remedy)
	}
	return v
}

func (c *Catalogue) cpuCell(use CPUUse, col CPUFeature) Support {
	s, _ := c.Ask(CPUFeatures, string(use), string(col)) // both are of the table
	return s
}
