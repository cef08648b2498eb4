package door

import (
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

func TestOfAThinPoolOnlyVolumesOfOursAreNamed(t *testing.T) {
	place := func(group, pool string) privilege.ThinPlace { return privilege.ThinPlace{Group: group, Pool: pool} }
	const name = vm + ".raw"
	for what, body := range map[string]any{
		"a group that is an option":    privilege.ThinPool{ThinPlace: place("--config", "thin")},
		"a pool with a quote":          privilege.ThinPool{ThinPlace: place("vg", `thin" || lv_name=~".`)},
		"a path":                       privilege.ThinPool{ThinPlace: place("../vg", "thin")},
		"nothing":                      privilege.ThinPool{},
		"a volume of somebody else":    privilege.ThinPool{ThinPlace: thinPlace, Only: "root"},
		"a name above":                 privilege.ThinOpen{ThinPlace: thinPlace, Name: "../sda"},
		"a qcow2 file":                 privilege.ThinOpen{ThinPlace: thinPlace, Name: vm + ".qcow2"},
		"a make of no size":            privilege.ThinChange{ThinPlace: thinPlace, Do: privilege.ThinMake, Name: name},
		"a make without end":           privilege.ThinChange{ThinPlace: thinPlace, Do: privilege.ThinMake, Name: name, Bytes: 1 << 60},
		"a size below nothing":         privilege.ThinChange{ThinPlace: thinPlace, Do: privilege.ThinGrow, Name: name, Bytes: -1},
		"a clone of somebody else's":   privilege.ThinChange{ThinPlace: thinPlace, Do: privilege.ThinClone, Name: name, From: "root"},
		"a clone of nothing":           privilege.ThinChange{ThinPlace: thinPlace, Do: privilege.ThinClone, Name: name},
		"a removal with a source":      privilege.ThinChange{ThinPlace: thinPlace, Do: privilege.ThinRemove, Name: name, From: name},
		"a removal of somebody else's": privilege.ThinChange{ThinPlace: thinPlace, Do: privilege.ThinRemove, Name: "swap"},
		"a tag of one's own":           privilege.ThinChange{ThinPlace: thinPlace, Do: privilege.ThinSet, Name: name, State: "mine"},
		"something else":               privilege.ThinChange{ThinPlace: thinPlace, Do: "rename", Name: name},
	} {
		verb := privilege.VerbThinPool
		switch body.(type) {
		case privilege.ThinOpen:
			verb = privilege.VerbThinOpen
		case privilege.ThinChange:
			verb = privilege.VerbThinChange
		}
		if _, _, err := Let(message(t, verb, body), nil); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestOfDevicesOnlyVolumesOfOursGoIntoAVM(t *testing.T) {
	devices := fstest.MapFS{}
	for at, dm := range map[string][2]string{
		"253:1": {"LVM-abc", "vg-hv--0b8ff1a6--6c2e--4a9e--9a53--0d3cf1b0a001.raw"}, "253:2": {"LVM-abc", "vg-root"}, "253:3": {"CRYPT-x", "vg-hv--0b8ff1a6--6c2e--4a9e--9a53--0d3cf1b0a001.raw"},
		"253:4": {"LVM-abc", "vg-hv--notes"}, "253:5": {"LVM-abc", "my--vg-hv--0b8ff1a6--6c2e--4a9e--9a53--0d3cf1b0a001.raw"}, "253:6": {"LVM-abc", "vg-hv--0b8ff1a6--6c2e--4a9e--9a53--0d3cf1b0a001.raw-x"},
		"253:8": {"LVM-abc", "x--hv--y-hv--0b8ff1a6--6c2e--4a9e--9a53--0d3cf1b0a001.raw"}, "253:9": {"LVM-abc", "vg-a--hv--0b8ff1a6--6c2e--4a9e--9a53--0d3cf1b0a001.raw"},
		"253:10": {"LVM-abc", "vg---hv--0b8ff1a6--6c2e--4a9e--9a53--0d3cf1b0a001.raw"},
	} {
		devices[at+"/dm/uuid"], devices[at+"/dm/name"] = &fstest.MapFile{Data: []byte(dm[0] + "\n")}, &fstest.MapFile{Data: []byte(dm[1] + "\n")}
	}
	for minor, want := range map[uint32]bool{1: true, 2: false, 3: false, 4: false, 5: true, 6: false, 7: false, 8: true, 9: false, 10: true} {
		if got := isVolume(devices, unix.Mkdev(253, minor)); got != want {
			t.Errorf("253:%d goes in: %v", minor, got)
		}
	}
}
