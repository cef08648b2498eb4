package rest

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type createSnapshot struct {
	Named
	Changing
	Body wire.CreateSnapshot
}

type oneSnapshot struct {
	Named
	Changing
	Snapshot string `path:"snapshot" pattern:"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" patternDescription:"a DNS label"`
}

type editSnapshot struct {
	Named
	Changing
	Snapshot string `path:"snapshot" pattern:"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" patternDescription:"a DNS label"`
	Body     wire.EditSnapshot
}

type pruneSnapshots struct {
	Named
	Changing
	Body wire.PruneSnapshots
}

type allSnapshots struct{ Body wire.Snapshots }

func (s *server) routeSnapshots() {
	handle(s, action.SnapshotList, func(ctx context.Context, in *struct{ Named }) (*allSnapshots, error) {
		all, err := s.View.Snapshots(ctx, in.ref())
		return &allSnapshots{Body: all}, err
	})
	change(s, action.SnapshotCreate, func(ctx context.Context, in *createSnapshot) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.CreateSnapshot(ctx, call, in.ref(), in.Body)
	})
	change(s, action.SnapshotRestore, func(ctx context.Context, in *oneSnapshot) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.RestoreSnapshot(ctx, call, in.ref(), in.Snapshot)
	})
	change(s, action.SnapshotDelete, func(ctx context.Context, in *oneSnapshot) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.DeleteSnapshot(ctx, call, in.ref(), in.Snapshot)
	})
	change(s, action.SnapshotEdit, func(ctx context.Context, in *editSnapshot) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.EditSnapshot(ctx, call, in.ref(), in.Snapshot, in.Body)
	})
	change(s, action.SnapshotPrune, func(ctx context.Context, in *pruneSnapshots) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.PruneSnapshots(ctx, call, in.ref(), in.Body)
	})
}
