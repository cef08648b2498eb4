package action

import (
	"context"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// runsWith is the VM that has a process and writes to a volume; empty for none.
func (a *Actions) runsWith(ctx context.Context, volume model.Ref) (string, error) {
	claim, _, err := store.Find[storage.Claim](ctx, a.Store, store.ClaimKey("disk", volume.Project, volume.Name))
	if err != nil {
		return "", err
	}
	name, isVM := holderVM(claim.Writer)
	if !isVM {
		return "", nil
	}
	st, _, err := store.Find[vm.PowerStatus](ctx, a.Store, store.StatusKey(vmRef(model.Ref{Project: volume.Project, Name: name}), "power"))
	if err != nil || st.Process == nil {
		return "", err
	}
	return name, nil
}

// cloneRunning wishes for linked clones of a volume that the guest of a VM writes to. At one moment the guest is given a new layer to
// write to, as for a snapshot, and the clones stand on what it has written until then. Until they are there that is a set of one disk;
// it is taken by the same steps as any, and is undone by the same.
func (a *Actions) cloneRunning(ctx context.Context, call Call, ref model.Ref, runs string, body wire.CloneVolume, looked error) (Result, error) {
	from := inProject(ref)
	target := vmTarget(model.Ref{Project: from.Project, Name: runs})
	if looked != nil {
		return Result{}, looked
	}
	return a.do(ctx, call, VolumeClone, target, func(c *change) error {
		o, kv, err := a.vm(ctx, target.Ref)
		if err != nil {
			return err
		}
		src, at, err := a.volume(ctx, from.Project, from.Name)
		if err != nil {
			return err
		}
		if err := match(call, at, volumeTarget(from)); err != nil {
			return err
		}
		device, err := a.mayCloneRunning(ctx, c, o, src, body)
		if err != nil {
			return err
		}
		made, err := a.clones(src, body)
		if err != nil {
			return err
		}
		set := vm.Snapshot{
			Metadata: a.byHand(c, o.Project, "clone-"+c.wish.ID, nil),
			VM:       o.Spec.UUID, Quiesce: vm.QuiesceAuto, Phase: vm.SnapshotTaking,
			Disks: map[string]vm.SnapshotDisk{device: {Volume: src.Name, VolumeUID: src.UID, Overlay: uuid(a.Random(16))}},
		}
		if err := a.notOnTheirWay(ctx, made); err != nil {
			return err
		}
		c.step("give the guest of vm %s, which runs, a new layer of disk %s to write to", o.Name, device)
		for i, v := range made {
			if err := a.noVolume(ctx, c, v); err != nil {
				return err
			}
			set.Clones = append(set.Clones, vm.SnapshotClone{Name: v.Name, UID: v.UID, Labels: v.Labels})
			if i < 3 || i == len(made)-1 {
				c.step("make volume %s (%s) on the layers of %s", v.Name, v.Spec.Size, src.Name)
			}
		}
		key := snapshotKey(o.Project, o.Spec.UUID, set.Name)
		c.require(store.ModRevision(kv.Key, kv.ModRevision), store.Absent(key))
		c.wish.TargetUID, c.wish.Generation = o.UID, o.Generation
		c.wish.Params = map[string]string{"snapshot": set.Name, "volume": made[0].Name, "uid": made[0].UID}
		if err := c.put(kv.Key, o); err != nil { // as it is: whoever deletes it meanwhile looks again
			return err
		}
		return c.put(key, set)
	})
}

// mayCloneRunning says what speaks against it, and as which disk the VM has the volume.
func (a *Actions) mayCloneRunning(ctx context.Context, c *change, o vm.Object, src storage.Volume, body wire.CloneVolume) (string, error) {
	if err := a.mayClone(ctx, c, src, body); err != nil {
		return "", err
	}
	if err := free(src); err != nil {
		return "", err
	}
	if _, err := a.secretNumber(ctx, src.Head().Key); err != nil {
		return "", err
	}
	st, err := a.power(ctx, o)
	if err != nil {
		return "", err
	}
	if st.State != vm.StateRunning && st.State != vm.StatePaused {
		return "", busy(src, vmTarget(model.Ref{Project: o.Project, Name: o.Name}).String())
	}
	ask := plan.SnapshotAsk{VM: o, Power: st, Disks: []storage.Volume{src}, Layered: map[string]bool{src.Head().Pool: true}} // it can: mayClone
	if found := ask.Refuses(); found.Refuses() {
		return "", fault.New(fault.Precondition, "volume %q cannot be cloned while vm %q runs", src.Name, o.Name).Because(finding.Refusal{Findings: found})
	}
	for device, d := range o.Spec.Disks {
		if d.Volume == src.Name && !d.ReadOnly {
			return device, a.allocate(ctx, c, allocation{pool: src.Spec.Pool, format: storage.QCOW2, virtual: src.Spec.Size})
		}
	}
	return "", busy(src, vmTarget(model.Ref{Project: o.Project, Name: o.Name}).String())
}

// notOnTheirWay refuses names that clones are being made with: whoever was not answered asks again meanwhile.
func (a *Actions) notOnTheirWay(ctx context.Context, made []storage.Volume) error {
	sets, _, err := store.ListAll[vm.Snapshot](ctx, a.Store, store.SpecPrefix("snapshot"))
	if err != nil {
		return err
	}
	for _, s := range sets {
		for _, clone := range s.Value.Clones {
			if s.Value.Project == made[0].Project && slices.ContainsFunc(made, func(v storage.Volume) bool { return v.Name == clone.Name }) {
				return fault.New(fault.Conflict, "volume %q is being made already", clone.Name).Try("hv operation list").WithCode("HV-VOL-002")
			}
		}
	}
	return nil
}

// noVolume refuses a name that a volume has already.
func (a *Actions) noVolume(ctx context.Context, c *change, v storage.Volume) error {
	key := volumeKey(v.Project, v.Name)
	if _, err := a.Store.Get(ctx, key); err == nil {
		return fault.New(fault.Conflict, "volume %q exists already", v.Name).
			Try("choose another name, or hv volume delete %s", v.Name).WithCode("HV-VOL-002")
	}
	c.require(store.Absent(key))
	return nil
}
