package probe

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// mostUses bounds how many uses of one device are told.
const mostUses = 16

// uses says what of the host lives on each PCI device: file systems, swap, the way to other networks. Who gives such a
// device away takes the ground from under the host. It comes after pci.
// Source: proc_pid_mountinfo(5), sysfs-block and sysfs-devices of the Linux kernel's ABI documentation.
func uses(root fs.FS, f *host.Facts) {
	if len(f.PCI) == 0 {
		return
	}
	use := map[string][]string{}
	add := func(what string, addresses []string) {
		for _, a := range addresses {
			if !slices.Contains(use[a], what) && len(use[a]) < mostUses {
				use[a] = append(use[a], what)
			}
		}
	}
	for _, m := range parseMounts(read(root, "proc/self/mountinfo")) {
		at := blockAt(root, "sys/dev/block/"+m.device, 0)
		if len(at) == 0 && strings.HasPrefix(m.source, "/dev/") { // some file systems have a number of their own
			at = blockAt(root, "sys/class/block/"+path.Base(m.source), 0)
		}
		add(m.point, at)
	}
	for _, s := range parseSwaps(read(root, "proc/swaps")) {
		add("swap", blockAt(root, "sys/class/block/"+path.Base(s.Path), 0))
	}
	ways := routeDevices(read(root, "proc/self/net/route"), read(root, "proc/self/net/ipv6_route"))
	for i, d := range f.PCI {
		for _, name := range d.Interfaces {
			if slices.Contains(ways, name) {
				add("the default route", []string{d.Address})
			}
		}
		f.PCI[i].UsedFor = use[d.Address]
	}
}

// mount is one file system that is mounted.
type mount struct{ device, point, source string }

// parseMounts reads mountinfo: number, parent, major:minor, root, mount point, options, … - type, source, options. What a
// service's sandbox mounts once more at the same place is left out.
func parseMounts(text string) []mount {
	var out []mount
	for line := range strings.Lines(text) {
		left, right, _ := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if len(l) < 6 || len(r) < 2 || !number(l[2]) || l[3] != "/" && l[3] == l[4] {
			continue
		}
		out = append(out, mount{device: l[2], point: l[4], source: r[1]})
	}
	return out
}

// number reports whether device is a number such as 259:1.
func number(device string) bool {
	major, minor, ok := strings.Cut(device, ":")
	return ok && major != "" && minor != "" && strings.Trim(major+minor, "0123456789") == ""
}

// deepest is how far device mapper and RAID are followed down to disks.
const deepest = 6

// blockAt returns the PCI devices that a block device is on: by where its link leads, or by those below it.
func blockAt(root fs.FS, link string, depth int) []string {
	to, err := fs.ReadLink(root, link)
	if err != nil || depth > deepest {
		return nil
	}
	var out []string
	for _, part := range strings.Split(to, "/") {
		if pciAddress(part) {
			out = []string{part} // the last is the controller; those before it are bridges
		}
	}
	for _, below := range names(root, link+"/slaves") {
		out = append(out, blockAt(root, "sys/class/block/"+below, depth+1)...)
	}
	return out
}
