//go:build linux

package daemon

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
)

// sealedFile is the copy of what was sealed, in the state folder: beside the store, and not put back with it.
type sealedFile string

// maxSealed is more than the largest declaration takes.
const maxSealed = 64 << 20

// Keep writes a new file, synced, over the old one.
func (s sealedFile) Keep(data []byte) error {
	f, err := os.OpenFile(string(s)+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return osfault.File(err, "cannot write %s", string(s))
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(string(s)+".new", string(s))
	}
	if err == nil {
		err = syncFolder(filepath.Dir(string(s)))
	}
	return osfault.File(err, "cannot write %s", string(s))
}

func syncFolder(path string) error {
	dir, err := os.Open(path) // #nosec G304 -- the state folder
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Kept reads it.
func (s sealedFile) Kept() ([]byte, error) {
	f, err := os.Open(string(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no copy of what was sealed")
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	return io.ReadAll(io.LimitReader(f, maxSealed))
}

// putBackSealed has the sealed declaration stand on a hardened host, before anything is made of what stands, and reports
// whether another one did. Where that is not possible the host is hardened all the same, and it is told.
func (d *daemon) putBackSealed(ctx context.Context) bool {
	back, err := d.actions.PutBackSealed(ctx, bootCall())
	if err != nil {
		d.Log.Error("what was sealed does not stand", "err", err, "hint", fault.HintOf(err))
		if fault.CodeOf(err) == phase.CodeNotPutBack {
			d.keeping.note(phase.NotPutBack(errors.Unwrap(err).Error(), fault.HintOf(err)))
		}
	}
	if back {
		d.Log.Info("the sealed declaration was put back: another one stood")
	}
	return back
}
