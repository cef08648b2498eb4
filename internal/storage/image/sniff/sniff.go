// Package sniff says what an image is by its content, and refuses one that reaches beyond itself.
//
// What lives here: the headers of image formats, archives and file systems, each in a file of its own. What does not:
// fetching, unpacking and converting (packages importer, image and convert).
//
// A name says nothing, and a header may lie: whatever names another file (a backing file, an external data file, an
// extent, a parent) is refused here, before QEMU sees it. Every parser reads a bounded part of the file.
package sniff

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Kind is what a file is, by its content.
type Kind string

// The kinds. The last three are around another one.
const (
	Raw   Kind = "raw"
	QCOW2 Kind = "qcow2"
	VMDK  Kind = "vmdk"
	VHD   Kind = "vhd"
	VHDX  Kind = "vhdx"
	VDI   Kind = "vdi"
	OVA   Kind = "ova"
	ISO   Kind = "iso"
	Gzip  Kind = "gzip"
	XZ    Kind = "xz"
	Zstd  Kind = "zstd"
)

// Packed reports whether there is another file in it.
func (k Kind) Packed() bool { return k == Gzip || k == XZ || k == Zstd }

// Found is what a file is.
type Found struct {
	Kind Kind
	Size model.Bytes // what a guest sees of it; 0 where only unpacking would tell
	// Of an OVA: where its disk stands in the file, and what that is.
	Disk     Kind
	At, Len  int64
	Packed   bool // the disk is gzip
	Machine  Machine
	Manifest map[string]Digest // checksums that it brings along, by the member's name
}

// file is what is looked at.
type file struct {
	r     io.ReaderAt
	size  int64
	inner bool // of another one
}

// read returns n bytes from at; fewer where the file ends before. An error is one of the disk.
func (f file) read(at int64, n int) ([]byte, error) {
	if at < 0 || at >= f.size {
		return nil, nil
	}
	b := make([]byte, min(int64(n), f.size-at))
	got, err := f.r.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Unavailable, "cannot read the image").Because(err)
	}
	return b[:got], nil
}

// Look says what size bytes of r are.
func Look(r io.ReaderAt, size int64) (Found, error) { return file{r: r, size: size}.look() }

func (f file) look() (Found, error) {
	head, err := f.read(0, 1024)
	if err != nil {
		return Found{}, err
	}
	switch {
	case len(head) < 512 && !starts(head, "\x1f\x8b", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd"):
		return Found{}, refuse("is too short to be one", "fetch it again")
	case starts(head, "\x1f\x8b"):
		return Found{Kind: Gzip}, nil
	case starts(head, "\xfd7zXZ\x00"):
		return Found{Kind: XZ}, nil
	case starts(head, "\x28\xb5\x2f\xfd"):
		return Found{Kind: Zstd}, nil
	case starts(head, "QFI\xfb"):
		return f.qcow2()
	case starts(head, "KDMV"), starts(head, "COWD"), starts(bytes.TrimLeft(head, "\r\n "), "# Disk DescriptorFile"):
		return f.vmdk(head)
	case starts(head, "vhdxfile"):
		return f.vhdx()
	case len(head) > 0x44 && binary.LittleEndian.Uint32(head[0x40:]) == vdiSignature:
		return f.vdi(head)
	case starts(head, "BZh"), starts(head, "PK\x03\x04"), starts(head, "7z\xbc\xaf\x27\x1c"), starts(head, "LZIP"):
		return Found{}, refuse("is an archive of a kind that is not read", "unpack it first")
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return f.ova()
	}
	return f.plain(head)
}

// plain looks at what begins like nothing that has a header of its own.
func (f file) plain(head []byte) (Found, error) {
	if found, ok, err := f.vhd(head); ok || err != nil {
		return found, err
	}
	if found, ok, err := f.iso(); ok || err != nil {
		return found, err
	}
	yes, err := f.disk(head)
	if err != nil {
		return Found{}, err
	}
	if !yes {
		return Found{}, refuse("is nothing that is known: no image format, no boot sector, no partition table, no file system",
			"--format raw keeps its bytes as they are")
	}
	return AsRaw(f.size)
}

// AsRaw is a file of which its owner says that it is raw, whatever stands in it.
func AsRaw(size int64) (Found, error) {
	return virtual(Found{Kind: Raw}, (uint64(size)+511)/512*512)
}

// virtual finishes what was found with the size that a guest sees.
func virtual(found Found, size uint64) (Found, error) {
	if size == 0 || size > uint64(storage.MaxVolume) {
		return Found{}, refuse("has a virtual size that is 0 or too large", "qemu-img info shows it")
	}
	found.Size = model.Bytes(size)
	return found, nil
}

func starts(b []byte, prefixes ...string) bool {
	for _, p := range prefixes {
		if bytes.HasPrefix(b, []byte(p)) {
			return true
		}
	}
	return false
}

func refuse(why, hint string) error {
	return fault.New(fault.Invalid, "the image %s", why).Try("%s", hint).WithCode("HV-IMG-010")
}

// reaches refuses an image that names another file.
func reaches(why string) error {
	return fault.New(fault.Denied, "the image %s", why).Try("make one that stands alone: qemu-img convert -O qcow2 OLD NEW").WithCode("HV-IMG-011")
}
