package action

import (
	"cmp"
	"context"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// ResizeVolume wishes a volume larger, whether or not a VM that runs has it.
func (a *Actions) ResizeVolume(ctx context.Context, call Call, ref model.Ref, size model.Bytes) (Result, error) {
	target := volumeTarget(ref)
	return a.do(ctx, call, VolumeResize, target, func(c *change) error {
		v, kv, err := a.freeVolume(ctx, call, target)
		if err != nil {
			return err
		}
		if err := a.mayResize(ctx, v, size); err != nil {
			return err
		}
		wish := v.Spec
		wish.Size = size
		size = a.kept(wish)
		c.wish.TargetUID, c.wish.Params = v.UID, map[string]string{"size": size.String()}
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		if size == v.Spec.Size {
			c.step("leave volume %s as it is: %s", v.Name, size)
			c.wish.Generation = v.Generation
			return nil
		}
		if err := a.growsNow(ctx, c, v); err != nil {
			return err
		}
		if err := a.allocate(ctx, c, allocation{pool: v.Spec.Pool, virtual: size - v.Spec.Size}); err != nil {
			return err
		}
		c.step("make volume %s %s larger: %s", v.Name, size-v.Spec.Size, size)
		v.Spec.Size, v.SHA256 = size, ""            // what was imported is not what is there any more
		if n := len(v.Layers); n > 0 && !v.Frozen { // it is the head that grows; of one that is frozen, what is put on it
			v.Layers = slices.Clone(v.Layers)
			v.Layers[n-1].Size = size
		}
		v.Generation++
		c.wish.Generation = v.Generation
		return c.put(kv.Key, v)
	})
}

// mayResize refuses a size that no volume has, and to make one smaller: that would cut off what its guest has
// written there, and only the guest knows what that is.
func (a *Actions) mayResize(ctx context.Context, v storage.Volume, size model.Bytes) error {
	wish := v.Spec
	wish.Size = size
	if errs := storage.CheckVolume(v.Name, wish); len(errs) > 0 {
		return fault.New(fault.Invalid, "cannot resize volume %q", v.Name).Because(errs[0])
	}
	st, _, err := store.Find[storage.VolumeStatus](ctx, a.Store, store.StatusKey(store.Ref{Kind: "volume", Project: v.Project, Name: v.Name}, "reconcile"))
	if err != nil {
		return err
	}
	if has := cmp.Or(st.Size, v.Spec.Size); size < has {
		return fault.New(fault.Invalid, "volume %q has %s, and is not made smaller: what its guest has written beyond %s would be lost", v.Name, has, size).
			Try("make a smaller one, attach both to a VM, and copy inside the guest: hv volume create NAME --size %s", size).WithCode("HV-VOL-006")
	}
	return nil
}

// growsNow refuses what reconcile could not do now, before anything is wished.
func (a *Actions) growsNow(ctx context.Context, c *change, v storage.Volume) error {
	claim, _, err := store.Find[storage.Claim](ctx, a.Store, store.ClaimKey("disk", v.Project, v.Name))
	if err != nil {
		return err
	}
	for _, name := range usersOf(claim) {
		o, kv, err := a.vm(ctx, model.Ref{Project: v.Project, Name: name})
		if err != nil {
			return err
		}
		st, err := a.power(ctx, o)
		if err != nil {
			return err
		}
		switch {
		case st.Saved.Whole():
			return fault.New(fault.Precondition, "vm %q is suspended, and its guest knows volume %q as it was", o.Name, v.Name).
				Try("hv vm start %s, then resize it", o.Name).WithCode("HV-VOL-007")
		case st.Process != nil && claim.Writer == "":
			return fault.New(fault.Precondition, "vm %q reads volume %q, and its QEMU would not see that it grows", o.Name, v.Name).
				Try("hv vm stop %s, or detach it there, then resize it", o.Name).WithCode("HV-VOL-007")
		case st.Process != nil:
			c.step("vm %s runs: its guest sees it at once", o.Name)
		}
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
	}
	return nil
}

// usersOf are the names of the VMs that hold a claim.
func usersOf(c storage.Claim) []string {
	var out []string
	for _, h := range c.Holders() {
		if t, ok := holderVM(h); ok {
			out = append(out, t)
		}
	}
	return out
}

// idle refuses what an operation is under way on.
func (a *Actions) idle(ctx context.Context, target operation.Target, then string) error {
	wishes, _, err := store.ListAll[operation.Wish](ctx, a.Store, store.SpecPrefix("operation"))
	if err != nil {
		return err
	}
	for _, w := range wishes {
		if w.Value.Target != target {
			continue
		}
		st, _, err := store.Find[operation.Status](ctx, a.Store, store.StatusKey(operationRef(w.Value), "reconcile"))
		if err != nil {
			return err
		}
		if !st.State.Ended() {
			return fault.New(fault.Conflict, "operation %s (%s) of %s %q is under way", w.Value.ID, w.Value.Action, target.Kind, target.Name).
				Try("hv operation wait %s, then %s", w.Value.ID, then).WithCode("HV-VM-062")
		}
	}
	return nil
}
