package rest

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// HostNamed is a path to what exists once on a host.
type HostNamed struct {
	Name string `path:"name" pattern:"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" patternDescription:"a DNS label"`
}

type poolList struct{ Listing }

type createPool struct {
	Making
	Body wire.CreatePool
}

type editPool struct {
	HostNamed
	Changing
	RawBody []byte `contentType:"application/merge-patch+json"`
}

type deletePool struct {
	HostNamed
	Changing
}

type onePool struct {
	ETag string `header:"ETag"`
	Body wire.Pool
}

func (s *server) routePools() {
	list[poolList, wire.Pool](s, action.PoolList,
		func(*poolList) string { return "pool/" },
		func(in *poolList) Listing { return in.Listing },
		func(ctx context.Context, in *poolList) (wire.Page, error) { return s.View.ListPools(ctx, in.options()) })
	handle(s, action.PoolShow, func(ctx context.Context, in *struct{ HostNamed }) (*onePool, error) {
		p, err := s.View.Pool(ctx, in.Name)
		return &onePool{ETag: etag(p.Metadata.Revision), Body: p}, err
	})
	change(s, action.PoolCreate, func(ctx context.Context, in *createPool) (action.Result, error) {
		return s.Actions.CreatePool(ctx, in.call(ctx), in.Body)
	})
	change(s, action.PoolEdit, func(ctx context.Context, in *editPool) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.EditPool(ctx, call, in.Name, in.RawBody)
	})
	s.describeBody(action.PoolEdit, "a merge patch (RFC 7386) of the pool's spec and labels", "application/merge-patch+json", schemaOf[storage.PoolSpec](s))
	change(s, action.PoolDelete, func(ctx context.Context, in *deletePool) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.DeletePool(ctx, call, in.Name)
	})
	change(s, action.StorageRecover, func(ctx context.Context, in *struct{ Making }) (action.Result, error) {
		return s.Actions.RecoverStorage(ctx, in.call(ctx))
	})
}
