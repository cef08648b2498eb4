package action

import (
	"cmp"
	"context"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// free refuses what cannot be done to a volume while its content is copied or moved.
func free(v storage.Volume) error {
	why := v.Busy()
	if why == "" {
		return nil
	}
	hint := "hv operation list says how far that is; hv operation cancel ends it"
	if v.Repairing {
		hint = "wait until hv volume check has ended"
	} else if len(v.Exports) > 0 {
		hint = "wait until hv volume export has ended, or end it"
	}
	if v.Moving != nil {
		hint = "hv operation wait " + v.Moving.Operation + ", or hv operation cancel " + v.Moving.Operation
	}
	return fault.New(fault.Conflict, "%s", why).Try("%s", hint).WithCode("HV-VOL-009")
}

// copyVolume wishes for a volume that is a full copy of another, to which nobody writes meanwhile: a VM that uses it is
// started when the copy is made.
func (a *Actions) copyVolume(ctx context.Context, call Call, ref model.Ref, body wire.CloneVolume) (Result, error) {
	from := inProject(ref)
	target := volumeTarget(model.Ref{Project: from.Project, Name: body.Name})
	return a.do(ctx, call, VolumeClone, target, func(c *change) error {
		if body.Count > 1 {
			return fault.New(fault.Invalid, "full clones are made one by one").Try("--linked makes many at once")
		}
		src, kv, err := a.volume(ctx, from.Project, from.Name)
		if err != nil {
			return err
		}
		if err := match(call, kv, volumeTarget(from)); err != nil {
			return err
		}
		if src.Source != nil || src.Moving != nil || src.Repairing {
			return free(src)
		}
		runs, err := a.writtenBy(ctx, c, src)
		if err != nil {
			return err
		}
		spec := src.Spec
		if body.Pool != "" {
			spec.Pool = body.Pool
		}
		if spec, err = a.keptIn(src, spec, runs); err != nil {
			return err
		}
		// As what it is a copy of, unless it is said: who copies does not ask for the default of new ones.
		spec.Encryption = cmp.Or(body.Encryption, src.Head().Key, storage.NoKey)
		if err := a.opens(ctx, src); err != nil {
			return fault.Wrap(err, "cannot copy volume %q", src.Name)
		}
		takes, err := a.takenBy(ctx, src)
		if err != nil {
			return err
		}
		made, err := a.newVolume(ctx, c, wire.CreateVolume{Name: body.Name, Labels: body.Labels, VolumeSpec: spec}, takes)
		if err != nil {
			return err
		}
		if runs != "" {
			if err := unencrypted(runs, src.Chain(), made.Chain()); err != nil {
				return err
			}
		}
		made.Source = &storage.Source{Volume: src.Name, UID: src.UID, Live: runs != ""}
		src.Copiers = append(src.Copiers, made.Name)
		if runs == "" {
			c.step("copy volume %s (%s) to %s%s, and compare the two", src.Name, src.Spec.Size, made.Name, with(made.Spec.Encryption))
		} else {
			c.step("have the QEMU of vm %s, which runs, copy volume %s (%s) to %s", runs, src.Name, src.Spec.Size, made.Name)
			c.step("part the two at one moment, with the guest's file systems frozen where its agent answers")
		}
		c.wish.TargetUID, c.wish.Generation = made.UID, 1
		c.require(store.ModRevision(kv.Key, kv.ModRevision), store.Absent(volumeKey(target.Project, made.Name)))
		if err := c.put(kv.Key, src); err != nil {
			return err
		}
		return c.put(volumeKey(target.Project, made.Name), made)
	})
}

// MoveVolume wishes a volume into another pool. Where a VM that runs writes to it, its QEMU makes the copy and changes over to
// it, and the guest notices nothing; else nobody may write to it meanwhile: a VM that uses it is started when it has been moved.
func (a *Actions) MoveVolume(ctx context.Context, call Call, ref model.Ref, body wire.MoveVolume) (Result, error) {
	target, pool := volumeTarget(ref), body.Pool
	return a.do(ctx, call, VolumeMove, target, func(c *change) error {
		if body.Limit < 0 {
			return fault.New(fault.Invalid, "a limit of %d bytes a second is less than nothing", int64(body.Limit)).Try("--limit 100MiB, or leave it out")
		}
		v, kv, err := a.freeVolume(ctx, call, target)
		if err != nil {
			return err
		}
		if err := a.mayMove(ctx, v, pool); err != nil {
			return err
		}
		runs, err := a.writtenBy(ctx, c, v)
		if err == nil && runs != "" {
			err = unencrypted(runs, v.Chain())
		}
		if err == nil && runs != "" && pool == v.Spec.Pool {
			err = fault.New(fault.Conflict, "volume %q is in pool %q already, and its layers are made one file only while nobody writes to it", v.Name, pool).
				Try("hv vm stop %s, then ask again", runs).WithCode("HV-VOL-032")
		}
		if err != nil {
			return err
		}
		takes, err := a.takenBy(ctx, v)
		if err != nil {
			return err
		}
		to := v.Spec
		to.Pool = pool
		if to, err = a.keptIn(v, to, runs); err != nil {
			return err
		}
		if err := a.allocate(ctx, c, allocation{pool: pool, virtual: to.Size, takes: takes}); err != nil {
			return err
		}
		v.Moving = &storage.Moving{
			To:        storage.Layer{ID: uuid(a.Random(16)), Pool: pool, Format: to.Format, Size: to.Size, Key: v.Head().Key},
			Operation: c.wish.ID, Live: runs != "", Limit: body.Limit,
		}
		if err := a.diskIOIn(ctx, c, v, v.Moving.To); err != nil {
			return err
		}
		v.Generation++
		moveSteps(c, v, runs)
		c.wish.TargetUID, c.wish.Generation, c.wish.Params = v.UID, v.Generation, map[string]string{"pool": pool}
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		return c.put(kv.Key, v)
	})
}

// moveSteps says what is about to be done.
func moveSteps(c *change, v storage.Volume, runs string) {
	pool := v.Moving.To.Pool
	if n := len(v.Chain()); n > 1 || v.Frozen {
		c.step("make one file of its layers (%d): what others share of them stays in pool %s", n, v.Spec.Pool)
	}
	if pool == v.Spec.Pool {
		c.step("copy volume %s (%s, %s) to a file of its own, compare the two, and let it be that", v.Name, v.Moving.To.Size, v.Moving.To.Format)
		return
	}
	if runs == "" {
		c.step("copy volume %s (%s, %s) into pool %s, and compare the two", v.Name, v.Moving.To.Size, v.Moving.To.Format, pool)
		c.step("let it be the one in pool %s, and take away that in pool %s", pool, v.Spec.Pool)
		return
	}
	c.step("have the QEMU of vm %s, which runs, copy volume %s (%s) into pool %s", runs, v.Name, v.Spec.Size, pool)
	c.step("have its guest write to the one in pool %s, and take away that in pool %s", pool, v.Spec.Pool)
}

// keptIn is what a volume is in a pool that does not keep every format, or keeps sizes in steps of its own: its content
// is written anew there, in the format that there is. A guest that runs would see another size.
func (a *Actions) keptIn(v storage.Volume, spec storage.VolumeSpec, runs string) (storage.VolumeSpec, error) {
	can, err := a.Volumes.Can(spec.Pool)
	if err != nil {
		return spec, err
	}
	if !can.Holds(spec.Format) {
		spec.Format = can.Formats[0]
	}
	if size := can.Round(spec.Size); size != spec.Size && runs != "" {
		return spec, fault.New(fault.Precondition, "pool %q keeps sizes in steps of %s, and the guest of vm %q would see %s become %s", spec.Pool, can.Step, runs, spec.Size, size).
			WithCode("HV-VOL-031").Try("hv volume resize %s %s first", v.Name, size)
	}
	spec.Size = can.Round(spec.Size)
	return spec, nil
}

// unencrypted refuses to have a QEMU that runs copy what is encrypted: the copy has a header of its own, which it would have
// to be told of anew.
func unencrypted(runs string, chains ...[]storage.Layer) error {
	for _, chain := range chains {
		if keys := storage.Keys(chain); len(keys) > 0 {
			return fault.New(fault.Precondition, "vm %q runs, and what is encrypted (with key %s) is copied only while nobody writes to it", runs, keys[0]).
				Try("hv vm stop %s, then ask again", runs).WithCode("HV-KEY-026")
		}
	}
	return nil
}

// opens refuses a volume that cannot be opened now.
func (a *Actions) opens(ctx context.Context, v storage.Volume) error {
	for _, key := range storage.Keys(v.Chain()) {
		st, err := a.keyStatus(ctx, key)
		if err != nil {
			return err
		}
		if !st.Usable() {
			return notUsable(key, st)
		}
	}
	return nil
}

func (a *Actions) mayMove(ctx context.Context, v storage.Volume, pool string) error {
	if err := a.inSnapshot(ctx, v); err != nil { // its layers stay where they are
		return err
	}
	if err := a.opens(ctx, v); err != nil {
		return fault.Wrap(err, "cannot move volume %q", v.Name)
	}
	if err := a.keepsEncrypted(storage.VolumeSpec{Pool: pool, Encryption: v.Head().Key}); err != nil {
		return fault.Wrap(err, "cannot move volume %q", v.Name)
	}
	_, err := a.Volumes.Can(pool)
	switch {
	case err != nil:
		return err
	case pool == v.Spec.Pool && len(v.Chain()) == 1:
		return fault.New(fault.Invalid, "volume %q is in pool %q already", v.Name, pool)
	case len(v.Leaving) > 0:
		return a.idle(ctx, volumeTarget(model.Ref{Project: v.Project, Name: v.Name}), "move it")
	}
	return nil
}

// writtenBy is the VM that runs and writes to a volume; empty where nobody writes to it, now and when the change is
// committed.
func (a *Actions) writtenBy(ctx context.Context, c *change, v storage.Volume) (string, error) {
	claim, _, err := store.Find[storage.Claim](ctx, a.Store, store.ClaimKey("disk", v.Project, v.Name))
	if err != nil {
		return "", err
	}
	name, isVM := holderVM(claim.Writer)
	if !isVM {
		return "", a.unwritten(ctx, c, v)
	}
	o, kv, err := a.vm(ctx, model.Ref{Project: v.Project, Name: name})
	if err != nil {
		return "", err
	}
	st, err := a.power(ctx, o)
	if err != nil {
		return "", err
	}
	if (st.State != vm.StateRunning && st.State != vm.StatePaused) || o.Deleted != nil || o.Spec.Power != vm.On && o.Spec.Power != vm.Paused {
		return "", a.unwritten(ctx, c, v)
	}
	if why := hasOpen(st, v.Name); why != "" {
		return "", fault.New(fault.Conflict, "volume %q is being written to by vm/%s, and %s", v.Name, name, why).
			Try("hv vm show %s says what is pending; stop that VM, or wait", name).WithCode("HV-VOL-032")
	}
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	return name, nil
}

// hasOpen says why the QEMU of a VM that runs cannot copy a volume; empty where it can.
func hasOpen(st vm.PowerStatus, volume string) string {
	p := st.Process
	if p == nil || p.Started == nil {
		return "nobody has written down what it was started with"
	}
	for path, d := range p.Started.Volumes() {
		if d.Volume != volume {
			continue
		}
		if _, changes := p.Change(path); changes {
			return path + " is being changed"
		}
		if d.ReadOnly || !strings.HasPrefix(path, "disks.") {
			return path + " is read only"
		}
		return ""
	}
	return "its QEMU does not have it yet"
}

// stoppable reports whether an operation can be given up though it has changed no power.
func stoppable(w operation.Wish) bool {
	return w.Action == SnapshotDelete.name || w.Action == VolumeMove.name || w.Action == VolumeClone.name && w.Target.Kind == "volume"
}

// uncopied refuses to take a volume from the VM whose QEMU is copying it.
func (a *Actions) uncopied(ctx context.Context, project, volume string) error {
	v, _, err := a.volume(ctx, project, volume)
	if err != nil { // it is deleted, or about to be
		return nil //nolint:nilerr // then nobody copies it
	}
	if v.Moving != nil && v.Moving.Live || len(v.Copiers) > 0 {
		return free(v)
	}
	return nil
}

// uncopiedAll refuses to save a VM whose QEMU is copying one of its volumes: it would end with the copy half made.
func (a *Actions) uncopiedAll(ctx context.Context, o vm.Object) error {
	for _, d := range o.Spec.Volumes() {
		if err := a.uncopied(ctx, o.Project, d.Volume); err != nil {
			return err
		}
	}
	return nil
}
