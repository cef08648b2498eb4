//go:build linux

// Package saved keeps the memory and devices of suspended VMs: one file a VM, 0600, of the daemon's own user.
//
// What lives here: making room for such a file, opening it for QEMU, making it durable, throwing it away. What does not:
// when a file is worth anything (model/vm.Saved, which package reconcile keeps), and what stands in it (QEMU's affair).
package saved

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Files is the folder of all suspended VMs.
type Files struct {
	folder *folder.Folder
	path   string
}

// Open opens the folder at path, making it where it is missing.
func Open(path string) (*Files, error) {
	f, err := folder.Open(path, "saved VMs")
	if err != nil {
		return nil, err
	}
	return &Files{folder: f, path: path}, nil
}

// Close closes the folder.
func (f *Files) Close() error { return f.folder.Close() }

// A name is the VM's UUID and, behind a dot, what tells one time that it was saved from another: a store that was put
// back to an earlier state names no file of a later time.
var nameShape = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9A-Za-z]{1,32}$`)

func check(name string) error {
	if !nameShape.MatchString(name) {
		return fault.New(fault.Internal, "%.80q is no name of a saved VM", name)
	}
	return nil
}

// Create makes an empty file, open for writing only, with room for need bytes: as much as there can come to be in it.
// The room is taken, not only looked at, so that several VMs that are saved at once do not each find the same.
func (f *Files) Create(_ context.Context, name string, need model.Bytes) (_ *os.File, err error) {
	if err := check(name); err != nil {
		return nil, err
	}
	free, err := f.free()
	if err != nil {
		return nil, err
	}
	if free < need {
		return nil, f.full(need, free)
	}
	if err := f.remove(name); err != nil {
		return nil, err
	}
	file, err := f.folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, osfault.File(err, "cannot make the file for a saved VM")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), f.remove(name))
		}
	}()
	err = unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, int64(need))
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return nil, f.full(need, free)
	case err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS):
		return nil, osfault.File(err, "cannot make room for a saved VM")
	}
	if err := f.folder.Sync(); err != nil {
		return nil, osfault.File(err, "cannot make the file for a saved VM durable")
	}
	return file, nil
}

func (f *Files) full(need, free model.Bytes) error {
	return fault.New(fault.Exhausted, "its memory and devices may need %s, and %s are free on the disk of %s", need, free, f.path).
		Try("make room there, or stop the VM instead: hv vm stop").WithCode("HV-VM-082")
}

// Room is how much of the folder's disk is free.
func (f *Files) Room() (model.Bytes, error) { return f.free() }

// free is how much of the folder's disk everybody may take.
func (f *Files) free() (model.Bytes, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(f.path, &disk); err != nil {
		return 0, osfault.File(err, "cannot find out how much of the disk is free")
	}
	return model.Bytes(disk.Bavail) * model.Bytes(disk.Bsize), nil // #nosec G115 -- blocks of a real disk
}

// Keep makes a file durable, gives back the room that it did not need, and returns its size.
func (f *Files) Keep(_ context.Context, name string) (model.Bytes, error) {
	if err := check(name); err != nil {
		return 0, err
	}
	file, err := f.folder.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return 0, osfault.File(err, "cannot open the file of a saved VM")
	}
	info, err := file.Stat()
	if err == nil && info.Size() == 0 {
		err = errors.New("there is nothing in it")
	}
	if err == nil {
		err = file.Truncate(info.Size()) // what is behind its end is given back
	}
	if err = errors.Join(err, file.Sync(), file.Close(), f.folder.Sync()); err != nil {
		return 0, osfault.File(err, "cannot make the file of a saved VM durable")
	}
	return model.Bytes(info.Size()), nil
}

// Spread has the disk begin with what was written of a file so far, so that Keep has less to wait for. It waits for nothing,
// and whether it could is of no consequence.
func (f *Files) Spread(_ context.Context, name string) {
	if check(name) != nil {
		return
	}
	file, err := f.folder.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	_ = unix.SyncFileRange(int(file.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
	_ = file.Close()
}

// Open opens a file for reading. One that is gone is fault.NotFound.
func (f *Files) Open(_ context.Context, name string) (*os.File, error) {
	if err := check(name); err != nil {
		return nil, err
	}
	file, err := f.folder.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "what it was saved in is gone: %s", filepath.Join(f.path, name)).
			Try("boot the VM cold: hv vm start --discard-suspend; put the file back only if its guest has not run since").WithCode("HV-VM-085")
	}
	return file, osfault.File(err, "cannot open the file of a saved VM")
}

// Remove removes all that was ever saved of a VM. What is gone is no error.
func (f *Files) Remove(_ context.Context, uuid string) error {
	entries, err := fs.ReadDir(f.folder.FS(), ".")
	if err != nil {
		return osfault.File(err, "cannot read the folder of saved VMs")
	}
	removed := false
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), uuid+".") && check(e.Name()) == nil {
			if err := f.remove(e.Name()); err != nil {
				return err
			}
			removed = true
		}
	}
	if !removed {
		return nil
	}
	return osfault.File(f.folder.Sync(), "cannot remove a saved VM")
}

// UUIDs are those that there are files of.
func (f *Files) UUIDs(context.Context) ([]string, error) {
	entries, err := fs.ReadDir(f.folder.FS(), ".") // in the order of their names
	if err != nil {
		return nil, osfault.File(err, "cannot read the folder of saved VMs")
	}
	var out []string
	for _, e := range entries {
		if check(e.Name()) == nil {
			uuid, _, _ := strings.Cut(e.Name(), ".")
			out = append(out, uuid)
		}
	}
	return slices.Compact(out), nil
}

func (f *Files) remove(name string) error {
	if err := f.folder.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return osfault.File(err, "cannot remove a saved VM")
	}
	return nil
}
