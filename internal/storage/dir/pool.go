//go:build linux

// Package dir keeps volumes as files in one folder: raw and qcow2, 0600, of the daemon's own user.
//
// What lives here: making, opening, receiving, measuring and deleting such files. What does not:
// who may (action), who uses them (claims in the store), and kernels (storage/boot).
package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Pool is one folder of volumes.
type Pool struct {
	name   string
	folder *folder.Folder
}

// Open opens the pool in the folder at path, making it where it is missing, and takes away what an
// earlier daemon had begun to make.
func Open(name, path string) (*Pool, error) {
	f, err := folder.Open(path, fmt.Sprintf("pool %q", name))
	if err != nil {
		return nil, err
	}
	return &Pool{name: name, folder: f}, nil
}

// Close closes the folder; open volumes stay open.
func (p *Pool) Close() error { return p.folder.Close() }

var fileName = regexp.MustCompile(`^[0-9a-f-]{36}\.(raw|qcow2)$`)

// check refuses every name that is not one of a volume's file.
func (p *Pool) check(pool, file string) error {
	if pool != p.name {
		return fault.New(fault.NotFound, "there is no pool %q", pool)
	}
	if !fileName.MatchString(file) {
		return fault.New(fault.Internal, "%.80q is no name of a volume's file", file)
	}
	return nil
}

// Exists reports whether a volume's file is there.
func (p *Pool) Exists(_ context.Context, pool, file string) (bool, error) {
	if err := p.check(pool, file); err != nil {
		return false, err
	}
	_, err := p.folder.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, osfault.File(err, "cannot look for %s in pool %q", file, p.name)
}

// Create makes a volume's file, empty. One that is there is left as it is.
func (p *Pool) Create(ctx context.Context, v storage.Volume) error {
	if there, err := p.Exists(ctx, v.Spec.Pool, v.File); there || err != nil {
		return err
	}
	err := p.folder.Make(func(f *os.File) (string, error) { return v.File, fill(ctx, f, v) })
	return osfault.File(err, "cannot make the file of volume %q", v.Name)
}

func fill(ctx context.Context, f *os.File, v storage.Volume) error {
	if v.Spec.Format == storage.Raw {
		return f.Truncate(int64(v.Spec.Size))
	}
	cmd := exec.CommandContext(ctx, "qemu-img", "create", "-q", "-f", "qcow2", f.Name(), strconv.FormatInt(int64(v.Spec.Size), 10)) // #nosec G204 -- names of our own making
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fault.New(fault.Unavailable, "qemu-img is missing").Try("apt-get install qemu-utils")
	}
	if err != nil {
		return fault.New(fault.Unavailable, "qemu-img: %.500s", strings.TrimSpace(string(out)))
	}
	return nil
}

// Delete removes a volume's file; one that is gone is no error.
func (p *Pool) Delete(_ context.Context, v storage.Volume) error {
	if err := p.check(v.Spec.Pool, v.File); err != nil {
		return err
	}
	if err := p.folder.Remove(v.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return osfault.File(err, "cannot delete the file of volume %q", v.Name)
	}
	if err := p.folder.Settle(v.File); err != nil {
		return osfault.File(err, "cannot delete the mark of volume %q", v.Name)
	}
	return osfault.File(p.folder.Sync(), "cannot write the folder of pool %q", p.name)
}

// Open opens a volume's file anew, as an open file description of its own: QEMU's image locks belong
// to one, and one that two QEMUs share locks nothing.
func (p *Pool) Open(_ context.Context, pool, file string, readOnly bool) (*os.File, error) {
	if err := p.check(pool, file); err != nil {
		return nil, err
	}
	mode := os.O_RDWR
	if readOnly {
		mode = os.O_RDONLY
	}
	f, err := p.folder.OpenFile(file, mode, 0)
	return f, osfault.File(err, "cannot open %s in pool %q", file, p.name)
}

// Allocated returns how much room a volume's file takes on its file system.
func (p *Pool) Allocated(_ context.Context, v storage.Volume) (model.Bytes, error) {
	if err := p.check(v.Spec.Pool, v.File); err != nil {
		return 0, err
	}
	info, err := p.folder.Lstat(v.File)
	if err != nil {
		return 0, osfault.File(err, "cannot measure volume %q", v.Name)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fault.New(fault.Internal, "no stat of %s", v.File)
	}
	return model.Bytes(st.Blocks * 512), nil // of 512 bytes whatever the file system: stat(2)
}
