package probe

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

const pciFolder = "sys/bus/pci/devices"

// pci lists the PCI devices with what decides whether one can be given to a VM. It comes after iommu, whose groups
// it looks devices up in.
// Source: sysfs-bus-pci of the Linux kernel's ABI documentation, Documentation/PCI/pci-iov-howto.rst.
func pci(root fs.FS, f *host.Facts) {
	found, err := fs.ReadDir(root, pciFolder)
	if err != nil {
		return // a kernel without PCI; there may be devices for all we know
	}
	group := map[string]int{}
	if f.IOMMU != nil {
		for _, g := range f.IOMMU.Groups {
			for _, m := range g.Members {
				group[m] = g.ID
			}
		}
	}
	f.PCI = []host.PCIDevice{}
	for _, e := range found[:min(len(found), maxEntries)] {
		if !pciAddress(e.Name()) {
			continue
		}
		d := pciDevice(root, e.Name())
		if id, ok := group[d.Address]; ok {
			d.Group = &id
		}
		f.PCI = append(f.PCI, d)
	}
}

func pciDevice(root fs.FS, address string) host.PCIDevice {
	in := func(name string) string { return pciFolder + "/" + address + "/" + name }
	d := host.PCIDevice{
		Address: address, Class: hexDigits(word(root, in("class")), 6), Vendor: hexDigits(word(root, in("vendor")), 4), Device: hexDigits(word(root, in("device")), 4),
		Driver: linkBase(root, in("driver")), BootVGA: word(root, in("boot_vga")) == "1",
		VirtualOf: linkBase(root, in("physfn")),
		Parent:    parent(root, address), Interfaces: interfaces(root, in("")),
	}
	d.Kind, d.Maker = pciKind(d.Class), makers[d.Vendor]
	if methods := word(root, in("reset_method")); methods != "" {
		d.Resets = strings.Fields(methods)
	}
	if node, err := strconv.Atoi(word(root, in("numa_node"))); err == nil && node >= 0 {
		d.NUMANode = &node
	}
	if most, err := strconv.Atoi(word(root, in("sriov_totalvfs"))); err == nil && most > 0 {
		now, _ := strconv.Atoi(word(root, in("sriov_numvfs")))
		d.SRIOV = &host.SRIOV{Most: most, Now: max(now, 0)}
	}
	return d
}

// pciAddress reports whether name has the form of 0000:01:00.0; a domain may have more digits.
func pciAddress(name string) bool {
	domain, rest, ok := strings.Cut(name, ":")
	if !ok || len(domain) < 4 || len(domain) > 8 || len(rest) != len("01:00.0") || rest[2] != ':' || rest[5] != '.' {
		return false
	}
	return isHex(domain) && isHex(rest[:2]) && isHex(rest[3:5]) && isHex(rest[6:])
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// hexDigits returns the digits of a number such as 0x10de; empty when it is none of that many digits.
func hexDigits(number string, count int) string {
	s, ok := strings.CutPrefix(number, "0x")
	if !ok || len(s) != count || !isHex(s) {
		return ""
	}
	return s
}

// linkBase returns the last name of where a link leads; empty where there is no link.
func linkBase(root fs.FS, name string) string {
	to, err := fs.ReadLink(root, name)
	if err != nil {
		return ""
	}
	return path.Base(to)
}

// parent returns the address of the bridge that a device is behind: the folder that its own is in.
func parent(root fs.FS, address string) string {
	to, err := fs.ReadLink(root, pciFolder+"/"+address)
	if err != nil {
		return ""
	}
	if above := path.Base(path.Dir(to)); pciAddress(above) {
		return above
	}
	return ""
}

// interfaces lists the network interfaces of a card. Those of a virtio card are a folder further down.
func interfaces(root fs.FS, device string) []string {
	out := names(root, device+"net")
	for _, name := range names(root, strings.TrimSuffix(device, "/")) {
		if strings.HasPrefix(name, "virtio") {
			out = append(out, names(root, device+name+"/net")...)
		}
	}
	slices.Sort(out)
	return out
}

// pciKind tells what a device is for by its class code.
// Source: PCI Code and ID Assignment Specification.
func pciKind(class string) host.PCIKind {
	for _, k := range []struct {
		prefix string
		kind   host.PCIKind
	}{
		{"03", host.GPU}, {"02", host.NIC}, {"0108", host.NVMe}, {"01", host.Disks}, {"0c03", host.USB},
		{"0401", host.Audio}, {"0403", host.Audio}, {"06", host.Bridge},
	} {
		if strings.HasPrefix(class, k.prefix) {
			return k.kind
		}
	}
	return host.OtherKind
}

// makers names the vendors whose devices people give away; the others keep their number.
// Source: the PCI ID repository.
var makers = map[string]string{
	"1000": "Broadcom (LSI)", "1002": "AMD", "1022": "AMD", "1077": "QLogic", "10de": "NVIDIA", "10ec": "Realtek", "1234": "QEMU",
	"144d": "Samsung", "14e4": "Broadcom", "15b3": "Mellanox", "15b7": "SanDisk", "1912": "Renesas",
	"1af4": "virtio", "1b21": "ASMedia", "1b36": "QEMU", "1b4b": "Marvell", "1c5c": "SK hynix", "1d0f": "Amazon", "8086": "Intel",
}
