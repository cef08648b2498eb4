package ovf

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Types of resources of CIM_ResourceAllocationSettingData.
const (
	typeCPU      = 3
	typeMemory   = 4
	typeIDE      = 5
	typeSCSI     = 6
	typeEthernet = 10
	typeFloppy   = 14
	typeCD       = 15
	typeDVD      = 16
	typeDisk     = 17
	typeStorage  = 20 // VMware and VirtualBox: SATA, or NVMe
	typeUSB      = 23
	typeGraphics = 24
	typeSound    = 35
)

// leaves are what is left out without a word: a VM has it, or needs none.
var leaves = []int{typeIDE, typeSCSI, typeStorage, typeGraphics}

// Read reads a descriptor. What cannot become a VM is among its findings, all of it.
func Read(text []byte) (Appliance, error) {
	e, err := decode(text)
	if err != nil {
		return Appliance{}, err
	}
	var a Appliance
	if len(e.Systems) != 1 || len(e.Collections) > 0 {
		a.refuse(CodeSeveral, "export each of its machines for itself", fmt.Sprintf("the descriptor has %d machines and %d collections of them, and one VM is made of one machine", len(e.Systems), len(e.Collections)))
		return a, nil
	}
	r := reading{Appliance: &a, e: e, system: e.Systems[0], files: map[string]string{}, disks: map[string]Disk{}, controllers: map[string]string{}}
	r.references()
	r.machine()
	return a, nil
}

type reading struct {
	*Appliance
	e           envelope
	system      system
	files       map[string]string // hrefs by ID
	disks       map[string]Disk   // by ID
	controllers map[string]string // buses by instance
	configs     map[string]string
}

func (r *reading) references() {
	if len(r.e.Files) > MaxFiles {
		r.refuse(CodeDescriptor, "", fmt.Sprintf("it refers to %d files, which are more than %d", len(r.e.Files), MaxFiles))
		return
	}
	for _, f := range r.e.Files {
		switch {
		case !PlainName(f.Href):
			r.refuse(CodeElsewhere, "put it beside the descriptor", fmt.Sprintf("file %.80q is elsewhere: only files beside the descriptor are read", f.Href))
			continue
		case f.Chunk != "":
			r.refuse(CodeElsewhere, "put the parts together, and take chunkSize out", fmt.Sprintf("file %q is in parts", f.Href))
		case f.Compression != "" && f.Compression != "identity" && f.Compression != "gzip":
			r.refuse(CodeElsewhere, "unpack it", fmt.Sprintf("file %q is packed as %.20q", f.Href, f.Compression))
		}
		r.files[f.ID] = f.Href
		r.Files = append(r.Files, f.Href)
	}
	for _, d := range r.e.Disks {
		one := Disk{Capacity: Quantity(d.Capacity, d.Units, 1)}
		if d.Parent != "" {
			r.refuse(CodeElsewhere, "put it together with the disk that it stands on", fmt.Sprintf("disk %.40q holds differences to another one", d.ID))
		}
		if d.File != "" {
			var ok bool
			if one.File, ok = r.files[d.File]; !ok && !r.Findings.Refuses() {
				r.refuse(CodeDescriptor, "", fmt.Sprintf("disk %.40q is in file %.40q, which the descriptor does not have", d.ID, d.File))
			}
		}
		r.disks[d.ID] = one
	}
}

func (r *reading) machine() {
	s := r.system
	r.Name, r.OS = cut(cmp.Or(strings.TrimSpace(s.Name), s.ID)), cut(cmp.Or(strings.TrimSpace(s.OS.Description), s.OS.Type))
	if len(s.Hardware) == 0 {
		r.refuse(CodeDescriptor, "", "the machine has no virtual hardware")
		return
	}
	if len(s.Hardware) > 1 {
		r.limit(CodeLeft, "", fmt.Sprintf("it has %d descriptions of its hardware, of which the first is taken", len(s.Hardware)))
	}
	h := s.Hardware[0]
	r.configs = map[string]string{}
	for _, c := range h.Configs {
		r.configs[c.Key] = c.Value
	}
	r.firmware(s)
	items := r.chosen(slices.Concat(h.Items, h.Storage, h.Ports))
	for _, i := range items {
		r.controller(i)
	}
	var disks []item
	for _, i := range items {
		if number(i.Type) == typeDisk {
			disks = append(disks, i)
			continue
		}
		r.item(i)
	}
	slices.SortStableFunc(disks, func(a, b item) int { // as they sit, and firmware looks at them
		return cmp.Or(cmp.Compare(number(a.Parent), number(b.Parent)), cmp.Compare(number(a.Address), number(b.Address)))
	})
	for _, i := range disks {
		r.disk(i)
	}
	for _, p := range s.Products {
		if len(p.Properties) > 0 {
			r.limit(CodeLeft, "the guest may be told by cloudInit instead", fmt.Sprintf("%d properties that its owner was to fill in", len(p.Properties)))
		}
	}
}

func (r *reading) firmware(s system) {
	switch said := strings.ToLower(cmp.Or(r.configs["firmware"], s.Box.Firmware.Type)); {
	case strings.HasPrefix(said, "efi"):
		r.Firmware = vm.UEFI
	case said != "":
		r.Firmware = vm.BIOS
	}
	r.SecureBoot = r.Firmware == vm.UEFI && r.configs["bootOptions.efiSecureBootEnabled"] == "true"
}

// chosen are the items of the configuration that holds where nobody chooses one; ranges are no items.
func (r *reading) chosen(items []item) []item {
	standing := ""
	for i, c := range r.e.Default {
		if c.Default || i == 0 {
			standing = c.ID
		}
	}
	if len(r.e.Default) > 1 {
		r.limit(CodeLeft, "", fmt.Sprintf("of its %d configurations %.40q is taken", len(r.e.Default), standing))
	}
	return slices.DeleteFunc(items, func(i item) bool {
		return i.Bound != "" || i.Configuration != "" && !slices.Contains(strings.Fields(i.Configuration), standing)
	})
}

// controller notes the bus that disks on it have here. What there is no such of becomes SATA, which every system has a driver for.
func (r *reading) controller(i item) {
	sub := strings.ToLower(i.SubType)
	switch number(i.Type) {
	case typeIDE:
		r.controllers[i.Instance] = vm.BusSATA
	case typeSCSI:
		r.controllers[i.Instance] = vm.BusSATA
		if strings.Contains(sub, "virtio") {
			r.controllers[i.Instance] = vm.BusVirtio
		} else {
			r.limit(CodeChanged, "", fmt.Sprintf("its SCSI controller (%.40s) becomes SATA: a guest that has a driver for that one only does not find its disks", cmp.Or(i.SubType, "of no named model")))
		}
	case typeStorage:
		r.controllers[i.Instance] = vm.BusSATA
		if strings.Contains(sub, "nvme") {
			r.controllers[i.Instance] = vm.BusNVMe
		} else if strings.Contains(sub, "virtio") {
			r.controllers[i.Instance] = vm.BusVirtio
		}
	}
}

func (r *reading) item(i item) {
	switch t := number(i.Type); {
	case t == typeCPU:
		r.CPUs, r.Cores = number(i.Quantity), number(i.Cores)
	case t == typeMemory:
		r.Memory = Quantity(i.Quantity, i.Units, model.MiB)
	case t == typeEthernet:
		r.nic(i)
	case t == typeCD, t == typeDVD:
		r.CDROMs++
		if len(i.Host) > 0 && i.Host[0] != "" {
			r.limit(CodeLeft, "hv image import it, then hv vm cdrom insert", fmt.Sprintf("the medium in drive %.40q", cut(i.Element)))
		}
	case slices.Contains(leaves, t):
	case t == typeFloppy, t == typeUSB, t == typeSound:
		r.limit(CodeLeft, "", fmt.Sprintf("%.60s", cmp.Or(cut(i.Element), "a device of type "+i.Type)))
	default:
		r.limit(CodeLeft, "", fmt.Sprintf("%.60s (type %.10s), which a VM here has not", cmp.Or(cut(i.Element), "a device"), i.Type))
	}
}

func (r *reading) disk(i item) {
	id := ""
	if len(i.Host) > 0 {
		id = i.Host[0][strings.LastIndexByte(i.Host[0], '/')+1:]
	}
	d, ok := r.disks[id]
	if !ok && len(i.Host) > 0 && strings.Contains(i.Host[0], "/file/") {
		d.File, ok = r.files[id]
	}
	if !ok {
		r.refuse(CodeDescriptor, "", fmt.Sprintf("disk %.40q is of %.60q, which the descriptor does not have", cut(i.Element), strings.Join(i.Host, " ")))
		return
	}
	d.Bus = cmp.Or(bus(r.configs["hv.disk."+i.Instance+".bus"]), r.controllers[i.Parent], vm.BusSATA)
	d.Name = r.configs["hv.disk."+i.Instance+".name"]
	r.Disks = append(r.Disks, d)
}

// bus lets through those that there are.
func bus(said string) string {
	if slices.Contains([]string{vm.BusVirtio, vm.BusSATA, vm.BusNVMe}, said) {
		return said
	}
	return ""
}

func (r *reading) nic(i item) {
	n := NIC{Name: r.configs["hv.nic."+i.Instance+".name"], Model: vm.NICE1000E}
	said, sub := r.configs["hv.nic."+i.Instance+".model"], strings.ToLower(i.SubType)
	switch {
	case said == vm.NICVirtio || said == "" && strings.Contains(sub, "virtio"):
		n.Model = vm.NICVirtio
	case said != "" || strings.HasPrefix(sub, "e1000"):
	default:
		r.limit(CodeChanged, "", fmt.Sprintf("network card %.40s becomes an e1000e", cmp.Or(i.SubType, "of no named model")))
	}
	if to := strings.Join(i.Connection, " "); to != "" && to != vm.UserNetwork {
		r.limit(CodeChanged, "hv vm edit NAME --set nics.…", fmt.Sprintf("network %.60q becomes %q: it reaches out by NAT", to, vm.UserNetwork))
	}
	r.NICs = append(r.NICs, n)
}

func cut(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(strings.TrimSpace(s), ""))
	return strings.ToValidUTF8(s[:min(len(s), maxText)], "")
}

// number reads a small one; what is none is 0.
func number(s string) int {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 20)
	if err != nil {
		return 0
	}
	return int(n)
}

// Quantity is a number in units as DSP0004 writes them: "byte * 2^20". Without units it is in those of other.
func Quantity(text, units string, other model.Bytes) model.Bytes {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	by := int64(other)
	units = strings.ToLower(strings.ReplaceAll(units, " ", ""))
	if power, ok := strings.CutPrefix(units, "byte*2^"); ok {
		p, err := strconv.Atoi(power)
		if err != nil || p < 0 || p > 50 {
			return 0
		}
		by = 1 << p
	} else if known, ok := map[string]int64{"byte": 1, "bytes": 1, "kilobytes": 1 << 10, "megabytes": 1 << 20, "gigabytes": 1 << 30}[units]; ok {
		by = known
	}
	if n > math.MaxInt64/by {
		return 0
	}
	return model.Bytes(n * by)
}
