package rest

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Applying is what a change of the declaration can be sent with.
type Applying struct {
	Changing
	Plan    string `query:"plan" pattern:"^sha256:[0-9a-f]{64}$" doc:"the digest of the plan that was looked at; refused (412) once another one would follow"`
	Message string `query:"message" maxLength:"256" doc:"why, for the history"`
	NoWait  bool   `query:"noWait" doc:"be refused (409), not wait, while another declaration is applied"`
}

func (a Applying) call(ctx context.Context) (action.Call, error) {
	call, err := a.Changing.call(ctx)
	call.Plan, call.Message, call.NoWait = a.Plan, a.Message, a.NoWait
	return call, err
}

type applyConfig struct {
	Applying
	RawBody []byte `contentType:"application/json"`
}

type rollBack struct {
	Applying
	Body wire.Rollback
}

// ByGeneration names a generation of the declaration.
type ByGeneration struct {
	Generation int64 `path:"generation" minimum:"1" doc:"its number"`
}

type (
	oneConfig      struct{ Body wire.Config }
	configStatus   struct{ Body wire.ConfigStatus }
	allGenerations struct{ Body wire.Generations }
)

func (s *server) routeConfig() {
	handle(s, action.ConfigShow, func(ctx context.Context, _ *struct{}) (*oneConfig, error) {
		c, err := s.View.Standing(ctx, callOf(ctx).Root)
		return &oneConfig{c}, err
	})
	handle(s, action.ConfigStatus, func(ctx context.Context, _ *struct{}) (*configStatus, error) {
		c, err := s.View.ConfigStatus(ctx)
		return &configStatus{c}, err
	})
	handle(s, action.ConfigHistory, func(ctx context.Context, _ *struct{}) (*allGenerations, error) {
		g, err := s.View.Generations(ctx)
		return &allGenerations{g}, err
	})
	handle(s, action.ConfigGeneration, func(ctx context.Context, in *ByGeneration) (*oneConfig, error) {
		c, err := s.View.Generation(ctx, in.Generation, callOf(ctx).Root)
		return &oneConfig{c}, err
	})
	change(s, action.ConfigApply, func(ctx context.Context, in *applyConfig) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.ApplyConfig(ctx, call, in.RawBody)
	}, unchecked, func(op *huma.Operation) {
		op.MaxBodyBytes, op.BodyReadTimeout = config.MaxWire+1, time.Minute
	})
	s.describeBody(action.ConfigApply, "a declaration with its source map, as hv sends it", "application/json",
		&huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}})
	change(s, action.ConfigRollback, func(ctx context.Context, in *rollBack) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.RollBackConfig(ctx, call, in.Body.Generation)
	})
}
