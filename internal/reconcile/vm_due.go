package reconcile

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// forceful reports whether an operation asks to end QEMU without asking the guest.
func forceful(op *operation.Operation) bool { return op.Params["force"] == "true" }

// deletes reports whether an operation wishes something away: it is done when that is gone.
func deletes(op *operation.Operation) bool {
	return strings.HasSuffix(op.Action, ".delete") || op.Action == "volume.purge"
}

// edge reports whether an operation happens to a run and wishes no other power.
func edge(op *operation.Operation) bool { return op.Action == "vm.reboot" || op.Action == "vm.reset" }

// unserved reports whether an operation is of this action and was not begun yet, also not by an earlier daemon.
func unserved(action string, last *vm.PowerStatus) func(*operation.Operation) bool {
	return func(op *operation.Operation) bool {
		return op.Action == action && (last == nil || op.AuditSeq > last.Served)
	}
}

// power reports whether an operation wishes a state of power: of those only the newest counts.
func power(op *operation.Operation) bool {
	switch op.Action {
	case "vm.start", "vm.stop", "vm.kill", "vm.pause", "vm.resume", "vm.suspend":
		return true
	}
	return false
}

// patience is how many seconds the guest gets: what was asked for with the stop, or the spec's.
func patience(due []*operation.Operation, spec int) int {
	for _, op := range due {
		if n, err := strconv.Atoi(op.Params["timeout"]); err == nil {
			return n
		}
	}
	return spec
}

// settle ends what was cancelled and what a newer wish has taken the place of. A wish to be deleted
// takes the place of all others.
func (e *Engine) settle(ctx context.Context, obj vm.Object, due []*operation.Operation) []*operation.Operation {
	newest, back := int64(-1), int64(-1)
	for _, op := range due {
		if op.Action == "snapshot.restore" && !e.ops.cancelled(op) {
			back = max(back, op.AuditSeq)
		}
		if power(op) && !e.ops.cancelled(op) {
			newest = max(newest, op.AuditSeq)
		}
	}
	var left, cancelled, superseded []*operation.Operation
	for _, op := range due {
		switch {
		case e.ops.cancelled(op):
			cancelled = append(cancelled, op)
		case obj.Deleted != nil && op.Action != "vm.delete", power(op) && op.AuditSeq != newest, op.Action == "snapshot.restore" && op.AuditSeq != back,
			(power(op) || edge(op)) && op.Generation < obj.PowerGeneration: // an edit, an apply or a verb has wished anew
			superseded = append(superseded, op)
		default:
			left = append(left, op)
		}
	}
	e.ops.end(ctx, cancelled, operation.Cancelled, nil)
	e.ops.end(ctx, superseded, operation.Superseded, nil)
	return left
}

// refuseEdges ends what was asked of a run that is none: it is not kept for later. A reboot that was begun goes
// on while there is no run, and of a QEMU that does not answer nobody knows whether there is one.
func (e *Engine) refuseEdges(ctx context.Context, in plan.VMInput, due []*operation.Operation) []*operation.Operation {
	if in.Seen.RunState == "running" || (in.Seen.Process != nil && in.Seen.RunState == "") {
		return due
	}
	var left, refused []*operation.Operation
	for _, op := range due {
		powersOff := op.Action == "vm.reboot" && in.Seen.RunState == "shutdown"
		if edge(op) && unserved(op.Action, in.Last)(op) && !powersOff {
			refused = append(refused, op)
		} else {
			left = append(left, op)
		}
	}
	e.ops.end(ctx, refused, operation.Failed, problem(
		fault.New(fault.Precondition, "vm %q is not running", in.Wish.Name).Try("hv vm start %s", in.Wish.Name)))
	return left
}

// retire ends what was still to happen to an object that does not exist. Its deletion has: who did it
// was cut off before it could say so.
func (e *Engine) retire(ctx context.Context, t operation.Target, orphans []*operation.Operation) {
	var deletions []*operation.Operation
	orphans = slices.DeleteFunc(orphans, func(op *operation.Operation) bool {
		if deletes(op) {
			deletions = append(deletions, op)
		}
		return deletes(op)
	})
	e.ops.end(ctx, deletions, operation.Done, nil)
	e.ops.end(ctx, orphans, operation.Failed,
		problem(fault.New(fault.NotFound, "%s does not exist any more", t)))
}

// others are the operations that were asked of an object which had this one's name before it.
func others(list []*operation.Operation, uid string) []*operation.Operation {
	return slices.DeleteFunc(slices.Clone(list), func(op *operation.Operation) bool { return op.TargetUID == "" || op.TargetUID == uid })
}

// lost parts those who still waited for a run from the others, where that run has broken down: what
// they wished for is used up, and was not reached.
func (r *vmRun) lost() (lost, well []*operation.Operation) {
	end := r.status.Ended
	if end == nil || !end.How.Crash() && end.How != vm.EndHostReboot && end.How != vm.EndUnresumed && !r.plan.Waiting {
		return nil, r.due
	}
	for _, op := range r.due {
		if (strings.HasPrefix(op.Action, "snapshot.") || op.Action == "volume.clone") && op.Action != "snapshot.restore" { // no run has to come up for it
			well = append(well, op)
		} else if r.plan.Waiting && (power(op) || edge(op)) {
			lost = append(lost, op)
		} else if r.in.Effective.Power != vm.Off && r.in.Wish.Deleted == nil && op.Generation <= end.PowerGeneration {
			lost = append(lost, op)
		} else {
			well = append(well, op)
		}
	}
	return lost, well
}

// why says how the last run broke down.
func (r *vmRun) why() *operation.Problem {
	end := r.status.Ended
	if end == nil {
		return nil
	}
	if end.How == vm.EndUnresumed {
		return problem(r.unresumed(end))
	}
	what := map[vm.End]string{
		vm.EndQEMU: "QEMU ended", vm.EndPanic: "the guest panicked", vm.EndHostReboot: "the host was restarted", vm.EndWatchdog: "its watchdog expired",
		vm.EndGuest: "the guest powered itself off", vm.EndReset: "the guest reset itself",
	}[end.How]
	if r.plan.Waiting {
		what += ", and it is started again at " + r.plan.Until.Format(time.RFC3339)
	}
	if end.Detail != "" {
		what += ": " + end.Detail
	}
	return problem(fault.New(fault.Precondition, "vm %q did not come up: %s", r.in.Wish.Name, what).
		Try("hv vm logs %s --log qemu", r.in.Wish.Name).WithCode("HV-VM-014"))
}

// overdue tells whoever waits, and whoever looks, that the guest has let its time pass. The wish
// stands: a guest that powers off later has done what was wished.
func (r *vmRun) overdue(ctx context.Context) {
	late := fault.New(fault.Unavailable, "the guest of vm %q did not power off within %d s", r.in.Wish.Name, r.in.Effective.StopTimeout).
		Try("wait on, or hv vm kill %s", r.in.Wish.Name).WithCode("HV-VM-013")
	st := *r.status
	if st.Problem == nil || st.Problem.Code != "HV-VM-013" {
		st.Problem = r.trouble(late)
		st.Problem.Retry = false
		r.put(st)
	}
	r.ops.end(ctx, r.due, operation.Failed, problem(late))
}
