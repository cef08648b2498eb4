package vm

import (
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
)

func TestWhatRunsInTheGuestSaysWhatItsDevicesAre(t *testing.T) {
	s := Spec{OS: Windows11, Disks: map[string]Disk{"root": {Volume: "a"}, "data": {Volume: "b", Bus: BusVirtio}}, NICs: map[string]NIC{"lan": {}}, CDROMs: map[string]CDROM{"install": {Volume: "iso"}}}
	full, filled := Effective(s, "x86_64")
	if full.Firmware != UEFI || !full.SecureBoot || full.TPM == nil || full.Graphics == nil || full.CPUs != 2 || full.Memory != 4*model.GiB || full.Clock != ClockLocal ||
		full.HyperV == nil || !*full.HyperV || full.Disks["root"].Bus != BusSATA || full.Disks["data"].Bus != BusVirtio || full.CDROMs["install"].Bus != BusSATA || full.NICs["lan"].Model != NICE1000E {
		t.Errorf("%+v", full)
	}
	for _, path := range []string{"secureBoot", "tpm", "disks.root.bus", "nics.lan.model", "clock"} {
		if !slices.Contains(filled, path) {
			t.Errorf("%s does not count as a default", path)
		}
	}
	if again, _ := Effective(full, "x86_64"); len(Diff(full, again)) > 0 || len(full.Lacks()) > 0 {
		t.Errorf("%v, %v", Diff(full, again), full.Lacks())
	}
	if plain, _ := Effective(Spec{OS: Linux, Disks: s.Disks}, "x86_64"); plain.Disks["root"].Bus != "" || plain.Clock != "" || plain.TPM != nil {
		t.Errorf("%+v", plain)
	}
	told := strings.Join(Follows(s, "x86_64"), "\n")
	for _, want := range []string{"firmware = uefi", "disks.root.bus = sata", "memory = 4GiB", "nics.lan.model = e1000e"} {
		if !strings.Contains(told, want) {
			t.Errorf("no %q in\n%s", want, told)
		}
	}
}

func TestASystemThatMissesSomethingIsToldOf(t *testing.T) {
	full, _ := Effective(Spec{OS: Windows11, Firmware: BIOS, CPUs: 1, Memory: model.GiB}, "x86_64")
	var got []string
	for _, p := range full.Lacks() {
		got = append(got, p.Path)
	}
	if !slices.Equal(got, []string{"secureBoot", "cpus", "memory"}) {
		t.Errorf("%v", got)
	}
	full.TPM = nil
	if l := full.Lacks(); len(l) == 0 || l[0].Path != "tpm" {
		t.Errorf("%v", l)
	}
}

func TestBusesAreChecked(t *testing.T) {
	seven := map[string]Disk{}
	for _, n := range strings.Split("a b c d e f g", " ") {
		seven[n] = Disk{Volume: n, Bus: BusSATA}
	}
	for want, s := range map[string]Spec{
		"are more than the 6":              {Disks: seven},
		"only machine q35 has a bus sata":  {Machine: "pc", CDROMs: map[string]CDROM{"a": {Bus: BusSATA}}},
		"is none of virtio, scsi, sata":    {Disks: map[string]Disk{"a": {Volume: "v", Bus: "ide"}}},
		"is none of virtio, e1000e":        {NICs: map[string]NIC{"a": {Model: "ne2k"}}},
		"has no thread of its own":         {Disks: map[string]Disk{"a": {Volume: "v", Bus: BusNVMe, IOThread: "t"}}},
		"is none of debian12, freebsd, li": {OS: "dos"},
	} {
		found := Check(Definition{Name: "web", Spec: s})
		if len(found) != 1 || !strings.Contains(found[0].What, want) {
			t.Errorf("%q: %v", want, found)
		}
	}
}
