//go:build linux

// Package convert is the one room that runs qemu-img.
//
// What lives here: making, converting, measuring, checking, growing and rebasing images that are open files. What does
// not: where files lie (the pools), what a file claims to be (storage/image), and disks of running VMs, which belong to
// their QEMU.
//
// qemu-img parses what strangers made. So it is run confined: it gets open files and no path, opens each of them anew
// as /proc/self/fd/N (QEMU's image locks belong to an open file description), and can open nothing else, whatever a
// header names. Formats are always said, never probed, a backing file is used only where it was given, and locks are
// never passed over (no -U). Source: qemu-img(1), docs/interop/qcow2.txt of QEMU.
package convert

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/internal/confine"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Format is a format of disk images, by QEMU's name.
type Format string

// The formats that are read and written.
const (
	Raw   Format = "raw"
	QCOW2 Format = "qcow2"
	VMDK  Format = "vmdk"
	VHD   Format = "vpc"
	VHDX  Format = "vhdx"
	VDI   Format = "vdi"
)

func (f Format) check() error {
	switch f {
	case Raw, QCOW2, VMDK, VHD, VHDX, VDI:
		return nil
	}
	return fault.New(fault.Internal, "qemu-img is not asked for format %.20q", string(f))
}

// Image is an open file and how it is read. The file is opened anew, for reading and writing only where that is
// needed and where the file itself is so open.
type Image struct {
	File   *os.File
	Format Format
	// Backing is what is read where the image has nothing; nil where it stands alone, whatever its header says.
	Backing *Image
	// Secret opens the LUKS header of an image that is encrypted; empty for one that is not.
	Secret string
	// Around opens a LUKS header behind which the whole image stands, of whatever format it is.
	Around string
	// At and Size are where in the file the image stands; Size 0 means the whole file.
	At, Size int64
}

// node is an image as a QEMU block device (BlockdevOptions of qapi/block-core.json). Files that it needs are added to
// the run.
func (r *run) node(i Image) (map[string]any, error) {
	if err := i.Format.check(); err != nil {
		return nil, err
	}
	if i.File == nil {
		return nil, fault.New(fault.Internal, "qemu-img was given no file")
	}
	protocol := map[string]any{"driver": "file", "filename": r.add(i.File)}
	if mode, err := i.File.Stat(); err != nil {
		return nil, err
	} else if mode.Mode()&os.ModeDevice != 0 {
		protocol["driver"] = "host_device"
	}
	if i.Size > 0 {
		protocol = map[string]any{"driver": "raw", "offset": i.At, "size": i.Size, "file": protocol}
	}
	if i.Around != "" {
		protocol = map[string]any{"driver": "luks", "key-secret": r.secret(i.Around), "file": protocol}
	}
	n := map[string]any{"driver": string(i.Format), "file": protocol}
	switch {
	case i.Secret == "":
	case i.Format == QCOW2:
		n["encrypt"] = map[string]any{"format": "luks", "key-secret": r.secret(i.Secret)}
	case i.Format == Raw:
		n["driver"], n["key-secret"] = "luks", r.secret(i.Secret)
	default:
		return nil, fault.New(fault.Internal, "a %s image is not encrypted", i.Format)
	}
	switch {
	case i.Backing != nil:
		below, err := r.node(*i.Backing)
		if err != nil {
			return nil, err
		}
		n["backing"] = below
	case i.Format == QCOW2 || i.Format == VMDK:
		n["backing"] = nil
	}
	return n, nil
}

// secret has the run have a secret, and returns what it calls it.
func (r *run) secret(s string) string {
	i := slices.Index(r.secrets, s)
	if i < 0 {
		i, r.secrets = len(r.secrets), append(r.secrets, s)
	}
	return "secret" + strconv.Itoa(i)
}

// named is an image as qemu-img takes it in the place of a file's name.
func (r *run) named(i Image) (string, error) {
	n, err := r.node(i)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(n)
	return "json:" + string(text), err
}

// add gives the run a file and returns by what name it opens it. The same file twice is one.
func (r *run) add(f *os.File) string {
	for i, have := range r.files {
		if have == f {
			return confine.Path(i)
		}
	}
	r.files = append(r.files, f)
	return confine.Path(len(r.files) - 1)
}
