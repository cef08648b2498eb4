package action

import (
	"context"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// holderVM is the name of the VM that holds a claim.
func holderVM(holder string) (string, bool) { return strings.CutPrefix(holder, "vm/") }

// RenameVolume gives a volume another name. All that names it follows in one transaction: its object, what was seen of
// it, its claim, and the specs of the VMs that use it, whether they run or not. Its file is called by its UID and stays.
// It is done as soon as it is committed.
func (a *Actions) RenameVolume(ctx context.Context, call Call, ref model.Ref, name string) (Result, error) {
	target := volumeTarget(ref)
	return a.do(ctx, call, VolumeRename, target, func(c *change) error {
		v, kv, err := a.freeVolume(ctx, call, target)
		if err != nil {
			return err
		}
		key := volumeKey(target.Project, name)
		if err := a.mayRenameVolume(ctx, target, name); err != nil {
			return err
		}
		c.require(store.ModRevision(kv.Key, kv.ModRevision), store.Absent(key))
		c.txn.Then = append(c.txn.Then, store.DeleteOp(kv.Key))
		c.step("rename volume %s to %s", v.Name, name)
		if err := a.moveVolumeStatus(ctx, c, target, name); err != nil {
			return err
		}
		if err := a.moveVolumeClaim(ctx, c, target, name); err != nil {
			return err
		}
		now := a.Now()
		c.wish.TargetUID, c.wish.Params = v.UID, map[string]string{"name": name}
		c.status = &operation.Status{State: operation.Done, Ended: &now, Steps: []operation.Step{{Name: "rename it to " + name, State: operation.Done, Ended: &now}}}
		v.Name = name
		return c.put(key, v)
	})
}

func (a *Actions) mayRenameVolume(ctx context.Context, target operation.Target, name string) error {
	if err := model.CheckName("volume name", name); err != nil {
		return err
	}
	if _, found, err := store.Find[storage.Volume](ctx, a.Store, volumeKey(target.Project, name)); err != nil {
		return err
	} else if found {
		return fault.New(fault.Conflict, "volume %q exists already", name).Try("choose another name, or hv volume show %s", name).WithCode("HV-VOL-002")
	}
	return a.idle(ctx, target, "rename it")
}

func (a *Actions) moveVolumeStatus(ctx context.Context, c *change, target operation.Target, name string) error {
	at := func(name string) store.Ref {
		return store.Ref{Kind: "volume", Project: target.Project, Name: name}
	}
	old := store.StatusKey(at(target.Name), "reconcile")
	st, kv, err := store.Get[storage.VolumeStatus](ctx, a.Store, old)
	if fault.KindOf(err) == fault.NotFound {
		return nil // it was never looked at
	}
	if err != nil {
		return err
	}
	c.require(store.ModRevision(old, kv.ModRevision))
	c.txn.Then = append(c.txn.Then, store.DeletePrefixOp(store.StatusPrefix(at(target.Name))))
	return c.put(store.StatusKey(at(name), "reconcile"), st)
}

// moveVolumeClaim writes the new name into all that holds the volume.
func (a *Actions) moveVolumeClaim(ctx context.Context, c *change, target operation.Target, name string) error {
	old, key := store.ClaimKey("disk", target.Project, target.Name), store.ClaimKey("disk", target.Project, name)
	claim, kv, err := store.Get[storage.Claim](ctx, a.Store, old)
	if fault.KindOf(err) == fault.NotFound {
		c.require(store.Absent(old))
		return nil // nobody uses it
	}
	if err != nil {
		return err
	}
	for _, user := range usersOf(claim) {
		if err := a.renameIn(ctx, c, model.Ref{Project: target.Project, Name: user}, target.Name, name); err != nil {
			return err
		}
	}
	c.require(store.ModRevision(old, kv.ModRevision))
	c.txn.Then = append(c.txn.Then, store.DeleteOp(old))
	return c.put(key, claim)
}

// renameIn writes a volume's new name into a VM, with a note for reconcile: what that has written down of the process
// says the old one.
func (a *Actions) renameIn(ctx context.Context, c *change, ref model.Ref, from, to string) error {
	o, kv, err := a.vm(ctx, ref)
	if err != nil {
		return err
	}
	next := o
	spec, names := o.Spec.WithVolume(from, to)
	if names && o.Origin == model.Declared {
		return fault.New(fault.Denied, "vm %q uses volume %q and stands in the host's declaration, which would go on to name it %q", o.Name, from, from).
			Try("take the disk out of the declaration and apply that, rename the volume, and declare the disk anew").WithCode("HV-VM-023")
	}
	st, err := a.power(ctx, o)
	if err != nil {
		return err
	}
	next.Spec, next.Generation = spec, o.Generation+1
	next.Letting = slices.Clone(o.Letting)
	if i := slices.Index(next.Letting, from); i >= 0 {
		next.Letting[i] = to
	}
	next.Renames = slices.DeleteFunc(slices.Clone(o.Renames), func(r vm.Rename) bool { return r.Generation <= st.Renamed })
	next.Renames = append(next.Renames, vm.Rename{From: from, To: to, Generation: next.Generation})
	c.step("write its new name into vm %s", o.Name)
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	return c.put(kv.Key, next)
}
