package rest

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// byID names an operation.
type byID struct {
	ID string `path:"id" pattern:"^[0-9a-f]{1,16}$" patternDescription:"up to 16 hex digits" doc:"the ID, or a beginning of it that only it has"`
}

type oneOperation struct{ Body operation.Operation }

func (s *server) routeOperations() {
	list[listing, operation.Operation](s, action.OperationList,
		func(*listing) string { return "operation/" },
		func(in *listing) listing { return *in },
		func(ctx context.Context, in *listing) (wire.Page, error) { return s.View.Operations(ctx, in.options()) })
	handle(s, action.OperationShow, func(ctx context.Context, in *byID) (*oneOperation, error) {
		op, err := s.View.Operation(ctx, in.ID)
		return &oneOperation{Body: op}, err
	})
	change(s, action.OperationCancel, func(ctx context.Context, in *struct {
		byID
		once
	}) (action.Result, error) {
		return s.Actions.CancelOperation(ctx, in.call(ctx), in.ID)
	})
}
