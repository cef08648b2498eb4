//go:build linux

// Package seed is the hand that makes the small disks on which guests find what they are to make of themselves: an ISO 9660
// file system called cidata.
//
// What lives here: the making. What does not: what stands on it (internal/guest/cloudinit), and giving it to QEMU.
package seed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"
	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/guest/cloudinit"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// label is the one by which cloud-init knows the disk.
const label = "cidata"

const blockSize = 2048

// Seeds makes disks in a folder of its own, where nothing stays: there are secrets on them.
type Seeds struct{ folder string }

// Open returns the hand; what a daemon that was killed has left in the folder is removed.
func Open(folder string) (*Seeds, error) {
	if err := os.RemoveAll(folder); err != nil {
		return nil, osfault.File(err, "cannot tidy up %s", folder)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, osfault.File(err, "cannot make %s", folder)
	}
	return &Seeds{folder}, nil
}

// Make returns the disk of a VM, open for reading only. It stands in memory and has no name.
func (s *Seeds) Make(_ context.Context, name string, spec vm.Spec) (_ *os.File, err error) {
	if spec.CloudInit == nil {
		return nil, fault.New(fault.Internal, "vm %q has no cloudInit", name)
	}
	files, err := cloudinit.Files(name, spec.UUID, *spec.CloudInit)
	if err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(s.folder, "seed-")
	if err != nil {
		return nil, osfault.File(err, "cannot make the disk of what the guest is told")
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	iso := filepath.Join(work, "iso")
	if err := write(iso, filepath.Join(work, "files"), files); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot write the disk of what the guest is told").Because(err)
	}
	return remember(iso)
}

func write(iso, folder string, files map[string][]byte) (err error) {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	size := int64(256 << 10) // tables and descriptors
	for _, text := range files {
		size += int64(len(text)) + blockSize
	}
	f, err := os.OpenFile(iso, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // #nosec G304 -- in a folder that was made just now
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	system, err := iso9660.Create(file.New(f, false), size/blockSize*blockSize, 0, blockSize, folder)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return err
		}
	}
	return system.Finalize(iso9660.FinalizeOptions{RockRidge: true, VolumeIdentifier: label})
}

// remember copies a file into memory and returns that, sealed and open for reading only: QEMU takes no descriptor of
// another access mode.
func remember(name string) (_ *os.File, err error) {
	from, err := os.Open(name) // #nosec G304 -- as above
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	fd, err := unix.MemfdCreate("hv-seed", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "no memory for the disk of what the guest is told").Because(err)
	}
	memory := os.NewFile(uintptr(fd), "hv-seed")
	defer func() { err = errors.Join(err, memory.Close()) }()
	if _, err := io.Copy(memory, from); err != nil {
		return nil, fault.New(fault.Exhausted, "no memory for the disk of what the guest is told").Because(err)
	}
	if _, err := unix.FcntlInt(memory.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE|unix.F_SEAL_SEAL); err != nil {
		return nil, fault.New(fault.Internal, "the disk of what the guest is told cannot be sealed").Because(err)
	}
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", memory.Fd()))
}
