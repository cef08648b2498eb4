//go:build linux

package faults_test

import (
	"context"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
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

// A volume that a guest writes to is cloned: there is the clone, or nothing of it, and the VM runs on either way.
func init() {
	scenarios["clone a volume of what runs"] = scenario{
		before: func(d *fakehost.Daemon) {
			d.Done(d.Volume("data"))
			d.Done(d.Create(fakehost.Tiny("web", on, withData)))
			d.State("web", vm.StateRunning)
		},
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			return d.Actions.CloneVolume(ctx, fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy", Linked: true})
		},
		after: func(t *testing.T, d *fakehost.Daemon) {
			d.State("web", vm.StateRunning)
			source, err := d.View.Volume(context.Background(), fakehost.Ref("data"))
			if err != nil || source.Problem != "" {
				t.Errorf("its source: %+v, %v", source, err)
			}
			d.Until("the clone to be there", func() bool {
				made, err := d.View.Volume(context.Background(), fakehost.Ref("copy"))
				return err == nil && made.Problem == ""
			})
		},
	}
}

// withTwo is a VM with two snapshots, of which the older is to go.
func withTwo(more ...func(*vm.Definition)) func(*fakehost.Daemon) {
	return func(d *fakehost.Daemon) {
		d.Declare(`{"hypervisor":{"featureManager":{"extraFeatures":["snapshots"]}}}`)
		d.Done(d.Volume("data"))
		d.Done(d.Create(fakehost.Tiny("web", append(more, withData)...)))
		for _, name := range []string{"one", "two"} {
			res, err := d.Actions.CreateSnapshot(context.Background(), fakehost.Member, fakehost.Ref("web"), wire.CreateSnapshot{Name: name})
			if err != nil {
				panic(err)
			}
			d.Done(*res.Operation)
		}
	}
}

// oneLess wants what the deleted snapshot was made of to be one with what stays.
func oneLess(state vm.State) func(*testing.T, *fakehost.Daemon) {
	return func(t *testing.T, d *fakehost.Daemon) {
		d.State("web", state)
		d.Until("its layers to be merged", func() bool {
			v, _, err := store.Get[storage.Volume](context.Background(), d.Store, store.SpecKey(store.Ref{Kind: "volume", Project: "default", Name: "data"}))
			return err == nil && len(v.Chain()) == 2
		})
		if v, err := d.View.Snapshots(context.Background(), fakehost.Ref("web")); err != nil || len(v.Items) != 1 || v.Items[0].Name != "two" {
			t.Errorf("%+v, %v", v, err)
		}
	}
}

func init() {
	deletes := func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
		return d.Actions.DeleteSnapshot(ctx, fakehost.Member, fakehost.Ref("web"), "one")
	}
	scenarios["delete a snapshot of what runs"] = scenario{before: withTwo(on), ask: deletes, after: oneLess(vm.StateRunning)}
	scenarios["delete a snapshot of what is off"] = scenario{before: withTwo(), ask: deletes, after: oneLess(vm.StateOff)}
}
