package rest

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type shareList struct{ Listing }

type createShare struct {
	Making
	Body wire.CreateShare
}

type deleteShare struct {
	HostNamed
	Changing
}

type oneShare struct {
	ETag string `header:"ETag"`
	Body wire.Share
}

func (s *server) routeShares() {
	list[shareList, wire.Share](s, action.ShareList,
		func(*shareList) string { return "share/" },
		func(in *shareList) Listing { return in.Listing },
		func(_ context.Context, in *shareList) (wire.Page, error) { return s.View.ListShares(in.options()) })
	handle(s, action.ShareShow, func(_ context.Context, in *struct{ HostNamed }) (*oneShare, error) {
		share, err := s.View.Share(in.Name)
		return &oneShare{ETag: etag(share.Metadata.Revision), Body: share}, err
	})
	change(s, action.ShareCreate, func(ctx context.Context, in *createShare) (action.Result, error) {
		return s.Actions.CreateShare(ctx, in.call(ctx), in.Body)
	})
	change(s, action.ShareDelete, func(ctx context.Context, in *deleteShare) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.DeleteShare(ctx, call, in.Name)
	})
}
