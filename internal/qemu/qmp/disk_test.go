package qmp

import "testing"

func TestABlockDeviceIsKnownByItsIDAndByItsPath(t *testing.T) {
	for device, want := range map[string]bool{
		"disk-root":                                     true, // ide-hd, scsi-cd: QEMU says the id
		"/machine/peripheral/disk-root":                 true,
		"/machine/peripheral/disk-root/virtio-backend":  true, // virtio-blk-pci: what is in it has no id
		"disk-root2":                                    false,
		"/machine/peripheral/disk-root2/virtio-backend": false,
		"": false,
	} {
		if (Block{Device: device}).Of("disk-root") != want {
			t.Errorf("%q is disk-root: %v", device, !want)
		}
	}
}
