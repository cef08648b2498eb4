package machine

import (
	"errors"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestUnitsStayWhereTheyAre(t *testing.T) {
	s := vm.Spec{Disks: map[string]vm.Disk{
		"a": {Volume: "a", Bus: vm.BusSCSI}, "b": {Volume: "b", Bus: vm.BusSCSI}, "s": {Volume: "s", Bus: vm.BusUSB}, "p": {Volume: "p"},
	}, CDROMs: map[string]vm.CDROM{"cd": {}, "stick": {Bus: vm.BusUSB}}}
	in := input(s)
	in.Pinned = &vm.Pinned{MachineType: "pc-q35-7.2", Slots: map[string]int{"disk/a": scsiUnits + 1, "disk/s": 3, "disk/p": scsiUnits + 9, "disk/b": usbUnits + 1},
		Targets: map[string]int{"stick": 7}}
	m, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	got := m.Pinned
	if got.Slots["disk/a"] != scsiUnits+1 || got.Targets["cd"] == 1 || got.Targets["stick"] != 7 {
		t.Errorf("what is pinned has moved, or two have one target: %+v", got)
	}
	if b := got.Slots["disk/b"] - scsiUnits; b < 1 || b == got.Targets["cd"] || b == 7 || b == 1 {
		t.Errorf("disk b has no target of its own: %+v", got)
	}
	if got.Slots["disk/p"] >= scsiUnits || got.Slots["disk/s"] <= usbUnits || got.Slots["cdrom/stick"] == got.Slots["disk/s"] {
		t.Errorf("what has come to another bus has a number of the old one: %+v", got)
	}
}

func TestAGuestThatGoesOnFindsItsControllers(t *testing.T) {
	in := input(vm.Spec{})
	in.Pinned = &vm.Pinned{MachineType: "pc-q35-7.2", Slots: map[string]int{"rng": 1, scsiSlot: 2, sticksSlot: 4}}
	for _, incoming := range []bool{false, true} {
		in.Incoming = incoming
		m, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		if args := strings.Join(m.Args, " "); strings.Contains(args, `"virtio-scsi-pci","id":"scsi","bus":"rp2"`) != incoming || strings.Contains(args, `"id":"sticks","bus":"rp4"`) != incoming {
			t.Errorf("incoming %v: %s", incoming, args)
		}
	}
}

func TestAUnitIsFreeWhereNothingIs(t *testing.T) {
	p := vm.Pinned{Slots: map[string]int{"disk/a": scsiUnits + 2, scsiSlot: 3}, Targets: map[string]int{"cd": 1}}
	if n, none := FreeUnit(vm.BusSCSI, p); n != scsiUnits+3 || none != "" {
		t.Error(n, none)
	}
	if n, none := FreeUnit(vm.BusUSB, p); n != 0 || !strings.Contains(none, "no controller of bus usb") {
		t.Error(n, none)
	}
	p.Slots[sticksSlot] = 4
	for i := range usbPorts - 1 {
		p.Slots["disk/s"+string(rune('a'+i))] = usbUnits + 1 + i
	}
	if n, none := FreeUnit(vm.BusUSB, p); n != 0 || none != "bus usb is full" {
		t.Error(n, none)
	}
}

func TestNodesOfTheLastUnitHaveNamesThatQEMUTakes(t *testing.T) {
	chain := []storage.Layer{{ID: "0f3a9c1e-5b7d-4c2a-9e11-000000000001"}, {ID: "1f3a9c1e-5b7d-4c2a-9e11-000000000002", Format: storage.QCOW2}}
	h, _ := HotplugDisk("pc-q35-7.2", "a", vm.Disk{Volume: "a", Bus: vm.BusUSB, BootIndex: 2}, Volume{Format: storage.QCOW2, Layers: chain}, usbUnits+usbPorts)
	for _, n := range h.Nodes {
		if len(n.Name) > 31 {
			t.Errorf("%s is too long", n.Name)
		}
	}
	if want := `{"driver":"usb-storage","id":"disk-a","bus":"sticks.0","port":"15","drive":"l7df-1f3a9c1e5b7d4c2a9e110000"}`; string(h.Add) != want {
		t.Errorf("%s, want %s", h.Add, want)
	}
}

func TestANetworkCardHasAROMWhereItsFirmwareNeedsOne(t *testing.T) {
	for name, c := range map[string]struct {
		nic      vm.NIC
		firmware vm.Firmware
		want     string
	}{
		"not booted from":          {vm.NIC{}, vm.BIOS, ""},
		"by a BIOS":                {vm.NIC{BootIndex: 1}, vm.BIOS, "efi-virtio.rom"},
		"UEFI has virtio's itself": {vm.NIC{BootIndex: 1}, vm.UEFI, ""},
		"and no other":             {vm.NIC{BootIndex: 1, Model: vm.NICRTL8139}, vm.UEFI, "efi-rtl8139.rom"},
		"a kernel is loaded":       {vm.NIC{BootIndex: 1}, vm.Kernel, ""},
	} {
		if got := ROM(c.nic, c.firmware); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		args := strings.Join(nic("lan", c.nic, c.firmware, place{Bus: "rp1"}).args, " ")
		plugged := string(HotplugNIC("pc-q35-7.2", "lan", c.nic, c.firmware, 1).Add)
		if strings.Contains(args, `"romfile":""`) != (c.want == "") || strings.Contains(plugged, `"romfile":""`) != (c.want == "") || strings.Contains(plugged, "bootindex") {
			t.Errorf("%s: %s\n%s", name, args, plugged)
		}
	}
}

func TestMoreFilesThanGoIntoOneMessageAreRefused(t *testing.T) {
	in := input(vm.Spec{Disks: map[string]vm.Disk{"a": {Volume: "a"}}})
	in.Volumes["a"] = Volume{Format: storage.QCOW2, Layers: make([]storage.Layer, 300)}
	if _, err := Build(in); err == nil || !strings.Contains(refusedFor(err), "240 at most") {
		t.Errorf("a disk of 300 layers is taken: %v", err)
	}
}

// refusedFor are the words of all findings of a refusal.
func refusedFor(err error) string {
	refusal, _ := errors.AsType[finding.Refusal](err)
	var out []string
	for _, f := range refusal.Findings {
		out = append(out, f.What)
	}
	return strings.Join(out, "\n")
}
