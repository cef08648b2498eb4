//go:build linux

package faults_test

import (
	"context"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// What is done to snapshots.
func init() {
	scenarios["go back to a snapshot"] = scenario{
		before: func(d *fakehost.Daemon) {
			d.Declare(`{"hypervisor":{"featureManager":{"extraFeatures":["snapshots"]}}}`)
			d.Done(d.Volume("data"))
			d.Done(d.Create(fakehost.Tiny("web", on, withData)))
			d.State("web", vm.StateRunning)
			res, err := d.Actions.CreateSnapshot(context.Background(), fakehost.Member, fakehost.Ref("web"), wire.CreateSnapshot{Name: "one"})
			if err != nil {
				panic(err)
			}
			d.Done(*res.Operation)
		},
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			return d.Actions.RestoreSnapshot(ctx, fakehost.Member, fakehost.Ref("web"), "one")
		},
		after: func(t *testing.T, d *fakehost.Daemon) {
			d.State("web", vm.StateRunning)
			v, err := d.View.Snapshots(context.Background(), fakehost.Ref("web"))
			if err != nil || len(v.Items) != 1 {
				t.Errorf("%+v, %v", v, err)
			}
		},
	}
}
