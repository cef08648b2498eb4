//go:build linux

// Package firmware keeps what VMs' firmware remembers: a file of UEFI variables a VM, 0600, of the daemon's own user,
// and a folder of what its TPM keeps.
//
// What lives here: making such a file from its template, opening it, removing it; opening the firmware's code. What
// does not: which firmware a host has (host/probe), and where it sits in a machine (qemu/machine).
package firmware

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
)

// Files is the folder of all VMs' variables.
type Files struct {
	folder    *folder.Folder
	installed []string // the folders that packages of firmware install into
}

// shared is where packages install firmware, unless the host's owner says otherwise.
const shared = "/usr/share"

// Open opens the folder at path, making it where it is missing, and takes away what an earlier daemon had begun to
// make. Firmware is opened below the folders in installed alone, which are root's; /usr/share where none is named.
func Open(path string, installed ...string) (*Files, error) {
	f, err := folder.Open(path, "UEFI variables")
	if err != nil {
		return nil, err
	}
	if len(installed) == 0 {
		installed = []string{shared}
	}
	return &Files{f, installed}, nil
}

// Close closes the folder.
func (f *Files) Close() error { return f.folder.Close() }

// maxFlash is more than any flash image of QEMU's machines has.
const maxFlash = 128 << 20

// Code opens the firmware's code for one launch.
func (f *Files) Code(_ context.Context, path string) (*os.File, error) {
	file, _, err := f.open(path)
	return file, err
}

// open opens a file that a package of the host's has installed: a regular one below one of their folders.
func (f *Files) open(path string) (_ *os.File, size int64, err error) {
	below := func(dir string) bool { return strings.HasPrefix(path, filepath.Clean(dir)+"/") }
	if path != filepath.Clean(path) || !slices.ContainsFunc(f.installed, below) {
		return nil, 0, fault.New(fault.Internal, "%.80q is no file of a firmware's package", path)
	}
	file, err := os.Open(path) // #nosec G304 -- below a folder of firmware, which is root's
	if err != nil {
		return nil, 0, fault.New(fault.Precondition, "the UEFI firmware is gone from this host").Because(err).Try("install it again: apt-get install ovmf qemu-efi-aarch64").
			WithCode("HV-VM-043")
	}
	info, err := file.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxFlash) {
		err = fault.New(fault.Precondition, "%s is no firmware: %d bytes", path, info.Size())
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

var uuidShape = regexp.MustCompile(`^[0-9a-f-]{36}$`)

func name(uuid string) (string, error) {
	if !uuidShape.MatchString(uuid) {
		return "", fault.New(fault.Internal, "%.80q is no UUID", uuid)
	}
	return uuid + ".fd", nil
}

func secureName(uuid string) string { return uuid + ".secure.fd" }

// NVRAM opens a VM's variables anew, and makes them of the template where there are none. A file that is not of the
// template's size belongs to another firmware, which would see only nonsense in it.
//
// Those of a firmware with Secure Boot are a file of their own: variables that were made without have no keys in them,
// and with them everything would be started.
func (f *Files) NVRAM(ctx context.Context, uuid, template string, secure bool) (*os.File, error) {
	n, err := name(uuid)
	if err != nil {
		return nil, err
	}
	if secure {
		n = secureName(uuid)
	}
	model, size, err := f.open(template)
	if err != nil {
		return nil, err
	}
	defer func() { _ = model.Close() }()
	info, err := f.folder.Lstat(n)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := f.folder.Make(func(to *os.File) (string, error) { return n, sparse(ctx, to, model, size) }); err != nil {
			return nil, osfault.File(err, "cannot make the UEFI variables")
		}
	case err != nil:
		return nil, osfault.File(err, "cannot look at the UEFI variables")
	case info.Size() != size:
		return nil, fault.New(fault.Precondition, "its UEFI variables are of another firmware: %d bytes, and this host's has %d", info.Size(), size).
			Try("remove nvram/%s below the state folder: what the guest has written there, such as its boot entries, is made anew", n).WithCode("HV-VM-044")
	}
	file, err := f.folder.OpenFile(n, os.O_RDWR, 0)
	return file, osfault.File(err, "cannot open the UEFI variables")
}

// sparse copies size bytes and leaves out what is zero: of the 64 MiB of an aarch64 firmware nearly all is.
func sparse(ctx context.Context, to, from *os.File, size int64) error {
	if err := to.Truncate(size); err != nil {
		return err
	}
	block, zero := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); at < size; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := from.ReadAt(block, at)
		if n == 0 {
			return errors.Join(err, io.ErrUnexpectedEOF)
		}
		if !bytes.Equal(block[:n], zero[:n]) {
			if _, err := to.WriteAt(block[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
	}
	return nil
}

// variables is the file of a VM's variables: those of a firmware with Secure Boot are others.
func variables(uuid string, secure bool) (string, error) {
	n, err := name(uuid)
	if secure && err == nil {
		n = secureName(uuid)
	}
	return n, err
}

// Read opens a VM's variables for reading. A VM that was never started with such firmware has none: fault.NotFound.
func (f *Files) Read(_ context.Context, uuid string, secure bool) (*os.File, error) {
	n, err := variables(uuid, secure)
	if err != nil {
		return nil, err
	}
	file, err := f.folder.Open(n)
	return file, osfault.File(err, "cannot read the UEFI variables")
}

// Put makes a VM's variables anew, of a file that holds them.
func (f *Files) Put(ctx context.Context, uuid string, secure bool, from *os.File) error {
	n, err := variables(uuid, secure)
	if err != nil {
		return err
	}
	info, err := from.Stat()
	if err == nil {
		err = f.folder.Make(func(to *os.File) (string, error) { return n, sparse(ctx, to, from, info.Size()) })
	}
	return osfault.File(err, "cannot put back the UEFI variables")
}

// Remove removes a VM's variables; what is gone is no error.
func (f *Files) Remove(_ context.Context, uuid string) error {
	n, err := name(uuid)
	if err != nil {
		return err
	}
	for _, n := range []string{n, secureName(uuid)} {
		if err := f.folder.Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return osfault.File(err, "cannot remove the UEFI variables")
		}
	}
	return osfault.File(f.folder.RemoveAll(tpmName(uuid)), "cannot remove what its TPM keeps")
}
