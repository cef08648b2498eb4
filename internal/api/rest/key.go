package rest

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type keyList struct{ Listing }

type createKey struct {
	Making
	Body wire.CreateKey
}

type changeKey struct {
	HostNamed
	Changing
}

type unlockKey struct {
	HostNamed
	Changing
	Body wire.UnlockKey
}

type resealKey struct {
	HostNamed
	Changing
	Body wire.ResealKey
}

type oneKey struct {
	ETag string `header:"ETag"`
	Body wire.Key
}

func (s *server) routeKeys() {
	list[keyList, wire.Key](s, action.KeyList,
		func(*keyList) string { return "key/" },
		func(in *keyList) Listing { return in.Listing },
		func(ctx context.Context, in *keyList) (wire.Page, error) { return s.View.ListKeys(ctx, in.options()) })
	handle(s, action.KeyShow, func(ctx context.Context, in *struct{ HostNamed }) (*oneKey, error) {
		k, err := s.View.Key(ctx, in.Name)
		return &oneKey{ETag: etag(k.Metadata.Revision), Body: k}, err
	})
	change(s, action.KeyCreate, func(ctx context.Context, in *createKey) (action.Result, error) {
		return s.Actions.CreateKey(ctx, in.call(ctx), in.Body)
	})
	change(s, action.KeyUnlock, func(ctx context.Context, in *unlockKey) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.UnlockKey(ctx, call, in.Name, in.Body.Passphrase)
	})
	change(s, action.KeyRenew, func(ctx context.Context, in *unlockKey) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.RenewKey(ctx, call, in.Name, in.Body.Passphrase)
	})
	change(s, action.KeyReseal, func(ctx context.Context, in *resealKey) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.ResealKey(ctx, call, in.Name, in.Body)
	})
	byName := func(row action.Row, do func(context.Context, action.Call, string) (action.Result, error)) {
		change(s, row, func(ctx context.Context, in *changeKey) (action.Result, error) {
			call, err := in.call(ctx)
			if err != nil {
				return action.Result{}, err
			}
			return do(ctx, call, in.Name)
		})
	}
	byName(action.KeyLock, func(ctx context.Context, call action.Call, name string) (action.Result, error) {
		return s.Actions.LockKey(ctx, call, name)
	})
	byName(action.KeyRotate, func(ctx context.Context, call action.Call, name string) (action.Result, error) {
		return s.Actions.RotateKey(ctx, call, name)
	})
	byName(action.KeyDelete, func(ctx context.Context, call action.Call, name string) (action.Result, error) {
		return s.Actions.DeleteKey(ctx, call, name)
	})
}
