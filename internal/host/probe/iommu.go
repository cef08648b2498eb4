package probe

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// maxEntries bounds how much of a folder of sysfs is looked at: a card may have some hundred virtual functions, a
// host some cards.
const maxEntries = 8192

// iommuTables are the ACPI tables by which firmware describes an IOMMU. Their names can be listed by anybody.
// IORT describes more than SMMUs; on ARM64 it is still where one would stand.
var iommuTables = []string{"DMAR", "IVRS", "IORT", "VIOT"}

// iommu says which IOMMUs work and how they have grouped the devices: only what is in a group can be given to a VM
// safely, and only with its whole group. A CPU that has VT-d or AMD-Vi is not enough; firmware and kernel must have
// turned it on.
// Source: the Linux kernel's Documentation/driver-api/vfio.rst, sysfs-class-iommu of its ABI documentation.
func iommu(root fs.FS, f *host.Facts) {
	u := &host.IOMMU{Units: names(root, "sys/class/iommu")}
	slices.Sort(u.Units)
	if len(u.Units) > 0 {
		u.Kind = unitKind(u.Units[0])
	}
	for _, t := range iommuTables {
		if there(root, "sys/firmware/acpi/tables/"+t) {
			u.Tables = append(u.Tables, t)
		}
	}
	if _, err := fs.ReadDir(root, "sys/kernel/iommu_groups"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return
	}
	u.Groups = groups(root)
	switch n := len(u.Groups); n {
	case 0:
		u.Why = "there is no IOMMU group: no IOMMU, or it is off in the firmware or on the kernel's command line"
	case 1:
		u.OK, u.Why = true, "there is 1 IOMMU group"
	default:
		u.OK, u.Why = true, fmt.Sprintf("there are %d IOMMU groups", n)
	}
	f.IOMMU = u
}

func groups(root fs.FS) []host.IOMMUGroup {
	const folder = "sys/kernel/iommu_groups/"
	var out []host.IOMMUGroup
	for _, name := range names(root, strings.TrimSuffix(folder, "/")) {
		id, err := strconv.Atoi(name)
		if err != nil || id < 0 {
			continue
		}
		g := host.IOMMUGroup{ID: id, Type: word(root, folder+name+"/type"), Members: names(root, folder+name+"/devices")}
		slices.Sort(g.Members)
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b host.IOMMUGroup) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// unitKind tells the kind of an IOMMU by how its driver names it.
func unitKind(unit string) host.IOMMUKind {
	switch {
	case strings.HasPrefix(unit, "dmar"):
		return host.VTd
	case strings.HasPrefix(unit, "ivhd"):
		return host.AMDVi
	case strings.HasPrefix(unit, "smmu3."):
		return host.SMMUv3
	case strings.HasPrefix(unit, "smmu."):
		return host.SMMUv2
	case strings.HasPrefix(unit, "virtio"):
		return host.VirtioIOMMU
	}
	return host.OtherIOMMU
}

// names lists a folder, bounded; nil where it is empty or cannot be read.
func names(root fs.FS, folder string) []string {
	entries, _ := fs.ReadDir(root, folder) // what came before an error is still true
	var out []string
	for _, e := range entries[:min(len(entries), maxEntries)] {
		out = append(out, e.Name())
	}
	return out
}
