package action

import (
	"context"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Sweep takes away what imports have stored that were cut off before anything named it. It is for the
// start, before anybody can import. Only what was marked as arriving goes: a file that merely has no object
// may be one that somebody is about to put back.
func (a *Actions) Sweep(ctx context.Context) error {
	if err := a.sweepVolumes(ctx); err != nil {
		return fault.Wrap(err, "cannot take away what imports have left")
	}
	if err := a.sweepExports(ctx); err != nil {
		return fault.Wrap(err, "cannot take away what exports have left")
	}
	if err := a.sweepImages(ctx); err != nil {
		return fault.Wrap(err, "cannot take away what imports of images have left")
	}
	return fault.Wrap(a.sweepBootFiles(ctx), "cannot take away what imports have left")
}

// sweepImages takes away what was sent for an image that got no object: who sent it begins anew, as another.
func (a *Actions) sweepImages(ctx context.Context) error {
	if a.Images == nil {
		return nil
	}
	left, err := a.Images.Received(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	all, _, err := store.ListAll[storage.Image](ctx, a.Store, store.SpecPrefix("image"))
	if err != nil {
		return err
	}
	for _, uid := range left {
		if slices.ContainsFunc(all, func(i store.Object[storage.Image]) bool { return i.Value.UID == uid }) {
			continue
		}
		if err := a.Images.Remove(ctx, uid); err != nil {
			return err
		}
	}
	return nil
}

func (a *Actions) sweepVolumes(ctx context.Context) error {
	left, err := a.Volumes.Unsettled(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	all, _, err := store.ListAll[storage.Volume](ctx, a.Store, store.SpecPrefix("volume"))
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, v := range all {
		for _, l := range v.Value.Chain() {
			named[l.File()] = true
		}
	}
	trash, _, err := store.ListAll[storage.Trashed](ctx, a.Store, store.SpecPrefix("trash"))
	if err != nil {
		return err
	}
	for _, v := range trash {
		for _, l := range v.Value.Chain() {
			named[l.File()] = true
		}
	}
	for _, v := range left {
		finish := a.Volumes.Delete
		if named[v.File] {
			finish = a.Volumes.Settle
		}
		if err := finish(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

func (a *Actions) sweepBootFiles(ctx context.Context) error {
	left, err := a.BootFiles.Unsettled()
	if err != nil || len(left) == 0 {
		return err
	}
	all, _, err := store.ListAll[storage.BootFile](ctx, a.Store, store.SpecPrefix("boot-file"))
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, f := range all {
		named[f.Value.SHA256] = true
	}
	for _, sha := range left {
		if named[sha] {
			err = a.BootFiles.Settle(sha)
		} else {
			err = a.BootFiles.Remove(ctx, sha)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
