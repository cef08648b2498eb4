package ovf

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Label returns the appliance's name as one of ours: a DNS label; empty where nothing of it can be one.
func (a Appliance) Label() string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, a.Name)
	name = strings.Trim(name, "-")
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	return strings.Trim(name[:min(len(name), 50)], "-")
}

// Planned is the VM that an appliance becomes, and which file each of its disks is of.
type Planned struct {
	Definition vm.Definition
	Files      map[string]string // by disk; none of an empty one
}

// Plan says what VM it becomes. It is off, and has a UUID and MAC addresses of its own once it is made. Disks are made of images
// that are called NAME-DISK, in that pool.
func (a *Appliance) Plan(name, pool string) Planned {
	p := Planned{Files: map[string]string{}, Definition: vm.Definition{Name: name, Spec: vm.Spec{
		CPUs: min(a.CPUs, vm.MaxCPUs), Memory: a.Memory, Firmware: a.Firmware, SecureBoot: a.SecureBoot, Graphics: &vm.Graphics{},
		Disks: map[string]vm.Disk{}, Description: a.description(),
	}}}
	s := &p.Definition.Spec
	if s.Firmware == "" {
		s.Firmware = vm.BIOS // OVF says nothing of it; every vendor means this
	}
	if a.Cores > 0 && a.CPUs%a.Cores == 0 && a.Cores <= a.CPUs {
		s.CPU = &vm.CPU{Sockets: a.CPUs / a.Cores, Cores: a.Cores, Threads: 1}
	}
	sata := 0
	for i, d := range a.Disks {
		device := named(d.Name, "disk"+strconv.Itoa(i+1), s.Disks)
		one := vm.Disk{BootIndex: i + 1, Bus: d.Bus, Pool: pool}
		if d.Bus == vm.BusVirtio {
			one.Bus = ""
		}
		if d.Bus == vm.BusSATA {
			if sata++; sata > vm.MaxSATA {
				one.Bus = ""
				a.limit(CodeChanged, "", fmt.Sprintf("disk %s is on virtio: SATA has room for %d", device, vm.MaxSATA))
			}
		}
		if d.File == "" {
			one.Size = max(d.Capacity, model.MiB)
		} else {
			p.Files[device], one.Image = d.File, name+"-"+device
		}
		s.Disks[device] = one
	}
	for i := range min(a.CDROMs, 2) {
		if s.CDROMs == nil {
			s.CDROMs = map[string]vm.CDROM{}
		}
		s.CDROMs["cd"+strconv.Itoa(i)] = vm.CDROM{}
	}
	for i, n := range a.NICs {
		if s.NICs == nil {
			s.NICs = map[string]vm.NIC{}
		}
		one := vm.NIC{Network: vm.UserNetwork, Model: n.Model}
		if n.Model == vm.NICVirtio {
			one.Model = ""
		}
		s.NICs[named(n.Name, "nic"+strconv.Itoa(i), s.NICs)] = one
	}
	return p
}

func (a Appliance) description() string {
	if a.OS == "" {
		return "imported: " + a.Name
	}
	return "imported: " + a.Name + " (" + a.OS + ")"
}

// named is the name that was given, where it can be one and is free.
func named[T any](given, other string, taken map[string]T) string {
	if _, twice := taken[given]; given == "" || twice || len(given) > 20 || model.CheckName("device", given) != nil {
		return other
	}
	return given
}
