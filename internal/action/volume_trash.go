package action

import (
	"cmp"
	"context"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func trashTarget(r model.Ref) operation.Target {
	return operation.Target{Kind: "trash", Ref: inProject(r)}
}

func trashKey(project, uid string) string {
	return store.SpecKey(store.Ref{Kind: "trash", Project: project, Name: uid})
}

// keepUntil is until when a volume that is deleted lies in the trash, by the retention of its pool; nil for not at all.
func (a *Actions) keepUntil(ctx context.Context, c *change, v storage.Volume, now bool) (*time.Time, error) {
	pool, _, err := store.Find[storage.Pool](ctx, a.Store, store.SpecKey(store.Ref{Kind: "pool", Project: store.HostWide, Name: v.Spec.Pool}))
	if err != nil {
		return nil, err
	}
	keep := pool.Spec.TrashFor()
	if now || keep == 0 {
		c.step("delete volume %s (%s) and what is on it", v.Name, v.Spec.Size)
		return nil, nil
	}
	until := c.wish.Created.Add(keep)
	c.step("put volume %s (%s) into the trash until %s", v.Name, v.Spec.Size, until.Format(time.RFC3339))
	return &until, nil
}

// trash reads one volume in the trash.
func (a *Actions) trash(ctx context.Context, target operation.Target) (storage.Trashed, store.KV, error) {
	t, kv, err := store.Get[storage.Trashed](ctx, a.Store, trashKey(target.Project, target.Name))
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		return t, kv, fault.New(fault.NotFound, "there is no volume %q in the trash", target.Name).Try("hv volume trash list").WithCode("HV-VOL-008")
	case err == nil && t.Gone:
		return t, kv, fault.New(fault.Conflict, "volume %q in the trash is being deleted: its time was over on %s", t.Name, t.Until.Format(time.RFC3339)).WithCode("HV-VOL-008")
	}
	return t, kv, err
}

// RestoreVolume takes a volume out of the trash, under its own name or another one. ref names it by its UID. It is done
// as soon as it is committed.
func (a *Actions) RestoreVolume(ctx context.Context, call Call, ref model.Ref, name string) (Result, error) {
	target := trashTarget(ref)
	return a.do(ctx, call, VolumeRestore, target, func(c *change) error {
		t, kv, err := a.trash(ctx, target)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		v := t.Volume
		v.Name = cmp.Or(name, v.Name)
		if err := model.CheckName("volume name", v.Name); err != nil {
			return err
		}
		key := volumeKey(target.Project, v.Name)
		if _, taken, err := store.Find[storage.Volume](ctx, a.Store, key); err != nil {
			return err
		} else if taken {
			return fault.New(fault.Conflict, "volume %q exists already: another has got the name since", v.Name).
				Try("restore it under another one: --name %s-old", v.Name).WithCode("HV-VOL-002")
		}
		c.require(store.ModRevision(kv.Key, kv.ModRevision), store.Absent(key))
		c.txn.Then = append(c.txn.Then, store.DeleteOp(kv.Key))
		c.step("take volume %s (%s) out of the trash", v.Name, v.Spec.Size)
		c.wish.TargetUID, c.wish.Params = v.UID, map[string]string{"name": v.Name}
		c.atOnce(a.Now())
		v.Generation++
		status := store.StatusKey(store.Ref{Kind: "volume", Project: target.Project, Name: v.Name}, "reconcile")
		if err := c.put(status, storage.VolumeStatus{Made: true}); err != nil {
			return err
		}
		return c.put(key, v)
	})
}

// PurgeVolume wishes a volume in the trash away for ever. ref names it by its UID.
func (a *Actions) PurgeVolume(ctx context.Context, call Call, ref model.Ref) (Result, error) {
	target := trashTarget(ref)
	return a.do(ctx, call, VolumePurge, target, func(c *change) error {
		t, kv, err := a.trash(ctx, target)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		c.step("delete volume %s (%s) and what is on it", t.Name, t.Spec.Size)
		t.Gone = true
		t.Generation++
		c.wish.TargetUID, c.wish.Generation = t.UID, t.Generation
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		return c.put(kv.Key, t)
	})
}
