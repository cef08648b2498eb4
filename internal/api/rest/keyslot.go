package rest

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type addKeyslot struct {
	Named
	Changing
	Body wire.AddKeyslot
}

type removeKeyslot struct {
	Named
	Changing
	Slot  int  `path:"slot" minimum:"0" maximum:"7"`
	Force bool `query:"force" doc:"also what a key opens, where something else opens the volume"`
}

type recoverVolume struct {
	Named
	Changing
	Body wire.RecoverVolume
}

type allKeyslots struct{ Body wire.Keyslots }

func (s *server) routeKeyslots() {
	handle(s, action.KeyslotList, func(ctx context.Context, in *struct{ Named }) (*allKeyslots, error) {
		all, err := s.View.Keyslots(ctx, in.ref())
		return &allKeyslots{Body: all}, err
	})
	change(s, action.KeyslotAdd, func(ctx context.Context, in *addKeyslot) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.AddKeyslot(ctx, call, in.ref(), in.Body)
	})
	change(s, action.KeyslotRemove, func(ctx context.Context, in *removeKeyslot) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.RemoveKeyslot(ctx, call, in.ref(), in.Slot, in.Force)
	})
	change(s, action.KeyslotRecover, func(ctx context.Context, in *recoverVolume) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.RecoverKeyslots(ctx, call, in.ref(), in.Body.Passphrase)
	})
}
