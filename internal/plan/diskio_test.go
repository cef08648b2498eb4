package plan

import (
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestWhatAPoolCannotIsRefusedBeforeADiskIsOpened(t *testing.T) {
	can := map[string]storage.Capabilities{
		"all": {Direct: true, Discard: true}, "tmp": {Discard: true}, "old": {Direct: true}, "thin": {Block: true, Direct: true, Discard: true},
	}
	qemu := func(aio ...string) host.Facts {
		return host.Facts{Arch: "x86_64", QEMU: &host.QEMU{Arch: "x86_64", AIO: aio}}
	}
	ring := qemu("threads", "native", "io_uring")
	for name, c := range map[string]struct {
		pool  string
		io    vm.DiskIO
		facts host.Facts
		want  string // code of the only finding
	}{
		"as it was, in a pool that cannot": {"old", vm.DiskIO{}, ring, ""},
		"unsafe is told":                   {"all", vm.DiskIO{Cache: "unsafe"}, ring, codeUnsafe},
		"not built in":                     {"all", vm.DiskIO{Cache: "none", AIO: "native"}, qemu("threads"), codeAIO},
		"nobody has asked":                 {"all", vm.DiskIO{Cache: "none", AIO: "native"}, host.Facts{Arch: "x86_64"}, ""},
		"no ring, whoever has one":         {"all", vm.DiskIO{AIO: "io_uring"}, ring, codeAIO},
		"past memory":                      {"tmp", vm.DiskIO{Cache: "none"}, ring, codeNoDirect},
		"native, and nothing said":         {"all", vm.DiskIO{AIO: "native"}, ring, codeNative},
		"native on a device":               {"thin", vm.DiskIO{AIO: "native"}, ring, ""},
		"a device through the page cache":  {"thin", vm.DiskIO{Cache: "writeback"}, ring, codeDevice},
		"discard":                          {"old", vm.DiskIO{Discard: "unmap"}, ring, codeNoUnmap},
		"zeros":                            {"old", vm.DiskIO{DetectZeroes: "unmap"}, ring, codeNoUnmap},
		"a pool that is closed":            {"gone", vm.DiskIO{Cache: "none", AIO: "native"}, ring, ""},
	} {
		spec := vm.Spec{Arch: "x86_64", Disks: map[string]vm.Disk{"root": {Volume: "v", DiskIO: c.io}}}
		v := storage.Volume{File: "f.qcow2", Spec: storage.VolumeSpec{Pool: c.pool, Format: storage.QCOW2}}
		found := DiskIO("web", spec, map[string]storage.Volume{"root": v}, can, c.facts)
		switch {
		case c.want == "" && len(found) > 0, c.want != "" && (len(found) != 1 || found[0].Code != c.want):
			t.Errorf("%s: %v", name, found)
		case c.want != "" && (found.Refuses() == (c.want == codeUnsafe) || found[0].Remedy == ""):
			t.Errorf("%s: %+v", name, found[0])
		}
	}
}
