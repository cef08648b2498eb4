package fit

import (
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// rows holds one of the specification's tables against a host.
func rows(c *catalogue.Catalogue, t catalogue.Table, f host.Facts) []Row {
	var out []Row
	for _, r := range t.Rows {
		row := Row{Table: t.Name, Row: r.Name, Feature: r.Feature, NotInBuild: r.Feature != "" && !c.InBuild(r.Feature)}
		switch t.Name {
		case catalogue.OperatingSystems:
			row.Column, row.Verdict = string(Platform(f)), system(c, r, f)
			out = append(out, row)
		case catalogue.CPUFeatures:
			row.Column, row.Verdict = cpuRow(c, catalogue.CPUUse(r.Name), f)
			out = append(out, row)
		default:
			for i, column := range t.Columns {
				cell := row
				cell.Column = column
				cell.Verdict = all(marked(r.Cells[i]), choice(t.Name, r, column, f))
				cell.NotInBuild = cell.NotInBuild || t.Name == catalogue.StorageBackends && !slices.Contains(backendsInBuild, catalogue.Backend(column))
				out = append(out, cell)
			}
		}
	}
	return out
}

// system is a row of the operating systems, in the column of this host's.
func system(c *catalogue.Catalogue, r catalogue.TableRow, f host.Facts) Verdict {
	if r.Feature == "" { // KVM acceleration
		return kvm(f)
	}
	ft, _ := c.Get(r.Feature) // a row names a feature of the catalogue
	return feature(c, ft, f).Verdict
}

// cpuRow is a row of the CPU's features: the columns that this host has, and what they come to.
func cpuRow(c *catalogue.Catalogue, use catalogue.CPUUse, f host.Facts) (column string, v Verdict) {
	var parts []Verdict
	if Platform(f) == catalogue.LinuxARM {
		cell, _ := c.Ask(catalogue.CPUFeatures, string(use), string(catalogue.ARM64)) // the table's own row and column
		parts = append(parts, marked(cell))
	}
	switch use {
	case catalogue.BasicVirtualization:
		v := virtualization(f)
		if v.Answer == No && Platform(f) != catalogue.MacOS { // VMs still run, on QEMU's emulation
			v.Answer = Limited
			v.Why += ": VMs run on QEMU's software emulation (TCG), many times slower"
		}
		parts = append(parts, v)
	case catalogue.Nesting:
		parts = append(parts, nested(f))
	case catalogue.Passthrough:
		parts = append(parts, virtualization(f), iommu(f))
	case catalogue.VirtualFunctions:
		parts = append(parts, virtualization(f), iommu(f), sriovCard(f))
	}
	return strings.Join(has(f), ", "), all(parts...)
}

// has are the columns of the CPU's features that this host has.
func has(f host.Facts) []string {
	var out []string
	for _, col := range []struct {
		name catalogue.CPUFeature
		has  bool
	}{
		{catalogue.VTx, f.CPU != nil && f.CPU.VTx},
		{catalogue.AMDV, f.CPU != nil && f.CPU.AMDV},
		{catalogue.VTd, f.IOMMU != nil && f.IOMMU.OK && f.IOMMU.Kind == host.VTd},
		{catalogue.AMDVi, f.IOMMU != nil && f.IOMMU.OK && f.IOMMU.Kind == host.AMDVi},
		{catalogue.ARM64, f.Arch == arm},
	} {
		if col.has {
			out = append(out, string(col.name))
		}
	}
	return out
}

// choice is what a host adds to a cell whose column is a choice: a hypervisor to come from, a backend to use.
func choice(t catalogue.TableName, r catalogue.TableRow, column string, f host.Facts) Verdict {
	if t == catalogue.StorageBackends {
		return backend(catalogue.Backend(column), f)
	}
	return hypervisor(r.Feature, column, f)
}

// formats are the disk formats in which a foreign hypervisor's VMs come.
var formats = map[string][]string{"QEMU/KVM": {"qcow2", "raw"}, "Xen": {"raw", "vpc"}, "VMware": {"vmdk"}, "Hyper-V": {"vhdx", "vpc"}}

// hypervisor: to run VMs takes QEMU; to import them, QEMU's reader of their disks.
func hypervisor(id catalogue.ID, column string, f host.Facts) Verdict {
	q := qemu(f)
	if q.Answer == No || id != catalogue.VMImport && id != catalogue.Snapshots {
		return q
	}
	if f.QEMU == nil || f.QEMU.BlockDrivers == nil {
		return notAsked("it is not known which disk formats QEMU reads", askDaemon)
	}
	for _, format := range formats[column] {
		if !slices.Contains(f.QEMU.BlockDrivers, format) {
			return no("this QEMU does not read "+format, "install a QEMU that was built with "+format)
		}
	}
	return yes("QEMU reads %s", strings.Join(formats[column], ", "))
}
