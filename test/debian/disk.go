package debian

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/diskfs/go-diskfs/partition/gpt"

	"github.com/hyper-nixos/hyper-nixos/test/lab"
)

// The disk: a GPT with GRUB's own partition, as a machine with a BIOS needs it, and the root behind that, which a
// guest grows when its disk is larger.
const (
	sector     = 512
	diskBytes  = 2 << 30
	coreStart  = 2048 // sectors
	rootStart  = 4096
	rootEnd    = diskBytes/sector - 2048 - 1
	rootLength = (rootEnd - rootStart + 1) * sector
)

// makeDisk makes a bootable qcow2 of all of root. Nothing is mounted: a machine may have no loop device.
func makeDisk(ctx context.Context, root, work, to string) error {
	core := filepath.Join(root, "boot/grub/core.img")
	if _, err := lab.Run(ctx, "chroot", root, "grub-mkimage", "-O", "i386-pc", "-p", "(hd0,gpt2)/boot/grub", "-o", "/boot/grub/core.img",
		"biosdisk", "part_gpt", "ext2", "linux", "normal", "configfile"); err != nil {
		return err
	}
	raw := filepath.Join(work, "disk.raw")
	if err := partitioned(raw); err != nil {
		return err
	}
	if _, err := lab.Run(ctx, "mkfs.ext4", "-q", "-F", "-L", "root", "-E", fmt.Sprintf("offset=%d,lazy_itable_init=1", rootStart*sector),
		"-d", root, raw, fmt.Sprintf("%dk", rootLength>>10)); err != nil {
		return err
	}
	if err := bootable(raw, filepath.Join(root, "usr/lib/grub/i386-pc/boot.img"), core); err != nil {
		return err
	}
	_, err := lab.Run(ctx, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, to)
	return err
}

func partitioned(name string) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644) //nolint:gosec // it becomes an image that whoever boots it reads
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(diskBytes); err != nil {
		return err
	}
	table := gpt.Table{LogicalSectorSize: sector, PhysicalSectorSize: sector, ProtectiveMBR: true, Partitions: []*gpt.Partition{
		{Index: 1, Start: coreStart, End: rootStart - 1, Type: gpt.BIOSBoot, Name: "grub"},
		{Index: 2, Start: rootStart, End: rootEnd, Type: gpt.LinuxFilesystem, Name: "root"},
	}}
	return table.Write(f, diskBytes)
}

// bootable writes GRUB where a BIOS finds it, as grub-install does on a machine of its own: boot.img into the first
// sector, which loads the first sector of core.img, which loads the rest by the block list at its end.
// Source: grub/i386/pc/boot.h (GRUB_BOOT_MACHINE_KERNEL_SECTOR, GRUB_BOOT_MACHINE_DRIVE_CHECK), grub/offsets.h.
func bootable(disk, bootFile, coreFile string) error {
	boot, errBoot := os.ReadFile(bootFile)
	core, errCore := os.ReadFile(coreFile)
	if err := errors.Join(errBoot, errCore); err != nil {
		return err
	}
	sectors := (len(core) + sector - 1) / sector
	if len(boot) != sector || sectors < 2 || sectors > rootStart-coreStart {
		return fmt.Errorf("GRUB has a boot.img of %d bytes and a core.img of %d sectors", len(boot), sectors)
	}
	core = append(core, make([]byte, sectors*sector-len(core))...)
	binary.LittleEndian.PutUint64(boot[0x5c:], coreStart)
	copy(boot[0x66:], []byte{0x90, 0x90}) // take the drive that the BIOS names
	binary.LittleEndian.PutUint64(core[0x1f4:], coreStart+1)
	binary.LittleEndian.PutUint16(core[0x1fc:], uint16(sectors-1))
	binary.LittleEndian.PutUint16(core[0x1fe:], 0x820)
	f, err := os.OpenFile(disk, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, errBoot = f.WriteAt(boot[:440], 0) // behind it are the disk's ID and the partition table
	_, errCore = f.WriteAt(core, coreStart*sector)
	return errors.Join(errBoot, errCore, f.Close())
}
