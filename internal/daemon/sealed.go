//go:build linux

package daemon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
	"github.com/hyper-nixos/hyper-nixos/internal/store/sealing"
)

// sealedFile is the copy of what was sealed, in the state folder: beside the store, and not put back with it. Its
// secrets lie in boxes, as in the store.
type sealedFile struct {
	path  string
	boxes *sealing.Store
}

// maxSealed is more than the largest declaration takes.
const maxSealed = 64 << 20

// Keep writes a new file, synced, over the old one.
func (s sealedFile) Keep(data []byte) error {
	f, err := os.OpenFile(s.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return osfault.File(err, "cannot write %s", s.path)
	}
	_, err = f.Write(s.boxes.Sealed(filepath.Base(s.path), data))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(s.path+".new", s.path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(s.path))
	}
	return osfault.File(err, "cannot write %s", s.path)
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
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no copy of what was sealed")
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(f, maxSealed))
	if err != nil {
		return nil, err
	}
	return s.boxes.Unsealed(filepath.Base(s.path), data)
}

// sealLeft puts the secrets of a copy into boxes that an earlier build has left in clear.
func (s sealedFile) sealLeft() error {
	left, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return osfault.File(err, "cannot read %s", s.path)
	}
	opened, err := s.boxes.Unsealed(filepath.Base(s.path), left)
	if err != nil {
		return err
	}
	if !bytes.Equal(opened, left) || len(s.boxes.Sealed(filepath.Base(s.path), left)) == len(left) {
		return nil // it is sealed already, or there is nothing to seal
	}
	return s.Keep(left)
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
