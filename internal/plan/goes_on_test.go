package plan

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// A guest that goes on finds what it had, however this came to be: also what was plugged in and taken away while it ran, and none of what a
// later build gives its system.
func TestAVMGoesOnWithTheDevicesThatItHad(t *testing.T) {
	started := func(s vm.Spec) vm.Spec {
		s.UUID, s.Memory = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10", model.GiB
		s, _ = vm.Effective(s, "x86_64")
		return s
	}
	root := map[string]vm.Disk{"root": {Volume: "web-root"}}
	plugged := started(vm.Spec{Disks: root})
	plugged.Disks["data"] = vm.Disk{Volume: "web-data", BootIndex: 1} // as it comes first by its name

	ordered := started(vm.Spec{Disks: root, Boot: &vm.Boot{Order: []string{"root"}}})
	ordered.Disks["data"] = vm.Disk{Volume: "web-data", BootIndex: 1} // the order is wished to be data, root by now

	taken := started(vm.Spec{Disks: map[string]vm.Disk{"root": {Volume: "web-root"}, "data": {Volume: "web-data"}}, Boot: &vm.Boot{Order: []string{"data", "root"}}})
	delete(taken.Disks, "data")

	windows := started(vm.Spec{OS: vm.Windows10, Firmware: vm.BIOS, Graphics: &vm.Graphics{}, Disks: root})
	windows.Sound, windows.USBController = "", nil // as an earlier build wrote it down

	for name, s := range map[string]vm.Spec{"a disk was plugged in": plugged, "in another order": ordered, "one of the order has gone": taken, "an earlier build's Windows": windows} {
		t.Run(name, func(t *testing.T) {
			in := input(isSaved(vm.IsSaved))
			in.Last.Saved.Process.Started = &s
			volume := func(name string) (storage.Volume, bool, error) {
				return storage.Volume{Metadata: model.Metadata{Name: name}, Spec: storage.VolumeSpec{Format: storage.Raw, Size: model.GiB}, File: name + ".raw"}, true, nil
			}
			if err := in.Gather(volume, func(string) (storage.BootFile, bool, error) { return storage.BootFile{}, false, nil },
				func(string) (storage.Share, bool, error) { return storage.Share{}, false, nil }); err != nil {
				t.Fatal(err)
			}
			p, err := VM(in)
			if err != nil {
				t.Fatal(err)
			}
			args := strings.Join(p.Steps[0].Start.Order.Args, " ")
			if n := strings.Count(args, `"id":"disk-`); n != len(s.Disks) {
				t.Errorf("%d disks of %d", n, len(s.Disks))
			}
			for _, other := range []string{"ich9-intel-hda", `"id":"sticks"`} {
				if strings.Contains(args, other) {
					t.Errorf("it finds %s", other)
				}
			}
		})
	}
}
