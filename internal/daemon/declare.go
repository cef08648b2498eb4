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

// bootCall is hvd's own, at its start.
func bootCall() action.Call {
	return action.Call{Root: true, Actor: operation.Actor{UID: uint32(os.Getuid()), Name: "hvd", Via: "boot"}} // #nosec G115 -- a uid
}

// declare applies the host's own file where there is one, and else finishes an apply that was cut off.
func (d *daemon) declare(ctx context.Context) error {
	call := bootCall()
	if d.actions.DeclaredBy == "" {
		return d.actions.Resume(ctx, call)
	}
	decl, err := d.declaredNow(ctx)
	if err != nil {
		return fault.Wrap(err, "cannot read %s", d.Declaration)
	}
	decl.Sources = decl.Sources.Renamed(func(file string) string { return filepath.Join(filepath.Dir(d.Declaration), file) })
	encoded, err := decl.Encode()
	if err != nil {
		return err
	}
	_, err = d.actions.ApplyConfig(ctx, call, encoded)
	return err
}

// declaredNow reads the host's own file.
func (d *daemon) declaredNow(ctx context.Context) (config.Declaration, error) {
	return config.Read(ctx, os.DirFS(filepath.Dir(d.Declaration)), filepath.Base(d.Declaration))
}
