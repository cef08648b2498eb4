package reconcile

import (
	"context"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// KindSchedule is a VM's schedule of snapshots, looked at apart from the VM: it asks for what it is due for as anybody
// does, and what it has asked for is then a wish of the VM's.
const KindSchedule = "snapshot-schedule"

// scheduleName is the last part of the status key of a schedule.
const scheduleName = "schedule"

// Scheduled wishes for what schedules are due for, through the gate through which every wish goes.
type Scheduled interface {
	// TakeScheduled wishes for the set that is due at a moment; called again it returns the same operation.
	TakeScheduled(ctx context.Context, ref model.Ref, due time.Time) (operation.Operation, error)
	// PruneScheduled wishes away the sets of a schedule that are past their time, if there are any.
	PruneScheduled(ctx context.Context, ref model.Ref) error
}

func scheduleOf(vmTarget operation.Target) operation.Target {
	return operation.Target{Kind: KindSchedule, Ref: vmTarget.Ref}
}

func scheduleKey(t operation.Target) string {
	return store.StatusKey(store.Ref{Kind: KindVM, Project: t.Project, Name: t.Name}, scheduleName)
}

// knowSchedule looks at a VM's schedule where it has one, or had.
func (e *Engine) knowSchedule(o vm.Object) {
	t := scheduleOf(target(KindVM, o.Metadata))
	e.mu.Lock()
	_, had := e.schedules[t]
	if o.Spec.Snapshots != nil && !had {
		e.schedules[t] = operation.Operation{}
	}
	e.mu.Unlock()
	if had || o.Spec.Snapshots != nil {
		e.queue.add(t)
	}
}

// scheduledEnded hears how an operation ended that a schedule has asked for.
func (e *Engine) scheduledEnded(op operation.Operation) {
	if op.Params[vm.ParamScheduled] == "" || op.Action != "snapshot.create" {
		return
	}
	t := scheduleOf(op.Target)
	e.mu.Lock()
	e.schedules[t] = op
	e.mu.Unlock()
	e.queue.add(t)
}

// clockChanged looks at all schedules anew where the clock on the wall was set, or the host has slept: timers count what passes.
func (e *Engine) clockChanged() {
	skew := e.Now().Sub(e.Steady())
	e.mu.Lock()
	defer e.mu.Unlock()
	if moved := skew - e.skew; moved.Abs() > time.Second {
		for t := range e.schedules {
			e.queue.add(t)
		}
	}
	e.skew = skew
}

// reconcileSchedule does what a VM's schedule is due for, and sees to it that it is looked at when the next is.
func (e *Engine) reconcileSchedule(ctx context.Context, t operation.Target) error {
	o, _, err := store.Find[vm.Object](ctx, e.Store, specKey(operation.Target{Kind: KindVM, Ref: t.Ref}))
	if err != nil {
		return err
	}
	if o.UID == "" || o.Deleted != nil || o.Spec.Snapshots == nil || e.Scheduled == nil {
		return e.forgetSchedule(ctx, t, o)
	}
	in, err := e.scheduleInput(ctx, t, o)
	if err != nil {
		return err
	}
	out := plan.SnapshotSchedule(in)
	if out.Prune {
		out.Status.Prune = ""
		if err := e.Scheduled.PruneScheduled(ctx, t.Ref); err != nil {
			if ctx.Err() != nil || fault.Retryable(err) {
				return err
			}
			out.Status.Prune = err.Error()
			e.Log.Warn("what a schedule does not keep is not deleted", "vm", o.Name, "err", err)
		}
	}
	if !out.Due.IsZero() {
		run, err := e.runSchedule(ctx, t.Ref, out.Due)
		if err != nil {
			return err
		}
		out.Status.Last = &run
	}
	if s := out.Status.Skipped; s != nil && s.At.Equal(in.Now) {
		e.Log.Info("a snapshot that was due is skipped", "vm", o.Name, "due", s.Due, "why", s.Why)
	}
	e.writer.put(scheduleKey(t), out.Status)
	if err := e.writer.flush(ctx, scheduleKey(t)); err != nil {
		return err
	}
	if !out.Next.IsZero() {
		e.queue.after(t, out.Next.Sub(in.Now)+time.Millisecond)
	}
	return nil
}

// runSchedule asks for a set. That it is refused is what became of this run; that nobody could be asked is an error.
func (e *Engine) runSchedule(ctx context.Context, ref model.Ref, due time.Time) (vm.ScheduledRun, error) {
	run := vm.ScheduledRun{Due: due, At: e.Now(), State: vm.ScheduledTaking, Snapshot: vm.ScheduledName(due)}
	op, err := e.Scheduled.TakeScheduled(ctx, ref, due)
	switch {
	case err == nil:
		run.Operation = op.ID
	case ctx.Err() != nil || fault.Retryable(err):
		return run, err
	default:
		run.State, run.Code, run.Why, run.Try = vm.ScheduledFailed, fault.CodeOf(err), err.Error(), fault.HintOf(err)
		e.Log.Warn("a snapshot that was due is not taken", "vm", ref.Name, "due", due, "err", err)
	}
	return run, nil
}

func (e *Engine) scheduleInput(ctx context.Context, t operation.Target, o vm.Object) (in plan.ScheduleInput, err error) {
	in = plan.ScheduleInput{UID: o.UID, Wish: *o.Spec.Snapshots, Now: e.Now(), Zone: e.zone()}
	if in.Last, _, err = store.Find[vm.ScheduleStatus](ctx, e.Store, scheduleKey(t)); err != nil {
		return in, err
	}
	power, err := e.lastPower(ctx, operation.Target{Kind: KindVM, Ref: t.Ref})
	if err != nil {
		return in, err
	}
	in.Alive = power != nil && power.State.Alive()
	run := in.Last.Last
	if run == nil || run.State != vm.ScheduledTaking {
		return in, nil
	}
	set, _, err := store.Find[vm.Snapshot](ctx, e.Store, snapshotKey(t, o.Spec.UUID, run.Snapshot))
	if err != nil {
		return in, err
	}
	in.Sets = []vm.Snapshot{set}
	e.mu.Lock()
	ended := e.schedules[t]
	e.mu.Unlock()
	if ended.ID == run.Operation {
		in.Ended = &ended.Status
		return in, nil
	}
	ref := store.Ref{Kind: KindOperation, Project: t.Project, Name: run.Operation}
	wish, _, err := store.Find[operation.Wish](ctx, e.Store, store.SpecKey(ref))
	if err != nil {
		return in, err
	}
	st, _, err := store.Find[operation.Status](ctx, e.Store, store.StatusKey(ref, writerName))
	if st.State.Ended() {
		in.Ended = &st
	}
	in.Gone = wish.ID == ""
	return in, err
}

// forgetSchedule lets go of a schedule that there is none of any more, with what became of it.
func (e *Engine) forgetSchedule(ctx context.Context, t operation.Target, o vm.Object) error {
	e.mu.Lock()
	delete(e.schedules, t)
	e.mu.Unlock()
	e.writer.drop(scheduleKey(t))
	if o.UID == "" || o.Spec.Snapshots != nil { // its statuses go with it
		return nil
	}
	_, found, err := store.Find[vm.ScheduleStatus](ctx, e.Store, scheduleKey(t))
	if err != nil || !found {
		return err
	}
	_, err = e.Store.Commit(ctx, store.Txn{Then: []store.Op{store.DeleteOp(scheduleKey(t))}})
	return err
}

func (e *Engine) zone() *time.Location {
	if e.Zone == nil {
		return time.UTC
	}
	return e.Zone
}
