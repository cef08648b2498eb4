package reconcile

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// copied is the volume that QEMU makes of a disk: what one is moved to, or the copy of another.
func copied(v storage.Volume) storage.Volume {
	if v.Moving != nil && !v.Arrived() {
		return v.Arriving()
	}
	return v
}

func (e *Engine) mirrorOf(v storage.Volume, d plan.VolumeDisk) qmp.Mirror {
	to := copied(v).Head()
	m := qmp.Mirror{Device: d.Device, Slot: d.Slot, Layer: to.ID, Format: string(to.Format), IO: qmp.DiskIO(d.IO)}
	if can, closed := e.Volumes.Can(to.Pool); closed == nil {
		m.Block = can.Block
	}
	if v.Moving != nil {
		m.Limit = int64(v.Moving.Limit)
	}
	return m
}

// seeMirror asks the QEMU that writes to a volume how far it is with moving it.
func (e *Engine) seeMirror(ctx context.Context, v storage.Volume, disks []plan.VolumeDisk) (err error) {
	for i, d := range disks {
		if d.Saved || d.ReadOnly {
			continue
		}
		disks[i].On, disks[i].Copies, err = e.Hypervisor.Mirrored(ctx, d.UUID, e.mirrorOf(v, d))
		if err != nil {
			return err
		}
	}
	return nil
}

// seeSource finds out who has the volume open that another one is made a copy of.
func (e *Engine) seeSource(ctx context.Context, t operation.Target, v storage.Volume) ([]plan.VolumeDisk, func(), error) {
	of := volumeRef(t.Project, v.Source.Volume)
	claim, _, err := store.Find[storage.Claim](ctx, e.Store, store.ClaimKey("disk", of.Project, of.Name))
	if err != nil {
		return nil, func() {}, err
	}
	return e.seeDisks(ctx, of, claim.Holders())
}

// beginMirror has QEMU begin to copy a disk, and follows that beside the looks. The file is there before, empty.
func (e *Engine) beginMirror(ctx context.Context, v storage.Volume, d plan.VolumeDisk) error {
	to := copied(v)
	if err := e.Volumes.Create(ctx, to); err != nil {
		return err
	}
	t := target(KindVolume, v.Metadata)
	e.copies.begin(to.File, func(ctx context.Context, tell func(float64)) error {
		open := func() (*os.File, error) { return e.Volumes.Open(ctx, to.Head().Pool, to.File, false) }
		return e.Hypervisor.Mirror(ctx, d.UUID, e.mirrorOf(v, d), open, tell)
	}, func() { e.queue.add(t) })
	return nil
}

// doMirror does one step of a move under a guest. Each goes through again where it was cut off.
func (e *Engine) doMirror(ctx context.Context, s plan.Step) error {
	m := e.mirrorOf(*s.Volume, *s.Disk)
	switch s.Kind {
	case plan.HoldDisk:
		return e.holdMirror(ctx, s, m)
	case plan.SwitchDisk:
		return e.Hypervisor.SettleMirror(ctx, s.Disk.UUID, m)
	default:
		e.copies.end(copyFile(*s.Volume))
		return e.Hypervisor.EndMirror(ctx, s.Disk.UUID, m)
	}
}

// holdMirror has the guest's writes wait. The copy is what there is afterwards, so it is durable by then, also where its disk forgets what
// its guest asks to be: what is to be lost in a crash is what was written last, not what the old file has had for long.
func (e *Engine) holdMirror(ctx context.Context, s plan.Step, m qmp.Mirror) error {
	if s.Disk.IO.Forgets() {
		if err := e.durable(ctx, copied(*s.Volume)); err != nil { // most of it, while the guest still writes
			return err
		}
	}
	if err := e.Hypervisor.HoldMirror(ctx, s.Disk.UUID, m, true); err != nil || !s.Disk.IO.Forgets() {
		return err
	}
	return e.durable(ctx, copied(*s.Volume))
}

// split parts a copy from its original. Where the guest's agent answers, the guest has written out before what it holds
// back, and writes nothing until the two are parted; else the copy is as after a power cut at that moment, and that is said.
func (e *Engine) split(ctx context.Context, s plan.Step, due []*operation.Operation) (err error) {
	m, uuid, quiet := e.mirrorOf(*s.Volume, *s.Disk), s.Disk.UUID, false
	why := error(fault.New(fault.Unavailable, "this guest has no agent"))
	if e.Guests != nil {
		if why = e.Guests.Freeze(ctx, uuid); why == nil {
			quiet = true
			defer func() {
				if err := e.Guests.Thaw(context.WithoutCancel(ctx), uuid); err != nil { // it is tried on, until it has gone through
					e.Log.Warn("the guest is not thawed yet", "vm", s.Disk.VM, "err", err)
				}
			}()
		}
	}
	if err := e.Hypervisor.HoldMirror(ctx, uuid, m, false); err != nil {
		return err
	}
	if quiet && !e.Guests.Frozen(uuid) { // it was let go on meanwhile
		quiet, why = false, fault.New(fault.Unavailable, "the guest was frozen for so long that it was let go on before")
	}
	if err := e.Hypervisor.SettleMirror(ctx, uuid, m); err != nil {
		return err
	}
	told := finding.Finding{
		Code: "HV-VOL-035", Severity: finding.Consequence, Subject: []string{"volume/" + s.Volume.Name},
		What: "the copy is of one moment, at which the guest had written out what it held back",
	}
	if !quiet {
		told.Severity, told.What = finding.Limited, "the copy is of one moment, as after a power cut then"
		told.Why, told.Remedy = why.Error(), "run qemu-guest-agent in the guest, or stop the VM and clone it then"
	}
	e.ops.change(due, func(op *operation.Operation) { op.Findings = append(slices.Clone(op.Findings), told) })
	return e.durable(ctx, *s.Volume)
}

// durable flushes the file of a volume's head.
func (e *Engine) durable(ctx context.Context, v storage.Volume) (err error) {
	f, err := e.Volumes.Open(ctx, v.Head().Pool, v.File, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}
