package lab

import (
	"encoding/binary"
	"fmt"
	"os"
)

// The disk has a partition table, because the kernel finds its root without an initramfs by a partition's ID
// alone: a name such as /dev/nvme0n1 depends on which of several controllers answers first.
const (
	rootBytes      = 3 << 30
	partitionStart = 1 << 20
	diskID         = 0x68760001
)

// rootArgument names the partition on the kernel's command line: the disk's ID and the partition's number.
var rootArgument = fmt.Sprintf("PARTUUID=%08x-01", diskID)

// partitionTable is an MBR with one Linux partition. Its cylinders, heads and sectors are those of LBA disks.
func partitionTable() [512]byte {
	const sector = 512
	var t [512]byte
	binary.LittleEndian.PutUint32(t[440:], diskID)
	entry := t[446:462]
	copy(entry, []byte{0, 0xfe, 0xff, 0xff, 0x83, 0xfe, 0xff, 0xff})
	binary.LittleEndian.PutUint32(entry[8:], partitionStart/sector)
	binary.LittleEndian.PutUint32(entry[12:], rootBytes/sector)
	t[510], t[511] = 0x55, 0xaa
	return t
}

// blank makes a sparse file of zeros.
func blank(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // an image is read by who boots it, the one who built it may be root
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Truncate(size)
}

// partitioned makes a sparse disk with the partition, still empty.
func partitioned(name string) error {
	if err := blank(name, partitionStart+rootBytes); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	table := partitionTable()
	_, err = f.Write(table[:])
	return err
}
