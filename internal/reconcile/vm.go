package reconcile

import (
	"context"
	"slices"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// maxTries is how often what may succeed by itself is tried before the operation that asked for it
// is told that it failed. The wish stands, and is tried on.
const maxTries = 4

// reconcileVM makes one VM what it is wished to be.
func (e *Engine) reconcileVM(ctx context.Context, t operation.Target) (err error) {
	orphans := e.ops.all(t) // asked before: those that come later have an object
	obj, kv, err := store.Get[vm.Object](ctx, e.Store, specKey(t))
	if missing(err) {
		return e.absent(ctx, t, orphans)
	}
	if err == nil {
		err = e.followed.await(ctx, kv.ModRevision)
	}
	if err != nil {
		return err
	}
	done, waited := e.alone(t, obj.Spec.UUID)
	defer done()
	if waited {
		return e.again(t)
	}
	e.retire(ctx, t, others(orphans, obj.UID))
	before, err := e.lastPower(ctx, t)
	if err != nil {
		return err
	}
	last, renamed := withNames(before, obj)
	seen, last, err := e.observe(ctx, obj, last)
	if err != nil {
		err = fault.Wrap(err, "cannot see vm %q", obj.Name) // what we cannot see we do not touch
		e.giveUp(ctx, t, e.ops.of(t, obj.Generation), err)
		return err
	}
	calledOff := slices.ContainsFunc(e.ops.all(t), func(op *operation.Operation) bool { return deletesSets(op) && e.ops.cancelled(op) })
	due := e.settle(ctx, obj, e.ops.of(t, obj.Generation))
	in := plan.VMInput{
		Wish: obj, Last: last, Seen: seen, Facts: e.Facts(), Now: e.Steady(), Clock: e.Now(),
		Kill:   slices.ContainsFunc(due, forceful) || obj.Deleted != nil,
		Reboot: slices.ContainsFunc(due, unserved("vm.reboot", last)), Reset: slices.ContainsFunc(due, unserved("vm.reset", last)),
		Restore:  slices.ContainsFunc(due, unserved("snapshot.restore", last)),
		OpenTray: slices.ContainsFunc(due, opensTray), Discard: slices.ContainsFunc(due, discards),
	}
	in.Effective, _ = vm.Effective(obj.Spec, in.Facts.Arch)
	in.Effective.StopTimeout = patience(due, in.Effective.StopTimeout)
	in.Features = e.features(ctx, in.Effective, last)
	if err := e.gather(ctx, &in); err != nil {
		return err
	}
	defer e.holdKeysOf(in)()
	if err := e.ownHeads(ctx, &in); err != nil {
		return err
	}
	due = e.place(ctx, t, &in, e.refuseEdges(ctx, in, due))
	p, impossible := plan.VM(in)
	run := &vmRun{Engine: e, target: t, in: in, plan: p, due: due, status: last}
	defer func() { e.placed(ctx, run, err) }()
	if renamed {
		run.status = before
		run.put(*last)
	}
	if p.Ended != nil && p.Ended.How == vm.EndReboot {
		run.serve(nil, "vm.reboot")
	}
	run.note(seen)
	run.dropWished(ctx)
	if calledOff {
		if err := run.callOffMerge(ctx); err != nil {
			return err
		}
	}
	if err := run.steps(ctx); err != nil {
		return run.failed(ctx, err)
	}
	if impossible != nil {
		return run.failed(ctx, impossible)
	}
	return run.finish(ctx, kv.ModRevision)
}

// features is what the host's declaration comes to, for a VM that needs to know. A declaration that cannot be read
// keeps no VM from being stopped: it counts as one with every feature off.
func (e *Engine) features(ctx context.Context, spec vm.Spec, last *vm.PowerStatus) feature.Resolution {
	saved := last != nil && last.Saved != nil && last.Saved.Process.Started != nil && last.Saved.Process.Started.NestedVirtualization
	if !spec.NestedVirtualization && !saved {
		return feature.Resolution{}
	}
	res, _, err := e.Features(ctx)
	if err != nil {
		e.Log.Error("the host's features cannot be told", "err", err)
	}
	return res
}

// giveUp tells whoever waits that err is in the way, unless trying again may help and has not been tried
// often.
func (e *Engine) giveUp(ctx context.Context, t operation.Target, due []*operation.Operation, err error) {
	e.mu.Lock()
	tries := e.tries[t]
	e.mu.Unlock()
	if ctx.Err() == nil && (!fault.Retryable(err) || tries+1 >= maxTries) {
		e.ops.end(ctx, due, operation.Failed, problem(err))
	}
}

// observe finds out what is there of a VM. A strange process is ended first, and what was written
// down of it forgotten: no run of the VM has begun with it, and no wish is used up by its end.
func (e *Engine) observe(ctx context.Context, obj vm.Object, last *vm.PowerStatus) (vm.Seen, *vm.PowerStatus, error) {
	uuid := obj.Spec.UUID
	seen, err := e.Hypervisor.Observe(ctx, uuid)
	if err != nil || !strange(seen, last) {
		return seen, last, err
	}
	e.Log.Info("a process that nobody knows is ended and started anew", "vm", obj.Name, "pid", seen.Process.PID)
	if err := e.Hypervisor.Kill(ctx, uuid); err != nil {
		return seen, last, err
	}
	if err := e.Hypervisor.Cleanup(ctx, uuid); err != nil {
		return seen, last, err
	}
	if last != nil {
		st := *last
		st.Process, last = nil, &st
	}
	seen, err = e.Hypervisor.Observe(ctx, uuid)
	return seen, last, err
}

// strange reports whether a process has not run its guest yet and nobody has written down what it was
// started with: the daemon that started it was cut off. It is ended and started anew, so that what
// the guest comes to rely on is known.
func strange(seen vm.Seen, last *vm.PowerStatus) bool {
	if seen.Process == nil || seen.RunState != "prelaunch" && seen.RunState != "inmigrate" {
		return false
	}
	return last == nil || last.Process == nil || last.Process.Started == nil ||
		last.Process.PID != seen.Process.PID || last.Process.StartTime != seen.Process.StartTime
}

func specKey(t operation.Target) string {
	return store.SpecKey(store.Ref{Kind: t.Kind, Project: t.Project, Name: t.Name})
}

func powerKey(t operation.Target) string {
	return store.StatusKey(store.Ref{Kind: t.Kind, Project: t.Project, Name: t.Name}, powerName)
}

func guestKey(t operation.Target) string {
	return store.StatusKey(store.Ref{Kind: t.Kind, Project: t.Project, Name: t.Name}, guestName)
}

// withNames is what was written down last, with the names that volumes have got since.
func withNames(last *vm.PowerStatus, obj vm.Object) (*vm.PowerStatus, bool) {
	if last == nil || len(obj.Renames) == 0 {
		return last, false
	}
	now, changed := last.WithNames(obj.Renames)
	return &now, changed
}

// lastPower returns what was written down last. This package is its one writer, and what it has put
// may not be on the disk yet.
func (e *Engine) lastPower(ctx context.Context, t operation.Target) (*vm.PowerStatus, error) {
	e.mu.Lock()
	known, ok := e.power[t]
	e.mu.Unlock()
	if ok {
		return known, nil
	}
	st, _, err := store.Get[vm.PowerStatus](ctx, e.Store, powerKey(t))
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &st, nil
}

// gather reads the volumes and boot files that the spec names. What is missing is left out; the
// plan says what follows from that.
func (e *Engine) gather(ctx context.Context, in *plan.VMInput) error {
	at := func(kind, name string) string {
		return store.SpecKey(store.Ref{Kind: kind, Project: in.Wish.Project, Name: name})
	}
	in.Can = map[string]storage.Capabilities{}
	return in.Gather(
		func(name string) (storage.Volume, bool, error) {
			v, found, err := store.Find[storage.Volume](ctx, e.Store, at(KindVolume, name))
			if can, closed := e.Volumes.Can(v.Head().Pool); found && closed == nil { // of one that is closed nothing is opened
				in.Can[v.Head().Pool] = can
			}
			return v, found, err
		},
		func(name string) (storage.BootFile, bool, error) {
			return store.Find[storage.BootFile](ctx, e.Store, at("boot-file", name))
		},
		func(name string) (storage.Share, bool, error) {
			return store.Find[storage.Share](ctx, e.Store, store.SpecKey(store.Ref{Kind: "share", Project: store.HostWide, Name: name}))
		})
}

// finish writes what came of it and ends the operations that waited for it.
func (r *vmRun) finish(ctx context.Context, revision int64) error {
	if len(r.plan.Steps) > 0 && !r.plan.Removed {
		seen, err := r.Hypervisor.Observe(ctx, r.in.Wish.Spec.UUID)
		if err != nil {
			return fault.Wrap(err, "cannot see vm %q", r.in.Wish.Name)
		}
		r.note(seen)
	}
	if r.plan.Overdue {
		r.overdue(ctx)
		return nil
	}
	r.mend()
	if r.plan.Unheard {
		r.unheard(ctx)
	}
	r.unsaved(ctx)
	r.goesOn(ctx)
	var again error
	switch {
	case r.plan.Removed:
		return r.remove(ctx, revision)
	case r.plan.Reached, r.plan.Waiting:
		r.observed(r.in.Wish.Generation)
		if err := r.settleClaims(ctx, revision); err != nil {
			return err
		}
		lost, well := r.lost()
		well, again = r.snapshots(ctx, well)
		well = r.failMedia(ctx, well)
		r.tellPending(well)
		r.ops.end(ctx, lost, operation.Failed, r.why())
		r.ops.end(ctx, well, operation.Done, nil)
	}
	if until := r.plan.Until; !until.IsZero() {
		r.queue.after(r.target, until.Sub(r.Steady())+time.Millisecond)
	}
	return again
}

// unheard tells whoever waits for a reboot that the guest has let its time pass. Nothing of it stays: a guest
// that powers itself off later has not been asked to come back.
func (r *vmRun) unheard(ctx context.Context) {
	var asked []*operation.Operation
	r.due = slices.DeleteFunc(r.due, func(op *operation.Operation) bool {
		if op.Action == "vm.reboot" {
			asked = append(asked, op)
		}
		return op.Action == "vm.reboot"
	})
	r.ops.end(ctx, asked, operation.Failed, problem(
		fault.New(fault.Unavailable, "the guest of vm %q did not power off within %d s, and was not rebooted", r.in.Wish.Name, r.in.Effective.StopTimeout).
			Try("hv vm reset %s resets it without asking", r.in.Wish.Name).WithCode("HV-VM-070")))
}
