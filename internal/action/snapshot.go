package action

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// snapshotKey is the key of a set: its name is below its VM's UUID, which no rename changes.
func snapshotKey(project, vmUUID, name string) string {
	return store.SpecKey(store.Ref{Kind: "snapshot", Project: project, Name: vmUUID + "." + name})
}

// snapshotsOf are the sets of a VM, the oldest first.
func (a *Actions) snapshotsOf(ctx context.Context, o vm.Object) ([]vm.Snapshot, error) {
	prefix := strings.TrimSuffix(snapshotKey(o.Project, o.Spec.UUID, "x"), "x")
	all, _, err := store.ListAll[vm.Snapshot](ctx, a.Store, prefix)
	var sets []vm.Snapshot
	for _, s := range all {
		sets = append(sets, s.Value)
	}
	vm.SortSnapshots(sets)
	return sets, err
}

func (a *Actions) snapshot(ctx context.Context, o vm.Object, name string) (vm.Snapshot, store.KV, error) {
	s, kv, err := store.Get[vm.Snapshot](ctx, a.Store, snapshotKey(o.Project, o.Spec.UUID, name))
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		return s, kv, fault.New(fault.NotFound, "vm %q has no snapshot %q", o.Name, name).Try("hv snapshot list %s", o.Name).WithCode("HV-SNAP-001")
	case err == nil && !s.Whole():
		return s, kv, fault.New(fault.Conflict, "snapshot %q of vm %q is being %s", name, o.Name, doing(s.Phase)).Try("hv operation list").WithCode("HV-SNAP-002")
	}
	return s, kv, err
}

func doing(p vm.SnapshotPhase) string {
	if p == vm.SnapshotDeleting {
		return "deleted"
	}
	return "taken"
}

// CreateSnapshot wishes for a set of a VM as it is.
func (a *Actions) CreateSnapshot(ctx context.Context, call Call, ref model.Ref, body wire.CreateSnapshot) (Result, error) {
	target := vmTarget(ref)
	return a.do(ctx, call, SnapshotCreate, target, func(c *change) error {
		o, kv, err := a.vm(ctx, target.Ref)
		if err != nil {
			return err
		}
		if body.Name == "" {
			body.Name = c.wish.Created.UTC().Format("2006-01-02-150405")
		}
		if errs := vm.CheckSnapshot(body.Name, body.Description, body.Quiesce); len(errs) > 0 {
			return fault.New(fault.Invalid, "cannot take a snapshot of vm %q", o.Name).Because(errors.Join(errs...))
		}
		st, err := a.power(ctx, o)
		if err != nil {
			return err
		}
		set, err := a.newSnapshot(ctx, c, o, st, body)
		set.Scheduled = call.schedule
		if err != nil {
			return err
		}
		key := snapshotKey(o.Project, o.Spec.UUID, set.Name)
		if _, err := a.Store.Get(ctx, key); err == nil {
			return fault.New(fault.Conflict, "vm %q has a snapshot %q already", o.Name, set.Name).Try("choose another name").WithCode("HV-SNAP-003")
		}
		c.require(store.ModRevision(kv.Key, kv.ModRevision), store.Absent(key))
		c.wish.TargetUID, c.wish.Generation = o.UID, o.Generation
		c.wish.Params = map[string]string{"snapshot": set.Name}
		if call.schedule {
			c.wish.Params[vm.ParamScheduled] = "true"
		}
		if err := c.put(kv.Key, o); err != nil { // as it is: whoever deletes it meanwhile and saw no set looks again
			return err
		}
		return c.put(key, set)
	})
}

// newSnapshot is the set that is wished for, with what speaks against it asked first.
func (a *Actions) newSnapshot(ctx context.Context, c *change, o vm.Object, st vm.PowerStatus, body wire.CreateSnapshot) (vm.Snapshot, error) {
	set := vm.Snapshot{
		Metadata: a.byHand(c, o.Project, body.Name, nil),
		VM:       o.Spec.UUID, Description: body.Description, Memory: body.Memory, Quiesce: body.Quiesce,
		Phase: vm.SnapshotTaking, Disks: map[string]vm.SnapshotDisk{},
	}
	if set.Quiesce == "" {
		set.Quiesce = vm.QuiesceAuto
	}
	earlier, err := a.snapshotsOf(ctx, o)
	if err != nil {
		return set, err
	}
	if set.Memory {
		if err := a.inClear(ctx, o, "save the memory of"); err != nil {
			return set, err
		}
	}
	ask := plan.SnapshotAsk{VM: o, Power: st, Memory: body.Memory, Have: len(earlier), Layered: map[string]bool{}}
	if body.Memory && a.SavedRoom != nil {
		free, err := a.SavedRoom()
		if err != nil {
			return set, err
		}
		ask.Free = &free
	}
	pools := map[string]model.Bytes{}
	for _, device := range slices.Sorted(maps.Keys(o.Spec.Disks)) {
		d := o.Spec.Disks[device]
		v, _, err := a.volume(ctx, o.Project, d.Volume)
		if err != nil {
			return set, err
		}
		if d.ReadOnly {
			c.step("leave disk %s out: it is only read", device)
			continue
		}
		if err := free(v); err != nil {
			return set, err
		}
		if _, err := storage.Overlay(v.Chain(), v.UID, v.Spec.Size); err != nil {
			return set, fault.Wrap(err, "volume %q", v.Name)
		}
		can, err := a.Volumes.Can(v.Head().Pool)
		ask.Disks, ask.Layered[v.Head().Pool] = append(ask.Disks, v), err == nil && can.Overlays
		pools[v.Head().Pool] += v.Spec.Size
		set.Disks[device] = vm.SnapshotDisk{Volume: v.Name, VolumeUID: v.UID, Overlay: uuid(a.Random(16))}
		c.step("freeze what is on volume %s (%s); it may grow by as much", v.Name, v.Spec.Size)
	}
	if set.Memory {
		c.step("save its memory (%s at most); the guest stands still meanwhile", o.Spec.Memory)
	}
	once, most := ask.Room()
	c.step("it takes %s at once at most, and with what is written from then on %s at most", once, most)
	found := ask.Refuses()
	for _, pool := range slices.Sorted(maps.Keys(pools)) {
		if err := a.allocate(ctx, c, allocation{pool: pool, virtual: pools[pool]}); err != nil {
			return set, err
		}
	}
	c.notes = append(c.notes, found...)
	if found.Refuses() {
		return set, fault.New(fault.Precondition, "no snapshot of vm %q can be taken", o.Name).Because(finding.Refusal{Findings: found})
	}
	return set, nil
}

// RestoreSnapshot wishes a VM back to what it was when a set was taken. What it has written since is lost.
func (a *Actions) RestoreSnapshot(ctx context.Context, call Call, ref model.Ref, name string) (Result, error) {
	target := vmTarget(ref)
	return a.do(ctx, call, SnapshotRestore, target, func(c *change) error {
		o, kv, err := a.vm(ctx, target.Ref)
		if err != nil {
			return err
		}
		set, at, err := a.snapshot(ctx, o, name)
		if err != nil {
			return err
		}
		st, err := a.power(ctx, o)
		if err != nil {
			return err
		}
		for _, device := range set.Devices() {
			d := set.Disks[device]
			has, ok := o.Spec.Disks[device]
			v, _, err := store.Find[storage.Volume](ctx, a.Store, volumeKey(o.Project, has.Volume))
			if err != nil {
				return err
			}
			if !ok || v.UID != d.VolumeUID {
				return fault.New(fault.Precondition, "vm %q has another disk %s than when snapshot %q was taken (volume %s)", o.Name, device, name, d.Volume).
					Try("attach it again: hv vm edit %s", o.Name).WithCode("HV-SNAP-010")
			}
			if err := free(v); err != nil {
				return err
			}
			if takes, err := a.takenBy(ctx, headAlone(v)); err == nil && !v.Frozen && !storage.Has(d.Layers, v.Head().ID) {
				c.step("delete what volume %s was given since: %s come free", v.Name, takes)
			}
			c.step("put volume %s back to %s of %s", v.Name, d.Top().Size, set.Taken.At.UTC().Format("2006-01-02 15:04:05Z"))
		}
		if set.Taken.Memory != nil {
			if _, err := set.StartedNow(o.Spec, func(name string) (string, error) {
				v, _, err := store.Find[storage.Volume](ctx, a.Store, volumeKey(o.Project, name))
				return v.UID, err
			}); err != nil {
				return err
			}
		}
		if st.Process != nil {
			c.step("end QEMU without asking the guest")
		}
		c.require(store.ModRevision(kv.Key, kv.ModRevision), store.ModRevision(at.Key, at.ModRevision))
		c.wish.Before = string(o.Spec.Power)
		c.wish.TargetUID, c.wish.Generation = o.UID, o.Generation
		c.wish.Params = map[string]string{"snapshot": name}
		if set.Memory { // its guest ran, and runs on: also where an earlier wish is used up
			o.Spec.Power = vm.On
			o.Generation++
			o.PowerGeneration = o.Generation
			c.wish.Generation = o.Generation
			return c.put(kv.Key, o)
		}
		return nil
	})
}

// DeleteSnapshot wishes a set away. The VM, and other sets, keep what they need of it.
func (a *Actions) DeleteSnapshot(ctx context.Context, call Call, ref model.Ref, name string) (Result, error) {
	target := vmTarget(ref)
	return a.do(ctx, call, SnapshotDelete, target, func(c *change) error {
		o, kv, err := a.vm(ctx, target.Ref)
		if err != nil {
			return err
		}
		set, at, err := a.snapshot(ctx, o, name)
		if err != nil && set.Phase != vm.SnapshotDeleting { // who asks again waits for the same
			return err
		}
		if set.Protected {
			return fault.New(fault.Conflict, "snapshot %q of vm %q is protected", name, o.Name).
				Try("hv snapshot edit %s %s --protected=false, then delete it", o.Name, name).WithCode("HV-SNAP-006")
		}
		set.Phase = vm.SnapshotDeleting
		c.require(store.ModRevision(kv.Key, kv.ModRevision), store.ModRevision(at.Key, at.ModRevision))
		c.step("delete snapshot %s of vm %s; %s at most come free", name, o.Name, a.freedBy(ctx, set))
		c.wish.TargetUID, c.wish.Generation = o.UID, o.Generation
		c.wish.Params = map[string]string{"snapshot": name}
		return c.put(at.Key, set)
	})
}

// keepsSnapshots refuses to delete a VM that has snapshots: they would go with it unsaid.
func (a *Actions) keepsSnapshots(ctx context.Context, o vm.Object) error {
	sets, err := a.snapshotsOf(ctx, o)
	if err != nil || len(sets) == 0 {
		return err
	}
	var names []string
	for _, s := range sets {
		names = append(names, s.Name)
	}
	return fault.New(fault.Conflict, "vm %q has snapshots: %s", o.Name, strings.Join(names, ", ")).
		Try("hv snapshot delete %s %s", o.Name, strings.Join(names, " ")).WithCode("HV-SNAP-004")
}

// inSnapshot refuses to delete a volume that a snapshot would put back.
func (a *Actions) inSnapshot(ctx context.Context, v storage.Volume) error {
	sets, _, err := store.ListAll[vm.Snapshot](ctx, a.Store, store.SpecPrefix("snapshot"))
	if err != nil {
		return err
	}
	for _, s := range sets {
		for _, d := range s.Value.Disks {
			if d.VolumeUID == v.UID {
				return fault.New(fault.Conflict, "volume %q is in snapshot %q of a VM", v.Name, s.Value.Name).
					Try("delete that snapshot first: hv snapshot list VM").WithCode("HV-SNAP-005")
			}
		}
	}
	return nil
}
