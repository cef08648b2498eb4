package action

import (
	"context"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// CloneVM makes a VM that begins as another one: with linked clones of the volumes that it writes to, as they are or as they were in a
// snapshot, or on volumes that are full copies already. All of it in one transaction. It is another machine: its UUID, its MAC
// addresses and its generation id are new, so that cloud-init makes its guest another one too.
func (a *Actions) CloneVM(ctx context.Context, call Call, ref model.Ref, body wire.CloneVM) (Result, error) {
	from := inProject(ref)
	target := vmTarget(model.Ref{Project: from.Project, Name: body.Name})
	return a.doMaking(ctx, call, VMClone, target, func(c *change) error {
		o, kv, err := a.vm(ctx, from)
		if err != nil {
			return err
		}
		if err := match(call, kv, vmTarget(from)); err != nil {
			return err
		}
		if body.Snapshot != "" && len(body.Volumes) > 0 {
			return fault.New(fault.Invalid, "a clone begins as a snapshot, or with volumes that are there, not both").Try("leave one of them out")
		}
		def := clonedDefinition(o, body)
		if err := a.cloneDisks(ctx, c, o, &def, body); err != nil {
			return fault.Wrap(err, "cannot clone vm %q", o.Name)
		}
		if err := a.checkVM(ctx, c, def); err != nil {
			return err
		}
		c.notes = append(c.notes, notTheSame(o, def)...)
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		return a.putVM(ctx, c, def, model.Manual)
	})
}

// clonedDefinition is the VM without what tells it apart from the one that it is a clone of. It is off.
func clonedDefinition(o vm.Object, body wire.CloneVM) vm.Definition {
	def := vm.Definition{Name: body.Name, Labels: maps.Clone(o.Labels), Spec: o.Spec.Clone()}
	if len(body.Labels) > 0 && def.Labels == nil {
		def.Labels = map[string]string{}
	}
	maps.Copy(def.Labels, body.Labels)
	def.UUID, def.GenerationID, def.Power = "", "", vm.Off
	for name, nic := range def.NICs {
		nic.MAC = ""
		def.NICs[name] = nic
	}
	if def.Vsock != nil {
		def.Vsock.CID = 0
	}
	if c := def.CloudInit; c != nil && c.Hostname == o.Name {
		c.Hostname = body.Name
	}
	return def
}

// cloneDisks gives the new VM the disks of the other: what is only read they share.
func (a *Actions) cloneDisks(ctx context.Context, c *change, o vm.Object, def *vm.Definition, body wire.CloneVM) error {
	sources := map[string]string{}
	for device, d := range o.Spec.Disks {
		if !d.ReadOnly {
			sources[device] = d.Volume
		}
	}
	if body.Snapshot != "" {
		set, at, err := a.snapshot(ctx, o, body.Snapshot)
		if err != nil {
			return err
		}
		c.require(store.ModRevision(at.Key, at.ModRevision))
		for device := range sources { // it came after the snapshot
			if _, in := set.Disks[device]; !in {
				c.step("leave out disk %s: it is in no snapshot %s", device, set.Name)
				delete(def.Disks, device)
			}
		}
		sources = map[string]string{}
		for device, d := range set.Disks {
			sources[device] = d.Volume
		}
	}
	if def.Disks == nil {
		def.Disks = map[string]vm.Disk{}
	}
	for _, device := range slices.Sorted(maps.Keys(sources)) {
		d := def.Disks[device]
		d.Volume = body.Name + "-" + device
		if len(body.Volumes) > 0 {
			if d.Volume = body.Volumes[device]; d.Volume == "" {
				return fault.New(fault.Invalid, "no volume is said for disk %s", device).Try("say one for each disk that it writes to, or none")
			}
		} else if err := a.cloneDisk(ctx, c, o, sources[device], d.Volume, body.Snapshot); err != nil {
			return err
		}
		def.Disks[device] = d
	}
	return nil
}

// cloneDisk puts a linked clone of one volume into the change.
func (a *Actions) cloneDisk(ctx context.Context, c *change, o vm.Object, volume, name, snapshot string) error {
	src, kv, err := a.volume(ctx, o.Project, volume)
	if err != nil {
		return err
	}
	if snapshot != "" {
		if src, err = a.asOf(ctx, c, src, snapshot); err != nil {
			return err
		}
	}
	one := wire.CloneVolume{Name: name, Linked: true, Snapshot: snapshot}
	if err = a.mayClone(ctx, c, src, one); err == nil && snapshot == "" { // nobody ever writes to what is in a snapshot
		err = a.unwritten(ctx, c, src)
	}
	switch fault.CodeOf(err) {
	case "":
	case "HV-VOL-032":
		return fault.New(fault.Conflict, "vm %q runs, and writes to volume %q", o.Name, src.Name).WithCode("HV-VM-140").
			Try("hv snapshot create %s before-clone, then hv vm clone %s %s --snapshot before-clone; or --full, which copies it under the guest; or stop it first",
				o.Name, o.Name, c.wish.Target.Name)
	case "HV-VOL-031":
		return fault.New(fault.KindOf(err), "pool %q cannot keep layers that stand on others", src.Spec.Pool).WithCode("HV-VOL-031").Try("hv vm clone %s %s --full", o.Name, c.wish.Target.Name)
	}
	if err != nil {
		return err
	}
	made, err := a.clones(src, one)
	if err != nil {
		return err
	}
	if _, err := a.Store.Get(ctx, volumeKey(o.Project, name)); err == nil {
		return fault.New(fault.Conflict, "volume %q exists already", name).Try("choose another name for the VM, or hv volume delete %s", name).WithCode("HV-VOL-002")
	}
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	c.step("make volume %s (%s) on the layers of %s", name, made[0].Spec.Size, src.Name)
	if err := a.putFresh(ctx, c, made[0]); err != nil {
		return err
	}
	if src.Frozen || snapshot != "" {
		return nil
	}
	src.Frozen = true
	return c.put(kv.Key, src)
}

// notTheSame says what of a VM a clone does not begin with, and what its guest still believes to be.
func notTheSame(o vm.Object, def vm.Definition) finding.List {
	var found finding.List
	say := func(severity finding.Severity, code, what, remedy string) {
		found = append(found, finding.Finding{Code: code, Severity: severity, Subject: []string{"vm/" + def.Name}, What: what, Remedy: remedy})
	}
	if def.CloudInit == nil {
		say(finding.Limited, "HV-VM-141", "the guest of vm "+def.Name+" has the machine-id and the SSH host keys of "+o.Name+": cloud-init is not told that it is another machine",
			"where cloud-init is in it: hv vm edit "+def.Name+" --set cloudInit.hostname="+def.Name+"; else make them anew in the guest")
	}
	if def.TPM != nil {
		say(finding.Limited, "HV-VM-142", "the TPM of vm "+def.Name+" begins empty: what is sealed to that of "+o.Name+" opens with its recovery key only", "")
	}
	if def.Firmware == vm.UEFI {
		say(finding.Consequence, "HV-VM-143", "the UEFI variables of vm "+def.Name+" begin as new: it starts from the disk's default path, EFI/BOOT", "")
	}
	return found
}
