//go:build linux

// Package boot keeps kernels and initrds by their content: one read-only file for each digest.
//
// What lives here: receiving, opening and removing them. What does not: their names (the store's
// objects), and volumes (storage/dir).
package boot

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Files is one folder of boot files.
type Files struct{ folder *folder.Folder }

// Open opens the folder at path, making it where it is missing, and takes away what an earlier
// daemon had begun to receive.
func Open(path string) (*Files, error) {
	f, err := folder.Open(path, "boot files")
	if err != nil {
		return nil, err
	}
	return &Files{f}, nil
}

// Close closes the folder.
func (f *Files) Close() error { return f.folder.Close() }

// Receive stores size bytes of r and returns their digest. What is there already is kept. It is among
// Unsettled until Settle or Remove.
func (f *Files) Receive(ctx context.Context, size model.Bytes, r io.Reader) (sum string, n model.Bytes, err error) {
	if size <= 0 || size > storage.MaxBootFile {
		return "", 0, fault.New(fault.Invalid, "a boot file of %s is not between 1B and %s", size, storage.MaxBootFile)
	}
	err = f.folder.Arrive(func(file *os.File) (string, error) {
		sum, err = folder.Receive(ctx, file, size, r)
		return sum, err
	})
	if err != nil {
		return "", 0, osfault.File(err, "cannot store the boot file")
	}
	return sum, size, nil
}

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Open returns the content with this digest in a memfd that nothing can change any more: QEMU reads
// a kernel by its path, and the path of a memfd is /proc/self/fd/N.
func (f *Files) Open(_ context.Context, sha string) (_ *os.File, err error) {
	if !digest.MatchString(sha) {
		return nil, fault.New(fault.Internal, "%.80q is no digest", sha)
	}
	in, err := f.folder.Open(sha)
	if err != nil {
		return nil, osfault.File(err, "the content of a boot file is missing")
	}
	defer func() { _ = in.Close() }()
	fd, err := unix.MemfdCreate("hv-boot", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, osfault.File(err, "no memory file")
	}
	mem := os.NewFile(uintptr(fd), "hv-boot")
	if _, err := io.Copy(mem, in); err != nil {
		return nil, errors.Join(osfault.File(err, "cannot read a boot file"), mem.Close())
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(mem.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(osfault.File(err, "cannot seal a memory file"), mem.Close())
	}
	if _, err := mem.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(osfault.File(err, "cannot rewind a memory file"), mem.Close())
	}
	return mem, nil
}

// Remove removes the content with this digest; what is gone is no error.
func (f *Files) Remove(_ context.Context, sha string) error {
	if !digest.MatchString(sha) {
		return fault.New(fault.Internal, "%.80q is no digest", sha)
	}
	if err := f.folder.Remove(sha); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return osfault.File(err, "cannot remove a boot file")
	}
	return f.Settle(sha)
}

// Settle says that a boot file names this content.
func (f *Files) Settle(sha string) error {
	return osfault.File(f.folder.Settle(sha), "cannot settle a boot file")
}

// Unsettled are the digests of what was received and of which nobody has said that a boot file names it.
func (f *Files) Unsettled() ([]string, error) {
	names, err := f.folder.Unsettled()
	names = slices.DeleteFunc(names, func(n string) bool { return !digest.MatchString(n) })
	return names, osfault.File(err, "cannot read the folder of boot files")
}
