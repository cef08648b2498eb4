package rest

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// ByID names an operation.
type ByID struct {
	ID string `path:"id" minLength:"1" maxLength:"64" doc:"the ID (16 hex digits), or a beginning of it that only it has"`
}

type oneOperation struct{ Body operation.Operation }

func (s *server) routeOperations() {
	list[Listing, operation.Operation](s, action.OperationList,
		func(*Listing) string { return "operation/" },
		func(in *Listing) Listing { return *in },
		func(ctx context.Context, in *Listing) (wire.Page, error) { return s.View.Operations(ctx, in.options()) })
	handle(s, action.OperationShow, func(ctx context.Context, in *ByID) (*oneOperation, error) {
		op, err := s.View.Operation(ctx, in.ID)
		return &oneOperation{Body: op}, err
	})
	change(s, action.OperationCancel, func(ctx context.Context, in *struct {
		ByID
		Making
	}) (action.Result, error) {
		return s.Actions.CancelOperation(ctx, in.call(ctx), in.ID)
	})
}
