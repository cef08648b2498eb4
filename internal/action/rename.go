package action

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// RenameVM gives a VM another name. All that stands under the old one moves in one transaction: the object, what
// was seen of it, and its claims. What it is stays: its UUID, by which its process, logs and console go on, and
// its UID. It is done as soon as it is committed.
func (a *Actions) RenameVM(ctx context.Context, call Call, ref model.Ref, name string) (Result, error) {
	target := vmTarget(ref)
	return a.do(ctx, call, VMRename, target, func(c *change) error {
		if err := model.CheckName("vm name", name); err != nil {
			return err
		}
		o, kv, err := a.vm(ctx, target.Ref)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		if err := a.mayRename(ctx, o, name); err != nil {
			return err
		}
		next := o
		next.Name, next.Generation = name, o.Generation+1
		key := store.SpecKey(vmRef(model.Ref{Project: o.Project, Name: name}))
		c.require(store.ModRevision(kv.Key, kv.ModRevision), store.Absent(key))
		c.txn.Then = append(c.txn.Then, store.DeleteOp(kv.Key))
		if err := a.moveStatus(ctx, c, o, next); err != nil {
			return err
		}
		if err := a.moveClaims(ctx, c, o, next); err != nil {
			return err
		}
		c.step("rename vm %s to %s", o.Name, name)
		c.wish.Params = map[string]string{"name": name}
		now := a.Now()
		c.status = &operation.Status{State: operation.Done, Ended: &now, Steps: []operation.Step{{Name: "rename it to " + name, State: operation.Done, Ended: &now}}}
		return c.put(key, next)
	})
}

func (a *Actions) mayRename(ctx context.Context, o vm.Object, name string) error {
	if o.Origin == model.Declared {
		return a.declaredOnly(ctx, "renamed", o.Name)
	}
	if _, err := a.Store.Get(ctx, store.SpecKey(vmRef(model.Ref{Project: o.Project, Name: name}))); err == nil {
		return fault.New(fault.Conflict, "vm %q exists already", name).Try("choose another name, or hv vm show %s", name).WithCode("HV-VM-022")
	} else if fault.KindOf(err) != fault.NotFound {
		return err
	}
	return a.idle(ctx, vmTarget(model.Ref{Project: o.Project, Name: o.Name}), "rename it")
}

// moveStatus takes along what was seen. Reconcile has written it, and finds it under the new name.
func (a *Actions) moveStatus(ctx context.Context, c *change, o, next vm.Object) error {
	old := store.StatusKey(vmRef(model.Ref{Project: o.Project, Name: o.Name}), "power")
	st, kv, err := store.Get[vm.PowerStatus](ctx, a.Store, old)
	if fault.KindOf(err) == fault.NotFound {
		return nil // it was never looked at
	}
	if err != nil {
		return err
	}
	c.require(store.ModRevision(old, kv.ModRevision))
	c.txn.Then = append(c.txn.Then, store.DeletePrefixOp(store.StatusPrefix(vmRef(model.Ref{Project: o.Project, Name: o.Name}))))
	guest, _, err := store.Get[vm.GuestStatus](ctx, a.Store, store.StatusKey(vmRef(model.Ref{Project: o.Project, Name: o.Name}), "guest"))
	if err == nil {
		err = c.put(store.StatusKey(vmRef(model.Ref{Project: o.Project, Name: next.Name}), "guest"), guest)
	}
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	schedule, found, err := store.Find[vm.ScheduleStatus](ctx, a.Store, store.StatusKey(vmRef(model.Ref{Project: o.Project, Name: o.Name}), "schedule"))
	if err == nil && found {
		err = c.put(store.StatusKey(vmRef(model.Ref{Project: o.Project, Name: next.Name}), "schedule"), schedule)
	}
	if err != nil {
		return err
	}
	return c.put(store.StatusKey(vmRef(model.Ref{Project: o.Project, Name: next.Name}), "power"), st)
}

// moveClaims writes the new name into all that the VM holds.
func (a *Actions) moveClaims(ctx context.Context, c *change, o, next vm.Object) error {
	holder := vmTarget(model.Ref{Project: next.Project, Name: next.Name}).String()
	alone := []string{store.ClaimKey("uuid", store.HostWide, o.Spec.UUID)}
	for _, mac := range macs(o.Spec) {
		alone = append(alone, store.ClaimKey("mac", store.HostWide, mac))
	}
	if id := o.Spec.ContextID(); id != "" {
		alone = append(alone, store.ClaimKey("cid", store.HostWide, id))
	}
	for _, key := range alone {
		if err := c.put(key, holder); err != nil {
			return err
		}
	}
	volumes := map[string]bool{}
	for _, v := range o.Letting {
		volumes[v] = true
	}
	for _, d := range o.Spec.Volumes() {
		volumes[d.Volume] = true
	}
	for volume := range volumes {
		key := store.ClaimKey("disk", o.Project, volume)
		claim, kv, err := store.Get[storage.Claim](ctx, a.Store, key)
		if err != nil {
			if fault.KindOf(err) == fault.NotFound {
				continue
			}
			return err
		}
		rest, held := claim.Without("vm/" + o.Name)
		if !held {
			continue
		}
		moved, _ := rest.With("vm/"+next.Name, claim.Writer == "")
		c.require(store.ModRevision(key, kv.ModRevision))
		if err := c.put(key, moved); err != nil {
			return err
		}
	}
	return nil
}
