package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// discards reports whether an operation is for a start without what is saved.
func discards(op *operation.Operation) bool { return op.Params["discardSuspend"] == "true" }

// file changes what is written down of a VM's file, and makes that durable before anybody acts on it.
func (r *vmRun) file(ctx context.Context, s *vm.Saved) error {
	st := *r.status
	st.Saved = s
	r.put(st)
	return r.writer.flush(ctx, powerKey(r.target))
}

// save begins to write the guest to a file. Why it cannot ends the wish, unless trying again may help: a guest must not be
// suspended at some later time when nobody thinks of it any more.
func (r *vmRun) save(ctx context.Context) error {
	err := r.beginSave(ctx)
	if err == nil || ctx.Err() != nil || fault.Retryable(err) {
		return err
	}
	st := *r.status
	st.NotSaved = &vm.NotSaved{PowerGeneration: r.in.Wish.PowerGeneration, Power: r.before(), Why: err.Error()}
	r.put(st)
	return err
}

// before is what the VM does while it is not saved.
func (r *vmRun) before() vm.Power {
	switch {
	case r.in.Last != nil && r.in.Last.Saved != nil && r.in.Last.Saved.Phase == vm.Saving: // it was begun before
		return r.in.Last.Saved.Power
	case r.in.Seen.RunState == "running":
		return vm.On
	}
	return vm.Paused
}

func (r *vmRun) beginSave(ctx context.Context) (err error) {
	uuid := r.in.Wish.Spec.UUID
	process, err := r.savable(ctx)
	if err != nil {
		return err
	}
	if err := r.SavedVMs.Remove(ctx, uuid); err != nil { // of an earlier try
		return err
	}
	now := r.Now()
	s := &vm.Saved{
		Phase: vm.Saving, File: fmt.Sprintf("%s.%s%03d", uuid, now.Format("20060102T150405"), now.Nanosecond()/1e6), At: now,
		Generation: r.status.ObservedGeneration, Power: r.before(), Host: r.in.Halt != nil, Accelerator: r.status.Accelerator, Process: *process,
	}
	if r.status.Pinned != nil {
		s.MachineType = r.status.Pinned.MachineType
	}
	if err := r.file(ctx, s); err != nil {
		return err
	}
	defer func() {
		if err != nil && ctx.Err() == nil {
			err = errors.Join(err, r.discard(ctx))
		}
	}()
	file, err := r.SavedVMs.Create(ctx, s.File, plan.SavedRoom(*process.Started))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }() // QEMU has its own
	return r.Hypervisor.Save(ctx, uuid, file)
}

// savable returns the process that is to be saved, or says why it cannot be.
func (r *vmRun) savable(ctx context.Context) (*vm.Process, error) {
	p := r.status.Process
	switch {
	case p == nil:
		return nil, fault.New(fault.Precondition, "its process is gone")
	case p.Started == nil || p.Ports == 0:
		return nil, fault.New(fault.Precondition, "it was started by an earlier build, which has not written down all that it was started with").
			Try("restart it, and the next time it can be saved: hv vm reboot %s", r.in.Wish.Name).WithCode("HV-VM-083")
	case len(p.Changes) > 0:
		return nil, fault.New(fault.Precondition, "a change of %s that was begun is not settled, so nobody knows what to go on with", p.Changes[0].Path).
			Try("hv vm show %s says what it waits for; or undo that edit", r.in.Wish.Name).WithCode("HV-VM-083")
	}
	return p, r.Hypervisor.Savable(ctx, r.in.Wish.Spec.UUID)
}

// keep makes the file durable, and from then on it is the VM: only after that may QEMU end.
func (r *vmRun) keep(ctx context.Context) error {
	if r.status.Saved == nil {
		return fault.New(fault.Internal, "there is no file to be kept")
	}
	s := *r.status.Saved
	size, err := r.SavedVMs.Keep(ctx, s.File)
	if err != nil && ctx.Err() == nil {
		return r.lostOnDisk(ctx, err)
	}
	if err != nil {
		return err
	}
	s.Phase, s.Bytes, s.At = vm.IsSaved, size, r.Now()
	return r.file(ctx, &s)
}

// noted makes durable that a file is the VM, before the QEMU ends that has it in its memory still: an earlier look may have
// failed at just that, and this one has the mark from there.
func (r *vmRun) noted(ctx context.Context) error {
	if r.status == nil || !r.status.Saved.Whole() {
		return nil
	}
	return r.writer.flush(ctx, powerKey(r.target))
}

// lostOnDisk gives up a file that could not be flushed. It is not flushed again: Linux tells of what it could not write
// once, and a second flush succeeds without it.
func (r *vmRun) lostOnDisk(ctx context.Context, why error) error {
	st := *r.status
	st.NotSaved = &vm.NotSaved{PowerGeneration: r.in.Wish.PowerGeneration, Power: st.Saved.Power, Why: why.Error()}
	r.put(st)
	return errors.Join(fault.New(fault.Precondition, "what was saved did not come to the disk whole, and the VM goes on").Because(why).
		Try("see what the disk has: dmesg; then suspend it again").WithCode("HV-VM-087"), r.discard(ctx))
}

// load begins to read the file into a QEMU that waits for it. What that was started with is durable before: one that waits,
// and that nobody knows, is started anew, and one that has read its guest looks like one whose guest has run.
func (r *vmRun) load(ctx context.Context) (err error) {
	if !r.status.Saved.Whole() {
		return fault.New(fault.Internal, "there is nothing saved to be read")
	}
	if err := r.writer.flush(ctx, powerKey(r.target)); err != nil {
		return err
	}
	file, err := r.SavedVMs.Open(ctx, r.status.Saved.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return r.Hypervisor.Load(ctx, r.in.Wish.Spec.UUID, file)
}

// readable makes sure that a file is there before a QEMU is started for it.
func (r *vmRun) readable(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	file, err := r.SavedVMs.Open(ctx, name)
	if err != nil {
		return err
	}
	return file.Close()
}

// letGo lets the vCPUs run. A guest that goes on from its file is never to go on from it again: that is durable before it
// runs. Where QEMU refuses, it has not run, and the file is as good as it was.
func (r *vmRun) letGo(ctx context.Context) error {
	uuid := r.in.Wish.Spec.UUID
	r.serves()
	was := r.status.Saved
	if was == nil { // a store that is put back later may name what is left, and its disks are newer from now on
		if err := r.SavedVMs.Remove(ctx, uuid); err != nil {
			return err
		}
	}
	if was.Whole() {
		s := *was
		s.Phase = vm.Resuming
		st := *r.status
		st.Saved = &s
		r.put(st)
	}
	// What the guest comes to rely on is durable before it runs, and for which wish it does.
	if err := r.writer.flush(ctx, powerKey(r.target)); err != nil {
		return err
	}
	err := r.Hypervisor.Continue(ctx, uuid)
	if _, refused := errors.AsType[*qmp.Error](err); refused && was.Whole() {
		err = errors.Join(err, r.file(ctx, was))
	}
	return err
}

// abandon has QEMU give up to write, and takes away what it has written.
func (r *vmRun) abandon(ctx context.Context) error {
	if err := r.Hypervisor.Abandon(ctx, r.in.Wish.Spec.UUID); err != nil {
		return err
	}
	return r.discard(ctx)
}

// discard takes away what is saved. That it is worth nothing is durable before it goes.
func (r *vmRun) discard(ctx context.Context) error {
	if r.status.Saved.Whole() {
		s := *r.status.Saved
		s.Phase = vm.Discarding
		if err := r.file(ctx, &s); err != nil {
			return err
		}
	} else if s := r.status.Saved; s != nil && s.Phase == vm.Discarding { // an earlier try may have failed at just that
		if err := r.writer.flush(ctx, powerKey(r.target)); err != nil {
			return err
		}
	}
	if err := r.SavedVMs.Remove(ctx, r.in.Wish.Spec.UUID); err != nil {
		return err
	}
	st := *r.status
	st.Saved = nil
	r.put(st)
	return nil
}

// suspended adds to a status what follows from what is saved.
func (r *vmRun) suspended(st *vm.PowerStatus) {
	if n := r.plan.NotSaved; n != nil {
		st.NotSaved = n
	}
	if st.NotSaved != nil && st.NotSaved.PowerGeneration != r.in.Wish.PowerGeneration {
		st.NotSaved = nil
	}
	if m := r.plan.Moving; m != nil && st.Process != nil {
		st.Reason = m.Name
		if m.Total > 0 {
			st.Reason += fmt.Sprintf(": %d %%", m.Done*100/m.Total)
		}
	}
	if st.Process != nil || !st.Saved.Whole() {
		return
	}
	st.State = vm.StateSuspended
	in := r.in
	in.Last = st
	why := plan.PendingSaved(in)
	if len(why) > 0 {
		st.Pending, st.PendingWhy = slices.Sorted(maps.Keys(why)), why
	}
	if st.Ended != nil && st.Ended.How == vm.EndUnresumed && st.Reason == "" {
		st.Reason = string(vm.EndUnresumed)
	}
}

// goesOn shows how far a step is that goes on between two looks.
func (r *vmRun) goesOn(ctx context.Context) {
	if s := r.status.Saved; s != nil && s.Phase == vm.Saving && r.plan.Moving != nil {
		r.SavedVMs.Spread(ctx, s.File)
	}
	if m := r.plan.Moving; m != nil {
		r.ops.progress(r.due, m.Name, operation.Progress{Done: m.Done, Total: m.Total, Unit: "bytes"})
	}
}

// unsaved tells whoever waits for a suspend that it was given up. The VM goes on.
func (r *vmRun) unsaved(ctx context.Context) {
	n := r.status.NotSaved
	if n == nil || n.PowerGeneration != r.in.Wish.PowerGeneration || r.in.Wish.Spec.Power != vm.Suspended {
		return
	}
	var asked []*operation.Operation
	r.due = slices.DeleteFunc(r.due, func(op *operation.Operation) bool {
		if op.Action == "vm.suspend" {
			asked = append(asked, op)
		}
		return op.Action == "vm.suspend"
	})
	r.ops.end(ctx, asked, operation.Failed, problem(fault.New(fault.Precondition, "vm %q was not saved, and goes on: %s", r.in.Wish.Name, n.Why).
		Try("hv vm logs %s --log qemu may say more; then hv vm suspend %s again", r.in.Wish.Name, r.in.Wish.Name).WithCode("HV-VM-087")))
}

// unresumed is why a VM does not go on from its file.
func (r *vmRun) unresumed(end *vm.Ended) error {
	name, here, by := r.in.Wish.Name, r.in.Facts.QEMUFor(r.in.Effective.Arch).Version, ""
	if s := r.status.Saved; s != nil {
		by = s.Process.QEMU
	}
	what := "QEMU " + here
	if by != "" && by != here {
		what += " (it was saved by QEMU " + by + ")"
	}
	why := end.Detail
	if why == "" {
		why = "it ended without a word"
	}
	return fault.New(fault.Precondition, "vm %q cannot go on with %s: %s; what is saved of it is kept", name, what, why).
		Try("try again: hv vm start %s; with --discard-suspend it boots cold and what was in its memory is lost", name).WithCode("HV-VM-086")
}

// pendingFindings tell who edits a VM what of it has to wait.
func (r *vmRun) pendingFindings() finding.List {
	var told finding.List
	tell := plan.PendingFinding
	if r.status.State == vm.StateSuspended {
		tell = plan.PendingSavedFinding
	}
	for _, path := range r.status.Pending {
		told = append(told, tell(r.in.Wish.Name, path, r.status.PendingWhy[path]))
	}
	return told
}
