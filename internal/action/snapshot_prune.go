package action

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// pruneAtOnce is how many sets go in one operation: all of them are in one transaction.
const pruneAtOnce = store.MaxOps - 8

// EditSnapshot changes what is said of a set, and whether it may go. What it holds stays as it is.
func (a *Actions) EditSnapshot(ctx context.Context, call Call, ref model.Ref, name string, body wire.EditSnapshot) (Result, error) {
	target := vmTarget(ref)
	return a.do(ctx, call, SnapshotEdit, target, func(c *change) error {
		o, kv, err := a.vm(ctx, target.Ref)
		if err != nil {
			return err
		}
		set, at, err := a.snapshot(ctx, o, name)
		if err != nil {
			return err
		}
		if body.Description != nil {
			set.Description = *body.Description
			c.step("say of snapshot %s: %s", name, cmp.Or(set.Description, "nothing"))
		}
		if body.Protected != nil {
			set.Protected = *body.Protected
			c.step("%s snapshot %s", map[bool]string{true: "protect", false: "no longer protect"}[set.Protected], name)
		}
		if errs := vm.CheckSnapshot(name, set.Description, ""); len(errs) > 0 {
			return fault.New(fault.Invalid, "cannot change snapshot %q of vm %q", name, o.Name).Because(errors.Join(errs...))
		}
		c.require(store.ModRevision(kv.Key, kv.ModRevision), store.ModRevision(at.Key, at.ModRevision))
		c.wish.TargetUID, c.wish.Generation = o.UID, o.Generation
		c.wish.Params = map[string]string{"snapshot": name}
		c.atOnce(a.Now())
		return c.put(at.Key, set)
	})
}

// PruneSnapshots wishes away the sets that no rule keeps.
func (a *Actions) PruneSnapshots(ctx context.Context, call Call, ref model.Ref, body wire.PruneSnapshots) (Result, error) {
	target := vmTarget(ref)
	return a.do(ctx, call, SnapshotPrune, target, func(c *change) error {
		o, kv, err := a.vm(ctx, target.Ref)
		if err != nil {
			return err
		}
		keep, err := keptOf(o, body)
		if err != nil {
			return err
		}
		sets, err := a.snapshotsOf(ctx, o)
		if err != nil {
			return err
		}
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		c.wish.TargetUID, c.wish.Generation = o.UID, o.Generation
		var names []string
		for _, v := range vm.Retain(sets, keep, body.ByHand, a.zone()) {
			why := strings.Join(v.Why, ", ")
			switch {
			case v.Keep:
				c.step("keep %s: %s", v.Name, why)
				continue
			case len(names) == pruneAtOnce:
				c.step("leave %s for the next time: more than %d do not go at once", v.Name, pruneAtOnce)
				continue
			}
			set, at, err := a.snapshot(ctx, o, v.Name)
			if err != nil {
				return err
			}
			c.step("delete %s: %s; %s at most come free", v.Name, why, a.freedBy(ctx, set))
			names = append(names, v.Name)
			set.Phase = vm.SnapshotDeleting
			c.require(store.ModRevision(at.Key, at.ModRevision))
			if err := c.put(at.Key, set); err != nil {
				return err
			}
		}
		if len(names) == 0 {
			c.atOnce(a.Now())
			return nil
		}
		c.wish.Params = map[string]string{"snapshot": strings.Join(names, " ")}
		return nil
	})
}

// freedBy is what comes free at most when a set goes: its memory, and what its own layers take. Of those that stays which others
// need. What cannot be measured counts as nothing.
func (a *Actions) freedBy(ctx context.Context, set vm.Snapshot) (n model.Bytes) {
	if set.Taken != nil && set.Taken.Memory != nil {
		n = set.Taken.Memory.Bytes
	}
	for _, d := range set.Disks {
		if len(d.Layers) == 0 {
			continue
		}
		if takes, err := a.takenBy(ctx, layerAlone(d.Top())); err == nil {
			n += takes
		}
	}
	return n
}

func headAlone(v storage.Volume) storage.Volume { return layerAlone(v.Head()) }

// layerAlone is a volume that consists of one layer.
func layerAlone(l storage.Layer) storage.Volume {
	return storage.Volume{Metadata: model.Metadata{Name: l.ID}}.On([]storage.Layer{l})
}

// keptOf is what stays of the sets of a VM: what the caller says, else its schedule.
func keptOf(o vm.Object, body wire.PruneSnapshots) (vm.Keep, error) {
	full, _ := vm.Effective(o.Spec, "")
	keep := body.Keep
	if keep == nil && full.Snapshots != nil {
		keep = full.Snapshots.Keep
	}
	if keep == nil {
		return vm.Keep{}, fault.New(fault.Invalid, "vm %q has no schedule that says which snapshots stay", o.Name).
			Try("say which: hv snapshot prune %s --keep-last 7", o.Name)
	}
	var errs []error
	for _, p := range keep.Check() {
		errs = append(errs, fault.New(fault.Invalid, "keep%s: %s", p.Path, p.What))
	}
	if len(errs) > 0 {
		return vm.Keep{}, fault.New(fault.Invalid, "cannot prune the snapshots of vm %q", o.Name).Because(errors.Join(errs...))
	}
	return *keep, nil
}

func (a *Actions) zone() *time.Location {
	if a.Zone == nil {
		return time.UTC
	}
	return a.Zone
}

// bySchedule is a schedule that asks: in the name of who wrote it into the VM.
func bySchedule(key string) Call {
	return Call{Actor: operation.Actor{Name: "hvd", Via: "schedule"}, IdempotencyKey: key, schedule: true}
}

// TakeScheduled wishes for the set that a VM's schedule is due for. Asked again for the same moment, by a daemon that was cut off,
// it is the same operation.
func (a *Actions) TakeScheduled(ctx context.Context, ref model.Ref, due time.Time) (operation.Operation, error) {
	o, _, err := a.vm(ctx, inProject(ref))
	if err != nil {
		return operation.Operation{}, err
	}
	body := wire.CreateSnapshot{Name: vm.ScheduledName(due)}
	if s := o.Spec.Snapshots; s != nil {
		body.Quiesce = s.Quiesce
	}
	res, err := a.CreateSnapshot(ctx, bySchedule(o.Spec.UUID+" "+body.Name), ref, body)
	if err != nil {
		return operation.Operation{}, err
	}
	return *res.Operation, nil
}

// PruneScheduled wishes away the sets of a VM's schedule that are past their time.
func (a *Actions) PruneScheduled(ctx context.Context, ref model.Ref) error {
	o, _, err := a.vm(ctx, inProject(ref))
	if err != nil || o.Spec.Snapshots == nil {
		return err
	}
	keep, err := keptOf(o, wire.PruneSnapshots{})
	if err != nil {
		return err
	}
	sets, err := a.snapshotsOf(ctx, o)
	if err != nil {
		return err
	}
	for _, v := range vm.Retain(sets, keep, false, a.zone()) {
		if !v.Keep {
			_, err := a.PruneSnapshots(ctx, bySchedule(""), ref, wire.PruneSnapshots{})
			return err
		}
	}
	return nil
}
