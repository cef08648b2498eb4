//go:build linux

package daemon

import (
	"context"
	"os"
	"path/filepath"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// declare finishes an apply that was cut off, and applies the host's own file where there is one.
func (d *daemon) declare(ctx context.Context) error {
	call := action.Call{Root: true, Actor: operation.Actor{UID: uint32(os.Getuid()), Name: "hvd", Via: "boot"}} // #nosec G115 -- a uid
	if err := d.actions.Resume(ctx, call); err != nil {
		return err
	}
	if d.actions.DeclaredBy == "" {
		return nil
	}
	decl, err := config.Read(ctx, os.DirFS(filepath.Dir(d.Declaration)), filepath.Base(d.Declaration))
	if err != nil {
		return fault.Wrap(err, "cannot read %s", d.Declaration)
	}
	encoded, err := decl.Encode()
	if err != nil {
		return err
	}
	_, err = d.actions.ApplyConfig(ctx, call, encoded)
	return err
}
