package machine

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestADiskIsOpenedAsItMayBeUsed(t *testing.T) {
	const common = `-add-fd fd={fd:disk-a},set=107,opaque=disk-a `
	writable := `-blockdev {"driver":"file","node-name":"disk-a.file","filename":"/dev/fdset/107","locking":"on","read-only":false,"discard":"unmap"} `
	readOnly := `-blockdev {"driver":"file","node-name":"disk-a.file","filename":"/dev/fdset/107","locking":"on","read-only":true,"discard":"ignore"} `
	device := ` -device {"driver":"virtio-blk-pci","id":"disk-a","bus":"rp7","drive":"disk-a"`
	for name, c := range map[string]struct {
		disk   vm.Disk
		volume Volume
		args   string
		access Access
	}{
		"raw": {vm.Disk{}, Volume{Format: storage.Raw},
			writable + `-blockdev {"driver":"raw","node-name":"disk-a","file":"disk-a.file","read-only":false,"discard":"unmap"}` + device + "}", ReadWrite},
		"raw when nothing is said": {vm.Disk{}, Volume{},
			writable + `-blockdev {"driver":"raw","node-name":"disk-a","file":"disk-a.file","read-only":false,"discard":"unmap"}` + device + "}", ReadWrite},
		"qcow2 follows no backing file of its own": {vm.Disk{}, Volume{Format: storage.QCOW2},
			writable + `-blockdev {"driver":"qcow2","node-name":"disk-a","file":"disk-a.file","read-only":false,"discard":"unmap","backing":null}` + device + "}", ReadWrite},
		"a device": {vm.Disk{}, Volume{Format: storage.Raw, Block: true},
			strings.Replace(strings.Replace(writable, `"file"`, `"host_device"`, 1), `"unmap"`, `"unmap","cache":{"direct":true}`, 1) +
				`-blockdev {"driver":"raw","node-name":"disk-a","file":"disk-a.file","read-only":false,"discard":"unmap"}` + device + "}", ReadWrite},
		"read-only by wish": {vm.Disk{ReadOnly: true}, Volume{Format: storage.Raw},
			readOnly + `-blockdev {"driver":"raw","node-name":"disk-a","file":"disk-a.file","read-only":true,"discard":"ignore"}` + device + "}", ReadOnly},
		"read-only by its volume, with boot index and serial": {vm.Disk{BootIndex: 3, Serial: "S.1"}, Volume{Format: storage.Raw, ReadOnly: true},
			readOnly + `-blockdev {"driver":"raw","node-name":"disk-a","file":"disk-a.file","read-only":true,"discard":"ignore"}` + device +
				`,"bootindex":3,"serial":"S.1"}`, ReadOnly},
	} {
		t.Run(name, func(t *testing.T) {
			c.disk.Volume = "vol"
			p := disk("a", c.disk, c.volume, 7, place{Bus: "rp7"}, nil)
			if d := cmp.Diff(common+c.args, strings.Join(p.args, " ")); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff([]File{{Name: "disk-a", Kind: DiskFile, Object: "vol", Device: "a", Access: c.access}}, p.files); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestEveryDiskHasNodesOfItsOwnThatQEMUTakes(t *testing.T) {
	long := strings.Repeat("a", 62)
	var all []string
	for _, name := range []string{"a", "a-file", "file", strings.Repeat("a", 21), strings.Repeat("a", 22), long + "b", long + "c", "d-a"} {
		all = append(all, DiskNode(name), DiskNode(name)+fileSuffix)
	}
	slices.Sort(all)
	for i, n := range all {
		if len(n) > 31 || i > 0 && all[i-1] == n {
			t.Errorf("node name %q is too long or twice there", n)
		}
	}
	if DiskNode("root") != "disk-root" {
		t.Error("a short name is not readable any more")
	}
}
