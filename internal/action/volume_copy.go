package action

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// free refuses what cannot be done to a volume while its content is copied or moved.
func free(v storage.Volume) error {
	why := v.Busy()
	if why == "" {
		return nil
	}
	hint := "hv operation list says how far that is; hv operation cancel ends it"
	if v.Moving != nil {
		hint = "hv operation wait " + v.Moving.Operation + ", or hv operation cancel " + v.Moving.Operation
	}
	return fault.New(fault.Conflict, "%s", why).Try("%s", hint).WithCode("HV-VOL-009")
}

// copyVolume wishes for a volume that is a full copy of another, to which nobody writes meanwhile: a VM that uses it is
// started when the copy is made.
func (a *Actions) copyVolume(ctx context.Context, call Call, ref model.Ref, body wire.CloneVolume) (Result, error) {
	from := inProject(ref)
	target := volumeTarget(model.Ref{Project: from.Project, Name: body.Name})
	return a.do(ctx, call, VolumeClone, target, func(c *change) error {
		if body.Count > 1 {
			return fault.New(fault.Invalid, "full clones are made one by one").Try("--linked makes many at once")
		}
		src, kv, err := a.volume(ctx, from.Project, from.Name)
		if err != nil {
			return err
		}
		if err := match(call, kv, volumeTarget(from)); err != nil {
			return err
		}
		if src.Source != nil || src.Moving != nil {
			return free(src)
		}
		if err := a.unwritten(ctx, c, src); err != nil {
			return err
		}
		spec := src.Spec
		if body.Pool != "" {
			spec.Pool = body.Pool
		}
		takes, err := a.takenBy(ctx, src)
		if err != nil {
			return err
		}
		made, err := a.newVolume(ctx, c, wire.CreateVolume{Name: body.Name, Labels: body.Labels, VolumeSpec: spec}, takes)
		if err != nil {
			return err
		}
		made.Source = &storage.Source{Volume: src.Name, UID: src.UID}
		src.Copiers = append(src.Copiers, made.Name)
		c.step("copy volume %s (%s) to %s, and compare the two", src.Name, src.Spec.Size, made.Name)
		c.wish.TargetUID, c.wish.Generation = made.UID, 1
		c.require(store.ModRevision(kv.Key, kv.ModRevision), store.Absent(volumeKey(target.Project, made.Name)))
		if err := c.put(kv.Key, src); err != nil {
			return err
		}
		return c.put(volumeKey(target.Project, made.Name), made)
	})
}

// MoveVolume wishes a volume into another pool. Nobody may write to it meanwhile: a VM that uses it is started when it
// has been moved.
func (a *Actions) MoveVolume(ctx context.Context, call Call, ref model.Ref, pool string) (Result, error) {
	target := volumeTarget(ref)
	return a.do(ctx, call, VolumeMove, target, func(c *change) error {
		v, kv, err := a.freeVolume(ctx, call, target)
		if err != nil {
			return err
		}
		if err := a.mayMove(ctx, c, v, pool); err != nil {
			return err
		}
		takes, err := a.takenBy(ctx, v)
		if err != nil {
			return err
		}
		if err := a.allocate(ctx, c, allocation{pool: pool, virtual: v.Spec.Size, takes: takes}); err != nil {
			return err
		}
		v.Moving = &storage.Moving{To: storage.Layer{ID: uuid(a.Random(16)), Pool: pool, Format: v.Spec.Format, Size: v.Spec.Size}, Operation: c.wish.ID}
		v.Generation++
		c.step("copy volume %s (%s) into pool %s, and compare the two", v.Name, v.Spec.Size, pool)
		c.step("let it be the one in pool %s, and take away that in pool %s", pool, v.Spec.Pool)
		c.wish.TargetUID, c.wish.Generation, c.wish.Params = v.UID, v.Generation, map[string]string{"pool": pool}
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		return c.put(kv.Key, v)
	})
}

func (a *Actions) mayMove(ctx context.Context, c *change, v storage.Volume, pool string) error {
	if err := a.inSnapshot(ctx, v); err != nil { // its layers stay where they are
		return err
	}
	can, err := a.Volumes.Can(pool)
	switch {
	case err != nil:
		return err
	case pool == v.Spec.Pool:
		return fault.New(fault.Invalid, "volume %q is in pool %q already", v.Name, pool)
	case !can.Holds(v.Spec.Format):
		return fault.New(fault.Precondition, "pool %q keeps no %s volumes", pool, v.Spec.Format).WithCode("HV-VOL-031").Try("hv pool show %s", pool)
	case len(v.Chain()) > 1 || v.Frozen:
		return fault.New(fault.Precondition, "volume %q shares layers with others, which stay in pool %q", v.Name, v.Spec.Pool).
			Try("make a full clone of it there: hv volume clone %s NEW --pool %s", v.Name, pool).WithCode("HV-VOL-011")
	case len(v.Leaving) > 0:
		return a.idle(ctx, volumeTarget(model.Ref{Project: v.Project, Name: v.Name}), "move it")
	}
	return a.unwritten(ctx, c, v)
}

// stoppable reports whether an operation can be given up though it has changed no power.
func stoppable(w operation.Wish) bool {
	return w.Action == VolumeMove.name || w.Action == VolumeClone.name && w.Target.Kind == "volume"
}
