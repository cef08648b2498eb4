package rest

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type createEnvironment struct {
	InProject
	Making
	Body wire.CreateEnvironment
}

type environments struct{ Body wire.Environments }

// routeEnvironments: which there are is data of this build.
func (s *server) routeEnvironments() {
	handle(s, action.EnvironmentList, func(context.Context, *struct{}) (*environments, error) {
		return &environments{wire.Environments{Environments: vm.Environments()}}, nil
	})
	change(s, action.EnvironmentCreate, func(ctx context.Context, in *createEnvironment) (action.Result, error) {
		return s.Actions.CreateEnvironment(ctx, in.call(ctx), in.Project, in.Body)
	})
}
