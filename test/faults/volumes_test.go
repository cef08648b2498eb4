//go:build linux

package faults_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// What is done to volumes.
func init() {
	scenarios["grow a volume"] = scenario{
		before: func(d *fakehost.Daemon) { d.Done(d.Volume("data")) },
		ask:    grow, after: hasGrown,
	}
	scenarios["grow a volume under a guest"] = scenario{
		before: runsWithData,
		ask:    grow,
		after: func(t *testing.T, d *fakehost.Daemon) {
			hasGrown(t, d)
			if n, err := d.VMs.DiskSize(context.Background(), d.VM("web").Spec.UUID, "disk-root"); n != 3*model.MiB || err != nil {
				t.Errorf("its guest sees %s, %v", n, err)
			}
		},
	}
	scenarios["put a volume into the trash"] = scenario{
		before: func(d *fakehost.Daemon) { d.Done(d.Volume("data")) },
		ask:    discard(false),
		after: func(t *testing.T, d *fakehost.Daemon) {
			d.Until("its volume to go", volumeGone(d))
			if n := len(d.Trash()); n != 1 {
				t.Errorf("%d volumes are in the trash", n)
			}
		},
	}
	scenarios["delete a volume for ever"] = scenario{
		before: func(d *fakehost.Daemon) { d.Done(d.Volume("data")) },
		ask:    discard(true),
		after: func(t *testing.T, d *fakehost.Daemon) {
			d.Until("its volume to go", volumeGone(d))
			if n := len(d.Trash()); n != 0 {
				t.Errorf("%d volumes are in the trash", n)
			}
		},
	}
	scenarios["restore a volume"] = scenario{
		before: hasTrash,
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			return d.Actions.RestoreVolume(ctx, fakehost.Member, fakehost.Ref(trashedUID(d)), "")
		},
		after: volumeReady,
	}
	scenarios["empty the trash"] = scenario{
		before: hasTrash,
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			return d.Actions.PurgeVolume(ctx, fakehost.Member, fakehost.Ref(trashedUID(d)))
		},
		after: func(_ *testing.T, d *fakehost.Daemon) {
			d.Until("the trash to be empty", func() bool { return len(d.Trash()) == 0 })
		},
	}
}

// What copies what is in them, and where it goes.
func init() {
	scenarios["copy a volume"] = scenario{
		before: func(d *fakehost.Daemon) { d.Done(d.Volume("data")) },
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			return d.Actions.CloneVolume(ctx, fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy"})
		},
		after: func(_ *testing.T, d *fakehost.Daemon) {
			d.Until("the copy to be ready", func() bool {
				v, err := d.View.Volume(context.Background(), fakehost.Ref("copy"))
				return err == nil && v.Ready
			})
		},
	}
	scenarios["move a volume"] = scenario{
		before: func(d *fakehost.Daemon) { d.SecondPool(); d.Done(d.Volume("data")) },
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			d.SecondPool()
			return d.Actions.MoveVolume(ctx, fakehost.Member, fakehost.Ref("data"), wire.MoveVolume{Pool: "second"})
		},
		after: func(_ *testing.T, d *fakehost.Daemon) {
			d.SecondPool()
			d.Until("it to be in the other pool", func() bool {
				v, err := d.View.Volume(context.Background(), fakehost.Ref("data"))
				return err == nil && v.Spec.Pool == "second" && v.Ready && len(d.PoolFiles("pool")) == 0 && len(d.PoolFiles("second")) == 1
			})
		},
	}
	scenarios["make a linked clone one file"] = scenario{
		before: func(d *fakehost.Daemon) {
			d.Done(d.Volume("data"))
			res, err := d.Actions.CloneVolume(context.Background(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy", Linked: true})
			if err != nil {
				panic(err)
			}
			d.Done(*res.Operation)
		},
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			return d.Actions.MoveVolume(ctx, fakehost.Member, fakehost.Ref("copy"), wire.MoveVolume{Pool: storage.DefaultPool})
		},
		after: func(t *testing.T, d *fakehost.Daemon) {
			d.Until("it to be one file beside its source's", func() bool {
				v, err := d.View.Volume(context.Background(), fakehost.Ref("copy"))
				return err == nil && v.Ready && v.Problem == "" && len(d.PoolFiles("pool")) == 2
			})
			if v, err := d.View.Volume(context.Background(), fakehost.Ref("data")); err != nil || v.Problem != "" {
				t.Errorf("its source: %+v, %v", v, err)
			}
		},
	}
	scenarios["move a volume under its guest"] = scenario{
		before: func(d *fakehost.Daemon) { d.SecondPool(); runsWithData(d) },
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			d.SecondPool()
			return d.Actions.MoveVolume(ctx, fakehost.Member, fakehost.Ref("data"), wire.MoveVolume{Pool: "second"})
		},
		after: func(t *testing.T, d *fakehost.Daemon) {
			d.SecondPool()
			d.Until("it to be in the other pool", func() bool {
				v, err := d.View.Volume(context.Background(), fakehost.Ref("data"))
				return err == nil && v.Spec.Pool == "second" && v.Ready && len(d.PoolFiles("pool")) == 0 && len(d.PoolFiles("second")) == 1
			})
			head, err := d.VMs.Heads(context.Background(), d.VM("web").Spec.UUID)
			if file := d.PoolFiles("second")[0]; err != nil || !strings.HasPrefix(strings.ReplaceAll(file, "-", ""), head["disk-root"]) || head["disk-root"] == "" {
				t.Errorf("its guest writes to %v, its file is %s, %v", head, file, err)
			}
		},
	}
	scenarios["give up to move a volume under its guest"] = scenario{
		before: func(d *fakehost.Daemon) {
			d.SecondPool()
			d.Guest("web", fakeqemu.Options{Copies: true})
			runsWithData(d)
			_, err := d.Actions.MoveVolume(context.Background(), fakehost.Member, fakehost.Ref("data"), wire.MoveVolume{Pool: "second"})
			d.Until("it to be copied", func() bool { return err == nil && len(d.PoolFiles("second")) == 1 })
		},
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			d.SecondPool()
			if m := moves(d); m != nil {
				if _, err := d.Actions.CancelOperation(ctx, fakehost.Member, m.Operation); err != nil {
					return action.Result{}, err
				}
			}
			return d.Actions.CreateVolume(ctx, fakehost.Member, "default", wire.CreateVolume{Name: "other", VolumeSpec: storage.VolumeSpec{Size: model.MiB}})
		},
		also: func(d *fakehost.Daemon) { d.UntilOrCut("it to be where it was", stays(d)) },
		after: func(_ *testing.T, d *fakehost.Daemon) {
			d.SecondPool()
			d.Until("it to be where it was", stays(d))
		},
	}
	scenarios["copy a volume under its guest"] = scenario{
		before: runsWithData,
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			return d.Actions.CloneVolume(ctx, fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy"})
		},
		after: func(_ *testing.T, d *fakehost.Daemon) {
			d.Until("the copy to be ready", func() bool {
				v, err := d.View.Volume(context.Background(), fakehost.Ref("copy"))
				return err == nil && v.Ready
			})
		},
	}
}

// What comes from elsewhere, and what is only called otherwise.
func init() {
	scenarios["fetch a volume"] = scenario{
		before: func(d *fakehost.Daemon) {
			d.Fetch = func(_ context.Context, _ storage.Download, into, _ *os.File, _ func(done, total model.Bytes)) error {
				return into.Truncate(int64(model.MiB))
			}
		},
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			return d.Actions.CreateVolume(ctx, fakehost.Member, "default", wire.CreateVolume{Name: "data", URL: "https://images.example/disk.raw"})
		},
		after: func(t *testing.T, d *fakehost.Daemon) {
			volumeReady(t, d)
			if n := d.VolumeFileSize("data"); n != model.MiB {
				t.Errorf("its file has %s", n)
			}
		},
	}
	scenarios["rename a volume"] = scenario{
		before: runsWithData,
		ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
			return d.Actions.RenameVolume(ctx, fakehost.Member, fakehost.Ref("data"), "other")
		},
		after: func(t *testing.T, d *fakehost.Daemon) {
			d.Until("what is seen to have the new name", func() bool {
				p := d.Power("web")
				return p.Process != nil && p.Process.Started.Disks["root"].Volume == "other" && len(p.Pending) == 0
			})
			v, err := d.View.Volume(context.Background(), fakehost.Ref("other"))
			if err != nil || v.Usage.UsedBy != "vm/web" || d.VM("web").Spec.Disks["root"].Volume != "other" {
				t.Errorf("%+v, %v", v, err)
			}
		},
	}
}

// moves is where the volume is on its way to; nil where it stays.
func moves(d *fakehost.Daemon) *storage.Moving {
	v, _, err := store.Get[storage.Volume](context.Background(), d.Store, store.SpecKey(store.Ref{Kind: "volume", Project: model.DefaultProject, Name: "data"}))
	if err != nil {
		return nil
	}
	return v.Moving
}

func stays(d *fakehost.Daemon) func() bool {
	return func() bool {
		v, err := d.View.Volume(context.Background(), fakehost.Ref("data"))
		return err == nil && v.Spec.Pool == "default" && moves(d) == nil && len(d.PoolFiles("second")) == 0
	}
}

func discard(now bool) func(context.Context, *fakehost.Daemon) (action.Result, error) {
	return func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
		return d.Actions.DeleteVolume(ctx, fakehost.Member, fakehost.Ref("data"), now)
	}
}

func hasTrash(d *fakehost.Daemon) {
	d.Done(d.Volume("data"))
	d.Discard("data")
}

// trashedUID is what is in the trash; where it was restored already, nothing is.
func trashedUID(d *fakehost.Daemon) string {
	for _, t := range d.Trash() {
		return t.UID
	}
	return "none"
}

func runsWithData(d *fakehost.Daemon) {
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	d.State("web", vm.StateRunning)
}

func grow(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
	return d.Actions.ResizeVolume(ctx, fakehost.Member, fakehost.Ref("data"), 3*model.MiB)
}

func hasGrown(t *testing.T, d *fakehost.Daemon) {
	v, err := d.View.Volume(context.Background(), fakehost.Ref("data"))
	if err != nil || v.Spec.Size != 3*model.MiB || v.Problem != "" {
		t.Errorf("%+v, %v", v, err)
	}
	if n := d.VolumeFileSize("data"); n != 3*model.MiB {
		t.Errorf("its file has %s", n)
	}
}
