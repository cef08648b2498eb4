package action

import (
	"context"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// CancelOperation puts back the wish that was before an operation's, and ends the operation. id is
// any prefix that only one operation has.
func (a *Actions) CancelOperation(ctx context.Context, call Call, id string) (Result, error) {
	target := operation.Target{Kind: "operation", Ref: model.Ref{Project: store.HostWide, Name: id}}
	if err := a.Authorize(ctx, call, OperationCancel); err != nil {
		a.refused(ctx, call, OperationCancel, target, err)
		return Result{}, err
	}
	found, _, err := a.operation(ctx, id)
	if err != nil {
		a.refused(ctx, call, OperationCancel, target, err)
		return Result{}, err
	}
	target.Ref = model.Ref{Project: found.Target.Project, Name: found.ID}
	return a.do(ctx, call, OperationCancel, target, func(c *change) error {
		wish, kv, err := a.operation(ctx, found.ID)
		if err != nil {
			return err
		}
		st, _, err := store.Get[operation.Status](ctx, a.Store, store.StatusKey(operationRef(wish), "reconcile"))
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		if st.State.Ended() {
			return fault.New(fault.Precondition, "operation %s has ended: it is %s", wish.ID, st.State)
		}
		if stoppable(wish) {
			return a.giveUp(c, wish, kv)
		}
		if wish.Target.Kind == "image" && wish.Action != ImageDelete.name {
			return a.cancelImage(ctx, c, wish, kv)
		}
		if wish.Before == "" || wish.Target.Kind != "vm" {
			return fault.New(fault.Precondition, "operation %s (%s) has nothing that could be put back", wish.ID, wish.Action).
				Try("wait for it, then undo it: hv operation wait %s", wish.ID)
		}
		if err := a.putBack(ctx, c, wish); err != nil {
			return err
		}
		c.step("end operation %s (%s %s)", wish.ID, wish.Action, wish.Target.Name)
		wish.CancelAsked = true
		c.atOnce(a.Now())
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		return c.put(kv.Key, wish)
	})
}

// giveUp asks who runs an operation to end it, and to leave all as it was before.
func (a *Actions) giveUp(c *change, wish operation.Wish, kv store.KV) error {
	c.step("give up operation %s (%s %s)", wish.ID, wish.Action, wish.Target.Name)
	wish.CancelAsked = true
	c.atOnce(a.Now())
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	return c.put(kv.Key, wish)
}

// cancelImage wishes an image away that is being made.
func (a *Actions) cancelImage(ctx context.Context, c *change, wish operation.Wish, kv store.KV) error {
	i, at, err := a.image(ctx, wish.Target.Project, wish.Target.Name)
	if err != nil {
		return err
	}
	if wish.TargetUID != i.UID {
		return fault.New(fault.Precondition, "image %q of operation %s does not exist any more: another has its name", i.Name, wish.ID)
	}
	c.step("stop making image %s, and delete it", i.Name)
	wish.CancelAsked = true
	c.atOnce(a.Now())
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	if err := c.putDeletedImage(at, i); err != nil {
		return err
	}
	return c.put(kv.Key, wish)
}

// putBack wishes the power from before, unless somebody has wished anew since.
func (a *Actions) putBack(ctx context.Context, c *change, wish operation.Wish) error {
	o, kv, err := a.vm(ctx, wish.Target.Ref)
	if err != nil {
		return err
	}
	if wish.TargetUID != "" && wish.TargetUID != o.UID {
		return fault.New(fault.Precondition, "vm %q of operation %s does not exist any more: another has its name", o.Name, wish.ID)
	}
	if o.PowerGeneration != wish.Generation || string(o.Spec.Power) == wish.Before {
		return nil
	}
	c.step("wish vm %s %s again", o.Name, wish.Before)
	o.Spec.Power = vm.Power(wish.Before)
	o.Generation++
	o.PowerGeneration = o.Generation
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	return c.put(kv.Key, o)
}

// operation finds one operation by a prefix of its ID.
func (a *Actions) operation(ctx context.Context, id string) (operation.Wish, store.KV, error) {
	if id == "" {
		return operation.Wish{}, store.KV{}, fault.New(fault.Invalid, "an operation is named by its ID").Try("hv operation list")
	}
	all, _, err := store.ListAll[operation.Wish](ctx, a.Store, store.SpecPrefix("operation"))
	if err != nil {
		return operation.Wish{}, store.KV{}, err
	}
	var found []store.Object[operation.Wish]
	for _, w := range all {
		if strings.HasPrefix(w.Value.ID, id) {
			found = append(found, w)
		}
	}
	switch len(found) {
	case 0:
		return operation.Wish{}, store.KV{}, fault.New(fault.NotFound, "there is no operation %q", id).Try("hv operation list")
	case 1:
		return found[0].Value, found[0].KV, nil
	}
	return operation.Wish{}, store.KV{}, fault.New(fault.Conflict, "%d operations begin with %q", len(found), id).Try("write more of it")
}
