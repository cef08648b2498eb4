package vm

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// turns are the devices that are booted from, in order.
func turnsOf(s Spec) string {
	full, _ := Effective(s, "x86_64")
	again, filled := Effective(full, "x86_64")
	if len(filled) > 0 || len(Diff(full, again)) > 0 {
		return fmt.Sprint("what is filled in is not whole: ", filled)
	}
	var out []string
	for _, path := range full.BootDevices() {
		if i := full.bootIndex(path); i > 0 {
			out = append(out, fmt.Sprintf("%02d %s", i, path))
		}
	}
	slices.Sort(out)
	for i := range out {
		out[i] = out[i][3:]
	}
	return strings.Join(out, " ")
}

func TestDevicesHaveTheirTurns(t *testing.T) {
	spec := func(edit func(*Spec)) Spec {
		s := Spec{Disks: map[string]Disk{"a": {Volume: "a"}, "b": {Volume: "b"}}, CDROMs: map[string]CDROM{"cd": {}}, NICs: map[string]NIC{"lan": {}}}
		edit(&s)
		return s
	}
	for want, s := range map[string]Spec{
		"disks.a disks.b cdroms.cd": spec(func(*Spec) {}),
		"nics.lan disks.b":          spec(func(s *Spec) { s.Boot = &Boot{Order: []string{"lan", "disks.b"}} }),
		"cdroms.cd":                 spec(func(s *Spec) { s.Boot = &Boot{Order: []string{"cd"}} }),
		"disks.b nics.lan":          spec(func(s *Spec) { s.Disks["b"], s.NICs["lan"] = Disk{Volume: "b", BootIndex: 3}, NIC{BootIndex: 7} }),
		"":                          spec(func(s *Spec) { s.Boot = &Boot{Kernel: "k"} }),
	} {
		if got := turnsOf(s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if found := Check(Definition{Name: "web", Spec: s}); len(found) > 0 {
			t.Errorf("%q: %v", want, found)
		}
	}
}

func TestAnOrderNamesDevicesThatAreThereOnce(t *testing.T) {
	base := Spec{Disks: map[string]Disk{"a": {Volume: "a"}, "lan": {Volume: "l"}}, NICs: map[string]NIC{"lan": {}}}
	for name, c := range map[string]struct {
		boot Boot
		edit func(*Spec)
		want string // path: words of the only problem
	}{
		"unknown":             {Boot{Order: []string{"a", "c"}}, nil, `boot.order[1]: there is no device "c"`},
		"twice":               {Boot{Order: []string{"a", "disks.a"}}, nil, "boot.order[1]: named twice"},
		"of two":              {Boot{Order: []string{"lan"}}, nil, "boot.order[0]: name of several"},
		"and a turn":          {Boot{Order: []string{"a", "nics.lan"}}, func(s *Spec) { s.NICs["lan"] = NIC{BootIndex: 1} }, "nics.lan.bootIndex: boot.order says"},
		"and a kernel":        {Boot{Kernel: "k", Order: []string{"a"}}, nil, "boot.order: no device is tried"},
		"menu of a kernel":    {Boot{Kernel: "k", Menu: true}, nil, "boot.menu: without a menu"},
		"waits without":       {Boot{MenuTimeout: 3}, nil, "boot.menuTimeout: no menu"},
		"waits for ever":      {Boot{Menu: true, MenuTimeout: 90}, nil, "boot.menuTimeout: not between"},
		"words of no kernel":  {Boot{Cmdline: "quiet"}, nil, "boot.kernel: none is named"},
		"one turn for two":    {Boot{}, func(s *Spec) { s.NICs["lan"], s.Disks["a"] = NIC{BootIndex: 1}, Disk{Volume: "a", BootIndex: 1} }, "nics.lan.bootIndex: 1 is already that of disks.a"},
		"a ROM nobody signed": {Boot{}, func(s *Spec) { s.SecureBoot, s.NICs["lan"] = true, NIC{BootIndex: 1, Model: NICE1000E} }, "nics.lan.bootIndex: Secure Boot"},
	} {
		s := base.Clone()
		s.Boot = &c.boot
		if c.edit != nil {
			c.edit(&s)
		}
		path, words, _ := strings.Cut(c.want, ": ")
		if got := Check(Definition{Name: "web", Spec: s}); len(got) != 1 || got[0].Path != path || !strings.Contains(got[0].What, words) {
			t.Errorf("%s: %v, want %q", name, got, c.want)
		}
	}
}

func TestBusesAndCardsAreThoseOfTheirMachines(t *testing.T) {
	many := func(n int, bus string) map[string]Disk {
		all := map[string]Disk{}
		for i := range n {
			name := fmt.Sprintf("d%d", i)
			all[name] = Disk{Volume: name, Bus: bus}
		}
		return all
	}
	no := false
	for name, c := range map[string]struct {
		spec Spec
		want string // path: words of the only problem; empty for none
	}{
		"as many as there are on scsi":   {spec: Spec{Disks: many(MaxDisks, BusSCSI)}},
		"more":                           {Spec{Disks: many(MaxDisks+1, BusSCSI)}, "disks: more than"},
		"more than slots":                {Spec{Disks: many(MaxPCIDisks+1, "")}, "disks: beside those on bus scsi"},
		"more than ports":                {Spec{Disks: many(MaxUSB+1, BusUSB)}, "disks.d0.bus: bus usb takes"},
		"a thread of one on scsi":        {Spec{Disks: map[string]Disk{"a": {Volume: "a", Bus: BusSCSI, IOThread: "t"}}}, "disks.a.iothread: one controller"},
		"a thread of the controller":     {spec: Spec{SCSI: &SCSI{IOThread: "t"}, Disks: many(2, BusSCSI)}},
		"which is no label":              {Spec{SCSI: &SCSI{IOThread: "T"}}, "scsi.iothread: "},
		"a stick without its controller": {Spec{USBController: &no, Disks: many(1, BusUSB)}, "usbController: needs the controller"},
		"vmxnet3 on arm":                 {Spec{Arch: "aarch64", NICs: map[string]NIC{"a": {Model: NICVMXNET3}}}, "nics.a.model: x86_64 alone"},
		"rtl8139 on arm":                 {spec: Spec{Arch: "aarch64", NICs: map[string]NIC{"a": {Model: NICRTL8139}}}},
		"qxl":                            {spec: Spec{Graphics: &Graphics{Device: DisplayQXL, Memory: 64 * model.MiB}}},
		"qxl on arm":                     {Spec{Arch: "aarch64", Graphics: &Graphics{Device: DisplayQXL}}, "graphics.device: has no device"},
		"no power of two":                {Spec{Graphics: &Graphics{Memory: 24 * model.MiB}}, "graphics.memory: no power of two"},
		"more than cirrus has":           {Spec{Graphics: &Graphics{Device: DisplayCirrus, Memory: 32 * model.MiB}}, "graphics.memory: from 4MiB to 16MiB"},
		"virtio has the guest's":         {Spec{Graphics: &Graphics{Device: DisplayVirtio, Memory: 32 * model.MiB}}, "graphics.memory: no memory of its own"},
		"a sound":                        {Spec{Sound: "gus"}, "sound: none of ich9"},
	} {
		got := Check(Definition{Name: "web", Spec: c.spec})
		path, words, _ := strings.Cut(c.want, ": ")
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%s: %v", name, got)
		case c.want != "" && (len(got) != 1 || got[0].Path != path || !strings.Contains(got[0].What, words)):
			t.Errorf("%s: %v, want %q", name, got, c.want)
		}
	}
}
