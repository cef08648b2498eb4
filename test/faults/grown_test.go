//go:build linux

package faults_test

import (
	"context"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
)

// A volume grows, in use or not.
func init() {
	for name, power := range map[string]func(*vm.Definition){"grow a volume": func(*vm.Definition) {}, "grow a volume under a guest": on} {
		scenarios[name] = scenario{
			before: func(d *fakehost.Daemon) {
				d.Done(d.Volume("data"))
				d.Done(d.Create(fakehost.Tiny("web", power, withData)))
			},
			ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
				return d.Actions.ResizeVolume(ctx, fakehost.Member, fakehost.Ref("data"), 3*model.MiB)
			},
			after: func(t *testing.T, d *fakehost.Daemon) {
				v, err := d.View.Volume(context.Background(), fakehost.Ref("data"))
				if err != nil || v.Spec.Size != 3*model.MiB || v.Problem != "" || d.VolumeFileSize("data") != 3*model.MiB {
					t.Errorf("%+v, %v; its file has %s", v, err, d.VolumeFileSize("data"))
				}
			},
		}
	}
}
