// Package qcow2 reads and writes the headers of qcow2 images.
//
// What lives here: which images may be kept, how large one is, an image that is empty or stands on another one.
// What does not: their data, which QEMU and qemu-img alone read and write.
package qcow2

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// The header of a qcow2 image. Source: docs/interop/qcow2.txt of QEMU.
const (
	magic       = 0x514649fb
	headerV2    = 72
	headerV3    = 104
	dirty       = 1 << 0
	corrupt     = 1 << 1
	dataFile    = 1 << 2
	compression = 1 << 3
	extendedL2  = 1 << 4
)

// Size returns the virtual size of an image that holds all of itself. One that names another
// file, as its backing or its data file, could make QEMU open what is not its owner's: refused, as
// is one that is encrypted (nobody has its key here), corrupt, or of features we do not know.
func Size(r io.ReaderAt) (model.Bytes, error) {
	var h [headerV3]byte
	n, err := r.ReadAt(h[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if n < headerV2 || binary.BigEndian.Uint32(h[0:]) != magic {
		return 0, refuse("is not qcow2", "name its format: --format raw")
	}
	be32 := func(at int) uint32 { return binary.BigEndian.Uint32(h[at:]) }
	be64 := func(at int) uint64 { return binary.BigEndian.Uint64(h[at:]) }
	version, size := be32(4), be64(24)
	if version != 2 && (version != 3 || n < headerV3) {
		return 0, refuse("is of a version that is not 2 or 3", "qemu-img convert -O qcow2 OLD NEW")
	}
	switch {
	case be64(8) != 0 || be32(16) != 0:
		return 0, refuse("has a backing file", "flatten it: qemu-img convert -O qcow2 OLD NEW")
	case be32(32) != 0:
		return 0, refuse("is encrypted", "decrypt it first: qemu-img convert")
	case size == 0 || size > uint64(storage.MaxVolume) || size%512 != 0:
		return 0, refuse("has a virtual size that is 0, odd or too large", "qemu-img info shows it")
	}
	if version == 3 {
		if err := features(be64(72)); err != nil {
			return 0, err
		}
	}
	return model.Bytes(size), nil
}

func features(incompatible uint64) error {
	switch {
	case incompatible&dataFile != 0:
		return refuse("has its data in another file", "qemu-img convert -O qcow2 OLD NEW")
	case incompatible&corrupt != 0:
		return refuse("is marked corrupt", "qemu-img check -r all")
	case incompatible&^(dirty|compression|extendedL2) != 0:
		return refuse("has features that this build does not know", "qemu-img convert -O qcow2 OLD NEW")
	}
	return nil
}

func refuse(why, hint string) error {
	return fault.New(fault.Invalid, "the image %s", why).Try("%s", hint).WithCode("HV-VOL-005")
}

// Virtual returns the size that the guest sees of an image of our own keeping, which may stand on another one.
func Virtual(r io.ReaderAt) (model.Bytes, error) {
	var h [32]byte
	if _, err := r.ReadAt(h[:], 0); err != nil {
		return 0, err
	}
	size := binary.BigEndian.Uint64(h[24:])
	if binary.BigEndian.Uint32(h[0:]) != magic || size > uint64(storage.MaxVolume) {
		return 0, refuse("is not qcow2", "qemu-img check tells more")
	}
	return model.Bytes(size), nil
}

// Encryption is where in an image of our own keeping its LUKS header stands, and how long that is; 0 for one that is not
// encrypted so.
func Encryption(r io.ReaderAt) (at, size int64, err error) {
	h := make([]byte, cluster)
	n, err := r.ReadAt(h, 0)
	if n < headerV3 || err != nil && !errors.Is(err, io.EOF) || binary.BigEndian.Uint32(h) != magic {
		return 0, 0, refuse("is not qcow2", "qemu-img check tells more")
	}
	if binary.BigEndian.Uint32(h[32:]) != cryptLUKS {
		return 0, 0, nil
	}
	for p := int(binary.BigEndian.Uint32(h[100:])); p >= headerV3 && p+8 <= n; {
		kind, length := binary.BigEndian.Uint32(h[p:]), int(binary.BigEndian.Uint32(h[p+4:]))
		if kind == extEnd || length > n-p-8 {
			break
		}
		if kind == extEncryption && length >= 16 {
			at, size := binary.BigEndian.Uint64(h[p+8:]), binary.BigEndian.Uint64(h[p+16:])
			if at == 0 || at%cluster != 0 || at > uint64(storage.MaxVolume) || size > 64<<20 {
				break
			}
			return int64(at), int64(size), nil
		}
		p += 8 + (length+7)/8*8
	}
	return 0, 0, refuse("has a damaged header of its encryption", "qemu-img check tells more")
}
