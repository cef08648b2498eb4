//go:build linux

// Package seed is the hand that makes the small disks on which guests find what they are to make of themselves: an ISO 9660
// file system called cidata.
//
// What lives here: the making. What does not: what stands on it (internal/guest/cloudinit), and giving it to QEMU.
package seed

import (
	"bytes"
	"context"
	"crypto/rand"
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

// Seeds makes disks in memory. In a folder of its own, where nothing stays, it has what the library needs of one.
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
	fd, err := unix.MemfdCreate("hv-seed", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "no memory for the disk of what the guest is told").Because(err)
	}
	memory := os.NewFile(uintptr(fd), "hv-seed")
	defer func() { err = errors.Join(err, memory.Close()) }()
	if err := write(memory, work, files); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot write the disk of what the guest is told").Because(err)
	}
	return sealed(memory)
}

// write makes the disk in memory. The library takes its files from a folder: those that stand there are as large as ours and
// of random bytes, by which they are found on the disk that it makes, and ours put in their place. So nothing of what
// a guest is told is ever in a folder.
func write(memory *os.File, folder string, files map[string][]byte) error {
	size := int64(256 << 10) // tables and descriptors
	for _, text := range files {
		size += int64(len(text)) + blockSize
	}
	system, err := iso9660.Create(file.New(memory, false), size/blockSize*blockSize, 0, blockSize, folder)
	if err != nil {
		return err
	}
	inPlace, err := stand(folder, files)
	if err != nil {
		return err
	}
	if err := system.Finalize(iso9660.FinalizeOptions{RockRidge: true, VolumeIdentifier: label}); err != nil {
		return err
	}
	info, err := memory.Stat()
	if err != nil {
		return err
	}
	disk, err := io.ReadAll(io.NewSectionReader(memory, 0, info.Size()))
	if err != nil {
		return err
	}
	for name, text := range files {
		at, err := find(padded(disk), padded(inPlace[name]))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := memory.WriteAt(text, at); err != nil {
			return err
		}
	}
	return nil
}

// stand puts random files into a folder in the place of ours, and returns them.
func stand(folder string, files map[string][]byte) (map[string][]byte, error) {
	out := map[string][]byte{}
	for name, text := range files {
		random := make([]byte, len(text))
		_, _ = rand.Read(random) // it never fails
		if err := os.WriteFile(filepath.Join(folder, name), random, 0o600); err != nil {
			return nil, err
		}
		out[name] = random
	}
	return out, nil
}

// find returns where on a disk a file begins: at the one block from which on it stands there as a whole.
func find(disk, text []byte) (int64, error) {
	at := int64(-1)
	for i := 0; i < len(disk); i += blockSize {
		if !bytes.HasPrefix(disk[i:], text) {
			continue
		}
		if at >= 0 {
			return 0, errors.New("it is on the disk twice")
		}
		at = int64(i)
	}
	if at < 0 {
		return 0, errors.New("it is not on the disk")
	}
	return at, nil
}

// padded is a text up to the end of its last block.
func padded(text []byte) []byte {
	return append(bytes.Clone(text), make([]byte, (blockSize-len(text)%blockSize)%blockSize)...)
}

// sealed returns what is in memory, sealed and open for reading only: QEMU takes no descriptor of another access mode.
func sealed(memory *os.File) (*os.File, error) {
	if _, err := unix.FcntlInt(memory.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE|unix.F_SEAL_SEAL); err != nil {
		return nil, fault.New(fault.Internal, "the disk of what the guest is told cannot be sealed").Because(err)
	}
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", memory.Fd()))
}
