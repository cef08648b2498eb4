package sniff

import (
	"bytes"
	"encoding/binary"
)

// The footer of a VHD image, and the kinds of it. Source: Virtual Hard Disk Image Format Specification 1.0.
const (
	vhdCookie       = "conectix"
	vhdFixed        = 2
	vhdDynamic      = 3
	vhdDifferencing = 4
)

// vhd looks for the footer: a dynamic image has a copy of it at its beginning, a fixed one has it at its end alone.
func (f file) vhd(head []byte) (Found, bool, error) {
	footer := head[:512]
	if !starts(footer, vhdCookie) {
		var err error
		if footer, err = f.read(f.size-512, 512); err != nil || len(footer) < 512 || !starts(footer, vhdCookie) {
			return Found{}, false, err
		}
	}
	be := binary.BigEndian
	sum := uint32(0)
	for i, b := range footer {
		if i < 64 || i >= 68 {
			sum += uint32(b)
		}
	}
	if be.Uint32(footer[64:]) != ^sum {
		return Found{}, true, refuse("has a VHD footer that is damaged", "fetch it again")
	}
	size := be.Uint64(footer[48:])
	switch be.Uint32(footer[60:]) {
	case vhdFixed:
		if size > uint64(f.size-512) {
			return Found{}, true, refuse("is a VHD that ends too early", "fetch it again")
		}
	case vhdDynamic:
	case vhdDifferencing:
		return Found{}, true, reaches("is a VHD of differences to another one")
	default:
		return Found{}, true, refuse("is a VHD of a kind that is not known", "qemu-img convert -O qcow2 OLD NEW")
	}
	found, err := virtual(Found{Kind: VHD}, size)
	return found, true, err
}

// Where things stand in a VHDX image, and by what they are found. Source: [MS-VHDX].
const (
	vhdxRegions   = 192 << 10
	vhdxMost      = 2047 // entries of a table
	vhdxHasParent = 1 << 1
)

var (
	vhdxMetadata   = guid("\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e")
	vhdxParameters = guid("\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b")
	vhdxDiskSize   = guid("\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8")
)

func guid(s string) []byte { return []byte(s) }

// table returns the entries of 32 bytes of a region or metadata table whose header has this signature.
func (f file) table(at int64, signature string, countAt, header int) ([]byte, error) {
	b, err := f.read(at, 64<<10)
	if err != nil || len(b) < header || !starts(b, signature) {
		return nil, err
	}
	n := int(binary.LittleEndian.Uint16(b[countAt:]))
	if n > vhdxMost || header+n*32 > len(b) {
		return nil, nil
	}
	return b[header : header+n*32], nil
}

// entry is the one of a table that begins with a GUID.
func entry(table, id []byte) []byte {
	for ; len(table) >= 32; table = table[32:] {
		if bytes.Equal(table[:16], id) {
			return table[:32]
		}
	}
	return nil
}

func (f file) vhdx() (Found, error) {
	le := binary.LittleEndian
	damaged := refuse("is a VHDX whose tables are damaged", "fetch it again")
	regions, err := f.table(vhdxRegions, "regi", 8, 16)
	if err != nil {
		return Found{}, err
	}
	region := entry(regions, vhdxMetadata)
	if region == nil {
		return Found{}, damaged
	}
	base := int64(le.Uint64(region[16:]))
	items, err := f.table(base, "metadata", 10, 32)
	if err != nil {
		return Found{}, err
	}
	value := func(id []byte) uint64 {
		e := entry(items, id)
		if e == nil || err != nil {
			return 0
		}
		var b []byte
		if b, err = f.read(base+int64(le.Uint32(e[16:])), 8); err != nil || len(b) < 8 {
			return 0
		}
		return le.Uint64(b)
	}
	parameters, size := value(vhdxParameters), value(vhdxDiskSize)
	switch {
	case err != nil:
		return Found{}, err
	case parameters == 0:
		return Found{}, damaged
	case parameters>>32&vhdxHasParent != 0:
		return Found{}, reaches("is a VHDX of differences to another one")
	}
	return virtual(Found{Kind: VHDX}, size)
}
