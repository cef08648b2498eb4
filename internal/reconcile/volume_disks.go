package reconcile

import (
	"context"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// seeDisks finds out which of a volume's holders have it open, and how large they see it. Until done none of them is
// started, ended or changed. They are taken in the order of their names; a look at a VM takes no other.
func (e *Engine) seeDisks(ctx context.Context, t operation.Target, holders []string) (disks []plan.VolumeDisk, done func(), err error) {
	var held []func()
	done = func() {
		for _, free := range slices.Backward(held) {
			free()
		}
	}
	for _, holder := range slices.Sorted(slices.Values(holders)) {
		name, ok := strings.CutPrefix(holder, "vm/")
		if !ok {
			continue
		}
		obj, free, err := e.still(ctx, model.Ref{Project: t.Project, Name: name})
		held = append(held, free)
		if missing(err) {
			continue // it is gone, and its claim is about to be
		}
		if err != nil {
			return nil, done, err
		}
		d, open, err := e.seeDisk(ctx, obj, t.Name)
		if err != nil {
			return nil, done, err
		}
		if open {
			disks = append(disks, d)
		}
	}
	return disks, done, nil
}

// still returns a VM that nobody looks at until done.
func (e *Engine) still(ctx context.Context, ref model.Ref) (obj vm.Object, done func(), err error) {
	t := operation.Target{Kind: KindVM, Ref: ref}
	for {
		obj, _, err = store.Get[vm.Object](ctx, e.Store, specKey(t))
		if err != nil {
			return obj, func() {}, err
		}
		free, waited := e.alone(t, obj.Spec.UUID)
		if !waited {
			return obj, free, nil
		}
		free() // what was read before counts no more
		if ctx.Err() != nil {
			return obj, func() {}, fault.New(fault.Unavailable, "stopped while vm %q was waited for", ref.Name).Because(context.Cause(ctx))
		}
	}
}

// seeDisk asks a VM's QEMU how large it has a volume; not open where there is no process that has it.
func (e *Engine) seeDisk(ctx context.Context, obj vm.Object, volume string) (d plan.VolumeDisk, open bool, err error) {
	last, err := e.lastPower(ctx, target(KindVM, obj.Metadata))
	if err != nil || last == nil {
		return d, false, err
	}
	last, _ = withNames(last, obj)
	spec := obj.Spec
	switch {
	case last.Process != nil && last.Process.Started != nil:
		spec = *last.Process.Started
	case last.Saved.Whole() && last.Saved.Process.Started != nil:
		spec = *last.Saved.Process.Started
	}
	d, has := diskDevice(spec, volume)
	if last.Pinned != nil {
		d.Slot = last.Pinned.Slots[machine.SlotOf("disks", strings.TrimPrefix(d.Device, machine.DiskDevice("")))]
	}
	d.VM, d.UUID = obj.Name, obj.Spec.UUID
	seen, err := e.Hypervisor.Observe(ctx, d.UUID)
	switch {
	case err != nil || !has:
		return d, false, err
	case seen.Process == nil:
		d.Saved = last.Saved.Whole()
		return d, d.Saved, nil
	case seen.RunState == "":
		return d, false, fault.New(fault.Unavailable, "vm %q has it open and cannot be asked: %s", obj.Name, seen.Silent)
	}
	d.Size, err = e.Hypervisor.DiskSize(ctx, d.UUID, d.Device)
	return d, true, err
}

// diskDevice is a volume as a device of QEMU.
func diskDevice(s vm.Spec, volume string) (plan.VolumeDisk, bool) {
	for path, d := range s.Volumes() {
		if d.Volume != volume {
			continue
		}
		kind, name, _ := strings.Cut(path, ".")
		if kind == "cdroms" {
			return plan.VolumeDisk{Device: machine.CDROMDevice(name), ReadOnly: true}, true
		}
		return plan.VolumeDisk{Device: machine.DiskDevice(name), ReadOnly: d.ReadOnly, IO: s.Disks[name].DiskIO}, true
	}
	return plan.VolumeDisk{}, false
}
