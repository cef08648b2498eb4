package qcow2

import (
	"encoding/binary"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Image is what an image is to be.
type Image struct {
	Size model.Bytes // virtual; a multiple of 512
	// Backing is the name of the image that this one stands on, relative to it; empty for none. It is for
	// qemu-img and people: QEMU is told its chain.
	Backing string
	Format  storage.Format // of Backing
	// LUKS is the header by which what is written to it is encrypted; empty for none.
	LUKS []byte
}

// The layout of what Make writes. An L1 entry stands for an L2 table of a cluster, whose entries are 8 bytes.
const (
	clusterBits = 16
	cluster     = 1 << clusterBits
	perL1       = cluster * (cluster / 8) // bytes of the guest's
	l1Cluster   = 3                       // after the header, the refcount table and the refcount block

	extEnd           = 0
	extBackingFormat = 0xe2792aca
	extEncryption    = 0x0537be77

	cryptLUKS = 2

	maxBacking = 1023 // bytes
)

// Make writes an image of which nothing is allocated, to a file that is empty. It is version 3, with clusters of
// 64 KiB and refcounts of 16 bits, as qemu-img makes it; and takes no process to make.
// Source: docs/interop/qcow2.txt of QEMU.
func Make(w io.WriterAt, img Image) error {
	if img.Size <= 0 || img.Size > storage.MaxVolume || img.Size%512 != 0 || len(img.Backing) > maxBacking {
		return fault.New(fault.Internal, "no qcow2 image of %d bytes on %.80q", int64(img.Size), img.Backing)
	}
	l1 := (int64(img.Size) + perL1 - 1) / perL1
	l1Clusters := (8*l1 + cluster - 1) / cluster
	luks := l1Cluster + l1Clusters // where its header stands: behind all the rest
	clusters := luks + (int64(len(img.LUKS))+cluster-1)/cluster

	table := make([]byte, 8)
	binary.BigEndian.PutUint64(table, 2*cluster) // where the one refcount block is
	counts := make([]byte, 2*clusters)
	for i := range clusters {
		binary.BigEndian.PutUint16(counts[2*i:], 1)
	}
	for _, part := range []struct {
		at   int64
		data []byte
	}{
		{cluster, table}, {2 * cluster, counts},
		{clusters*cluster - 1, []byte{0}}, // the L1 table reads as zeros: nothing is allocated
		{luks * cluster, img.LUKS},
		{0, head(img, uint32(l1), uint64(luks*cluster))}, // last: until then it is no image
	} {
		if len(part.data) == 0 {
			continue
		}
		if _, err := w.WriteAt(part.data, part.at); err != nil {
			return err
		}
	}
	return nil
}

// head is the header with its extensions and the backing file's name.
func head(img Image, l1 uint32, luks uint64) []byte {
	h := make([]byte, headerV3, cluster)
	put32 := func(at int, v uint32) { binary.BigEndian.PutUint32(h[at:], v) }
	put64 := func(at int, v uint64) { binary.BigEndian.PutUint64(h[at:], v) }
	put32(0, magic)
	put32(4, 3)
	put32(20, clusterBits)
	put64(24, uint64(img.Size))
	put32(36, l1)
	put64(40, l1Cluster*cluster)
	put64(48, cluster) // refcount table
	put32(56, 1)       // of one cluster
	put32(96, 4)       // 1 << 4 bits a refcount
	put32(100, headerV3)
	if img.Backing != "" {
		format := string(img.Format)
		h = binary.BigEndian.AppendUint32(h, extBackingFormat)
		h = binary.BigEndian.AppendUint32(h, uint32(len(format)))
		h = append(h, format...)
		for len(h)%8 != 0 {
			h = append(h, 0)
		}
	}
	if len(img.LUKS) > 0 {
		put32(32, cryptLUKS)
		h = binary.BigEndian.AppendUint32(h, extEncryption)
		h = binary.BigEndian.AppendUint32(h, 16)
		h = binary.BigEndian.AppendUint64(h, luks)
		h = binary.BigEndian.AppendUint64(h, uint64(len(img.LUKS)))
	}
	h = binary.BigEndian.AppendUint64(h, extEnd)
	if img.Backing != "" {
		put64(8, uint64(len(h)))
		put32(16, uint32(len(img.Backing)))
		h = append(h, img.Backing...)
	}
	return h
}
