package machine

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"pgregory.net/rapid"
)

func TestTheFirstDiskInBootOrderIsTheFirstOnTheBus(t *testing.T) {
	s := vm.Spec{Disks: map[string]vm.Disk{"a": {}, "boot": {BootIndex: 1}, "cd": {BootIndex: 2}}, NICs: map[string]vm.NIC{"lan": {}}, RNG: on2(true)}
	want := map[string]int{"disk/boot": 1, "disk/cd": 2, "disk/a": 3, "nic/lan": 4, "rng": 5}
	if d := cmp.Diff(want, assignSlots(s, nil)); d != "" {
		t.Error(d)
	}
}

func on2(v bool) *bool { return &v }

func TestAPinThatCannotBeIsNoPin(t *testing.T) {
	s := vm.Spec{Disks: map[string]vm.Disk{"a": {}, "b": {}, "c": {}}}
	got := assignSlots(s, map[string]int{"disk/a": 2, "disk/b": 2, "disk/c": -1, "disk/gone": 1})
	if d := cmp.Diff(map[string]int{"disk/a": 2, "disk/b": 1, "disk/c": 3}, got); d != "" {
		t.Error(d)
	}
}

func devices(t *rapid.T, label string) vm.Spec {
	s := vm.Spec{Disks: map[string]vm.Disk{}, NICs: map[string]vm.NIC{}, RNG: on2(rapid.Bool().Draw(t, label+" rng"))}
	for _, i := range rapid.SliceOfDistinct(rapid.IntRange(0, 11), rapid.ID[int]).Draw(t, label+" disks") {
		s.Disks[fmt.Sprintf("d%d", i)] = vm.Disk{BootIndex: rapid.IntRange(0, 3).Draw(t, "boot index")}
	}
	for _, i := range rapid.SliceOfDistinct(rapid.IntRange(0, 5), rapid.ID[int]).Draw(t, label+" nics") {
		s.NICs[fmt.Sprintf("n%d", i)] = vm.NIC{}
	}
	return s
}

func TestNoDeviceEverMovesWhenOthersComeAndGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pinned map[string]int
		for step := range 5 {
			s := devices(t, fmt.Sprint(step))
			got := assignSlots(s, pinned)
			used := map[int]string{}
			for device, n := range got {
				if n < 1 || used[n] != "" {
					t.Fatalf("%s has slot %d, as %q has", device, n, used[n])
				}
				used[n] = device
				if was := pinned[device]; was != 0 && was != n {
					t.Fatalf("%s moved from %d to %d", device, was, n)
				}
			}
			if len(got) != len(slotted(s)) {
				t.Fatalf("%d devices got %d slots", len(slotted(s)), len(got))
			}
			pinned = maps.Clone(got)
		}
	})
}
