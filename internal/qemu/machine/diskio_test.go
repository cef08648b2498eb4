package machine

import (
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestADiskIsReadAndWrittenAsItsOwnerWants(t *testing.T) {
	for name, c := range map[string]struct {
		disk   vm.Disk
		volume Volume
		has    []string // in file node, format node, device
		lacks  []string
	}{
		"as it was":      {vm.Disk{}, Volume{}, []string{`"discard":"unmap"`}, []string{"cache", "aio", "detect-zeroes"}},
		"none, native":   {io("none", "native", "", ""), Volume{}, []string{`"cache":{"direct":true},"aio":"native"`}, []string{"write-cache", "no-flush"}},
		"unsafe":         {io("unsafe", "", "", ""), Volume{}, []string{`"cache":{"direct":false,"no-flush":true}`}, []string{"write-cache"}},
		"writethrough":   {io("writethrough", "", "", ""), Volume{}, []string{`"write-cache":"off"`}, []string{"direct"}},
		"directsync":     {io("directsync", "io_uring", "", ""), Volume{}, []string{`"cache":{"direct":true},"aio":"io_uring"`, `"write-cache":"off"`}, nil},
		"nothing goes":   {io("", "", "ignore", ""), Volume{}, []string{`"discard":"ignore"`}, []string{`"discard":"unmap"`}},
		"zeros go":       {io("", "", "", "unmap"), Volume{}, []string{`"detect-zeroes":"unmap"`}, nil},
		"zeros stay":     {io("", "", "", "off"), Volume{}, nil, []string{"detect-zeroes"}},
		"a device":       {io("", "native", "", ""), Volume{Block: true}, []string{`"host_device"`, `"cache":{"direct":true},"aio":"native"`}, nil},
		"only read":      {vm.Disk{ReadOnly: true, DiskIO: vm.DiskIO{DetectZeroes: "unmap"}}, Volume{}, []string{`"discard":"ignore"`}, []string{"detect-zeroes"}},
		"SATA":           {vm.Disk{Bus: vm.BusSATA, DiskIO: vm.DiskIO{Cache: "directsync"}}, Volume{}, []string{`"ide-hd"`, `"write-cache":"off"`}, nil},
		"encrypted, raw": {io("none", "", "ignore", "on"), Volume{Layers: []storage.Layer{{Format: storage.Raw, Key: "k"}}}, []string{`"luks"`, `"detect-zeroes":"on"`}, []string{`"discard":"unmap"`}},
	} {
		args := strings.Join(disk("a", c.disk, c.volume, 7, place{}, map[string]int{"disk-a": 0}).args, " ")
		for _, want := range c.has {
			if !strings.Contains(args, want) {
				t.Errorf("%s lacks %s: %s", name, want, args)
			}
		}
		for _, other := range c.lacks {
			if strings.Contains(args, other) {
				t.Errorf("%s has %s: %s", name, other, args)
			}
		}
	}
}

func io(cache, aio, discard, zeroes string) vm.Disk {
	return vm.Disk{DiskIO: vm.DiskIO{Cache: cache, AIO: aio, Discard: discard, DetectZeroes: zeroes}}
}

func TestLayersAreReadAlikeAndZerosAreLookedForInTheOneThatIsWritten(t *testing.T) {
	v := Volume{Format: storage.QCOW2, Layers: []storage.Layer{{ID: "11111111-1111", Format: storage.Raw}, {ID: "22222222-2222", Format: storage.QCOW2}}}
	var nodes []string
	for _, a := range disk("a", io("none", "native", "", "unmap"), v, 7, place{}, nil).args {
		if strings.HasPrefix(a, `{"driver":"`) && strings.Contains(a, "node-name") {
			nodes = append(nodes, a)
		}
	}
	if len(nodes) != 4 {
		t.Fatal(nodes)
	}
	for i, n := range nodes {
		file, head := i%2 == 0, i == 3
		if strings.Contains(n, `"aio":"native"`) != file || strings.Contains(n, "detect-zeroes") != head {
			t.Errorf("node %d: %s", i, n)
		}
	}
}

// A layer that comes while the guest runs, and one that is opened anew, are as the disk was started: a node that is opened
// anew without an option loses it.
func TestNodesThatComeLaterAreAsTheDiskWasStarted(t *testing.T) {
	want := vm.DiskIO{Cache: "none", AIO: "native", Discard: "ignore", DetectZeroes: "on"}
	all := slices.Concat(OverlayNodes(7, "22222222-2222", "", 9, qmp.DiskIO(want)), ReopenNodes("n", "n.f", storage.Layer{Format: storage.QCOW2}, "", false, 9, want))
	for i, n := range all {
		has := []string{`"cache":{"direct":true},"aio":"native"`, `"discard":"ignore"`}
		if i%2 == 1 {
			has = []string{`"detect-zeroes":"on"`, `"discard":"ignore"`}
		}
		for _, h := range has {
			if !strings.Contains(string(n.Add), h) {
				t.Errorf("%s lacks %s: %s", n.Name, h, n.Add)
			}
		}
	}
}
