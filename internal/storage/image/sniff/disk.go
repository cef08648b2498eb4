package sniff

import (
	"encoding/binary"
)

// disk reports whether a file without a header is a disk that something could be read from: a boot sector, a partition
// table or a file system stands where it must.
func (f file) disk(head []byte) (bool, error) {
	if len(head) >= 512 && head[510] == 0x55 && head[511] == 0xaa {
		return true, nil // a boot sector, or a protective MBR before a GPT
	}
	for _, m := range []struct {
		at    int64
		magic string
	}{
		{512, "EFI PART"},
		{4096, "EFI PART"},
		{0, "XFSB"},
		{0, "hsqs"},
		{0x218, "LVM2 001"},
		{0x1018, "LVM2 001"},
		{0x10040, "_BHRfS_M"},
		{0x438, "\x53\xef"}, // ext2 to ext4
		{0x400, "\x10\x20\xf5\xf2"},
	} {
		b, err := f.read(m.at, len(m.magic))
		if err != nil {
			return false, err
		}
		if string(b) == m.magic {
			return true, nil
		}
	}
	return false, nil
}

// iso looks for a volume descriptor of ISO 9660 (ECMA-119, section 8). One that is a disk as well, as installers are,
// is an ISO.
func (f file) iso() (Found, bool, error) {
	b, err := f.read(16*2048, 2048)
	if err != nil || len(b) < 2048 || string(b[1:6]) != "CD001" || b[0] != 1 {
		return Found{}, false, err
	}
	found, err := virtual(Found{Kind: ISO}, (uint64(f.size)+2047)/2048*2048)
	return found, true, err
}

// The header of a qcow2 image. Source: docs/interop/qcow2.txt of QEMU.
const (
	qcow2Dirty       = 1 << 0
	qcow2Corrupt     = 1 << 1
	qcow2DataFile    = 1 << 2
	qcow2Compression = 1 << 3
	qcow2ExtendedL2  = 1 << 4
)

func (f file) qcow2() (Found, error) {
	h, err := f.read(0, 104)
	if err != nil {
		return Found{}, err
	}
	if len(h) < 104 {
		return Found{}, refuse("ends within its header", "fetch it again")
	}
	be := binary.BigEndian
	version := be.Uint32(h[4:])
	features := uint64(0)
	if version == 3 {
		features = be.Uint64(h[72:])
	}
	switch {
	case version != 2 && version != 3:
		return Found{}, refuse("is qcow2 of a version that is not 2 or 3", "qemu-img convert -O qcow2 OLD NEW")
	case be.Uint64(h[8:]) != 0 || be.Uint32(h[16:]) != 0:
		return Found{}, reaches("has a backing file")
	case features&qcow2DataFile != 0:
		return Found{}, reaches("has its data in another file")
	case be.Uint32(h[32:]) != 0:
		return Found{}, refuse("is encrypted", "decrypt it first: qemu-img convert")
	case features&qcow2Corrupt != 0:
		return Found{}, refuse("is marked corrupt", "qemu-img check -r all")
	case features&^(qcow2Dirty|qcow2Compression|qcow2ExtendedL2) != 0:
		return Found{}, refuse("has features that this build does not know", "qemu-img convert -O qcow2 OLD NEW")
	}
	return virtual(Found{Kind: QCOW2}, be.Uint64(h[24:]))
}

// The header of a VDI image. Source: block/vdi.c of QEMU.
const (
	vdiSignature = 0xbeda107f
	vdiDynamic   = 1
	vdiStatic    = 2
)

func (f file) vdi(head []byte) (Found, error) {
	if len(head) < 0x178 {
		return Found{}, refuse("ends within its header", "fetch it again")
	}
	le := binary.LittleEndian
	if t := le.Uint32(head[0x4c:]); t != vdiDynamic && t != vdiStatic {
		return Found{}, reaches("is a VDI of differences to another one")
	}
	return virtual(Found{Kind: VDI}, le.Uint64(head[0x170:]))
}
