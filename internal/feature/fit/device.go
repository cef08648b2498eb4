package fit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// Device is the verdict on giving one device to a VM.
type Device struct {
	Address string       `json:"address"`
	Kind    host.PCIKind `json:"kind"`
	Name    string       `json:"name"`
	Group   *int         `json:"group,omitempty"`
	// With are the other devices that the VM gets or the host loses with it: those of its IOMMU group, bridges left out.
	With []string `json:"with,omitempty"`
	Verdict
}

// candidates are the kinds of device that people give away.
var candidates = []host.PCIKind{host.GPU, host.NIC, host.NVMe, host.Disks, host.USB}

// given are the kinds that a feature gives away.
var given = map[catalogue.ID][]host.PCIKind{
	catalogue.GPUPassthrough:    {host.GPU},
	catalogue.DevicePassthrough: candidates,
	catalogue.SRIOV:             {host.NIC, host.NVMe},
}

// emulated are vendors whose devices a hypervisor emulates: there is nothing behind them to give away.
var emulated = []string{"1234", "1af4", "1b36", "15ad", "80ee", "1414"}

// devices says of each candidate whether it can be given to a VM, by address.
func devices(f host.Facts) []Device {
	var out []Device
	ground := all(iommu(f), vfio(f))
	for _, d := range f.PCI {
		if !slices.Contains(candidates, d.Kind) {
			continue
		}
		v := Device{Address: d.Address, Kind: d.Kind, Name: name(d), Group: d.Group}
		partners := partners(f, d)
		for _, p := range partners {
			v.With = append(v.With, p.Address)
		}
		v.Verdict = all(inUse(d, partners), ground) // an IOMMU would not help with what the host needs itself
		if ground.Answer != No {                    // else a group is what it lacks as well
			v.Verdict = all(v.Verdict, alone(f, d, partners))
		}
		if v.Answer == Yes {
			v.Why = aloneWhy(d, partners)
		}
		out = append(out, v)
	}
	return out
}

func aloneWhy(d host.PCIDevice, partners []host.PCIDevice) string {
	why := fmt.Sprintf("alone in IOMMU group %d", *d.Group)
	if len(partners) > 0 {
		why = fmt.Sprintf("in IOMMU group %d with its own other functions only: %s", *d.Group, listed(partners))
	}
	if d.VirtualOf != "" {
		why = "a virtual function of " + d.VirtualOf + ", " + why
	}
	return why
}

// partners are the members of a device's IOMMU group beside it. Bridges stay with the host, and do not hinder.
func partners(f host.Facts, d host.PCIDevice) []host.PCIDevice {
	if d.Group == nil {
		return nil
	}
	g, _ := f.IOMMU.Group(*d.Group)
	var out []host.PCIDevice
	for _, m := range g.Members {
		p, ok := f.PCIAt(m)
		if !ok {
			p = host.PCIDevice{Address: m, Kind: host.OtherKind}
		}
		if m != d.Address && p.Kind != host.Bridge {
			out = append(out, p)
		}
	}
	return out
}

// inUse says whether the host needs a device itself, or what would go with it.
func inUse(d host.PCIDevice, partners []host.PCIDevice) Verdict {
	const move = "move what the host has there to another device first"
	if len(d.UsedFor) > 0 {
		return no("in use by the host: "+strings.Join(d.UsedFor, ", "), move)
	}
	for _, p := range partners {
		if len(p.UsedFor) > 0 {
			return no(fmt.Sprintf("%s, which goes with it, is in use by the host: %s", p.Address, strings.Join(p.UsedFor, ", ")), move)
		}
	}
	return Verdict{Answer: Yes}
}

// alone says whether a device can leave the host without taking anything along that is not its own.
func alone(f host.Facts, d host.PCIDevice, partners []host.PCIDevice) Verdict {
	if d.Group == nil {
		return no("it is in no IOMMU group", "see what is said of the IOMMU")
	}
	parts := []Verdict{{Answer: Yes}}
	if strangers := slices.DeleteFunc(slices.Clone(partners), func(p host.PCIDevice) bool { return p.Slot() == d.Slot() }); len(strangers) > 0 {
		parts = append(parts, limited(
			fmt.Sprintf("its IOMMU group %d also holds %s: %s keeps them apart from it (no ACS), so the VM gets all of them or none", *d.Group, listed(strangers), nobody(f, d)),
			"put it into another slot, one of the CPU's own; enable ACS in the firmware, if it has such a setting; or give the VM the whole group"))
	}
	if d.BootVGA && d.Kind == host.GPU {
		parts = append(parts, limited("the host's own screen is on it (boot_vga)",
			"choose another GPU as the first in the firmware; or accept a host without a screen, reached by network or serial line"))
	}
	if len(d.Resets) == 0 && d.VirtualOf == "" {
		parts = append(parts, limited("the kernel knows no way to reset it: after a VM has had it, it may not come back before the host restarts",
			"none for this device; put it behind a PCI Express port of its own, which can be reset"))
	}
	return all(parts...)
}

// nobody names what should have kept a group's members apart.
func nobody(f host.Facts, d host.PCIDevice) string {
	if bridge, ok := f.PCIAt(d.Parent); ok {
		return "the port at " + bridge.Address + " does not show that it"
	}
	return "nothing"
}

// name is how a device is told to people: 0000:01:00.0 (NVIDIA gpu 10de:2684, driver nvidia).
func name(d host.PCIDevice) string {
	words := []string{cmp.Or(d.Maker, "vendor "+d.Vendor), string(d.Kind), d.Vendor + ":" + d.Device}
	out := fmt.Sprintf("%s (%s", d.Address, strings.Join(words, " "))
	if d.Driver != "" {
		out += ", driver " + d.Driver
	}
	if len(d.Interfaces) > 0 {
		out += ", " + strings.Join(d.Interfaces, " ")
	}
	return out + ")"
}

// mostListed is how many devices a sentence names.
const mostListed = 6

func listed(devices []host.PCIDevice) string {
	var out []string
	for i, d := range devices {
		if i == mostListed {
			out = append(out, fmt.Sprintf("%d more", len(devices)-mostListed))
			break
		}
		if d.Vendor == "" {
			out = append(out, d.Address)
			continue
		}
		out = append(out, name(d))
	}
	return strings.Join(out, ", ")
}

// candidate is the verdict on there being a device that a feature could give away: that of the best.
func candidate(id catalogue.ID, f host.Facts) Verdict {
	kinds, gives := given[id]
	if !gives || id == catalogue.SRIOV { // its card is a need of its own
		return Verdict{Answer: Yes}
	}
	if f.PCI == nil {
		return notAsked("it is not known which PCI devices this host has", "")
	}
	what := "device that is given to VMs (GPU, network, NVMe, storage, USB)"
	if id == catalogue.GPUPassthrough {
		what = "GPU"
	}
	best, found, genuine := Device{Verdict: Verdict{Answer: No}}, 0, 0
	for _, d := range devices(f) {
		if !slices.Contains(kinds, d.Kind) {
			continue
		}
		found++
		p, _ := f.PCIAt(d.Address)
		if slices.Contains(emulated, p.Vendor) && d.Kind == host.GPU {
			continue
		}
		if genuine++; genuine == 1 || d.Answer.Rank() > best.Answer.Rank() {
			best = d
		}
	}
	switch {
	case found == 0:
		return no("this host has no "+what, "fit one")
	case genuine == 0:
		return no("the only "+what+" of this host is one that a hypervisor emulates", "give this host a real one")
	case best.Answer == Yes:
		return yes("%s: %s", best.Name, best.Why)
	case best.Answer == Limited:
		return limited(best.Name+": "+best.Why, best.Remedy)
	}
	return Verdict{best.Answer, best.Why, best.Remedy}
}
