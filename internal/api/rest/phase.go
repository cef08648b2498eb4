package rest

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type onePhase struct{ Body wire.Phase }

type hardenHost struct {
	Making
	Body *wire.Harden
}

type unlockHost struct {
	Making
	Body *wire.Unlock
}

type relockHost struct{ Making }

func (s *server) routePhase() {
	handle(s, action.PhaseShow, func(ctx context.Context, _ *struct{}) (*onePhase, error) {
		p, err := s.View.HostPhase(ctx)
		return &onePhase{p}, err
	})
	change(s, action.PhaseHarden, func(ctx context.Context, in *hardenHost) (action.Result, error) {
		var opt wire.Harden
		if in.Body != nil {
			opt = *in.Body
		}
		return s.Actions.Harden(ctx, in.call(ctx), opt)
	})
	change(s, action.PhaseUnlock, func(ctx context.Context, in *unlockHost) (action.Result, error) {
		var opt wire.Unlock
		if in.Body != nil {
			opt = *in.Body
		}
		return s.Actions.Unlock(ctx, in.call(ctx), opt)
	})
	change(s, action.PhaseRelock, func(ctx context.Context, in *relockHost) (action.Result, error) {
		return s.Actions.Relock(ctx, in.call(ctx))
	})
}
