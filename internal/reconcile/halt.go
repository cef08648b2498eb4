package reconcile

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// halt is the end of all VMs with their host: in the reverse order of their start, those of a rank at once, each
// with its own time. It is guarded by the engine's mutex.
type halt struct {
	ops      []*operation.Operation
	deadline time.Time // of all together; zero for none
	members  []plan.Member
	order    *plan.Order
	begun    map[model.Ref]time.Time
}

// reconcileHost begins to stop all VMs, or hears of one more who waits for that.
func (e *Engine) reconcileHost(ctx context.Context, t operation.Target) error {
	due := e.ops.all(t)
	if len(due) == 0 {
		return nil
	}
	vms, _, err := store.ListAll[vm.Object](ctx, e.Store, store.SpecPrefix(KindVM))
	if err != nil {
		return err
	}
	var members []plan.Member
	for _, o := range vms {
		at := target(KindVM, o.Value.Metadata)
		st, err := e.lastPower(ctx, at)
		if err != nil {
			return err
		}
		if st != nil && st.Process != nil {
			full, _ := vm.Effective(o.Value.Spec, e.Facts().Arch)
			members = append(members, member(at.Ref, full))
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.halt == nil {
		e.halt = &halt{members: members, order: plan.NewOrder(members), begun: map[model.Ref]time.Time{}}
	}
	for _, op := range due {
		if !slices.Contains(e.halt.ops, op) {
			e.halt.hear(op, e.Steady())
			e.ops.begin([]*operation.Operation{op}, plan.Plan{Steps: e.halt.steps()})
		}
	}
	e.wake(e.halt.order.Left())
	e.endHalt(ctx)
	return nil
}

// hear takes up one who asked; the earliest deadline holds.
func (h *halt) hear(op *operation.Operation, now time.Time) {
	h.ops = append(h.ops, op)
	seconds, err := strconv.Atoi(op.Params["timeout"])
	if err != nil {
		return
	}
	if at := now.Add(time.Duration(seconds) * time.Second); h.deadline.IsZero() || at.Before(h.deadline) {
		h.deadline = at
	}
}

func (h *halt) steps() []plan.Step {
	var out []plan.Step
	for _, ref := range h.order.Left() {
		out = append(out, plan.Step{Name: stopName(ref)})
	}
	return out
}

func stopName(ref model.Ref) string { return "stop vm " + ref.String() }

// place says whether it is a VM's turn to stop. One without a process is not started.
func (h *halt) place(ref model.Ref, in plan.VMInput) (*plan.Halt, string) {
	if in.Seen.Process == nil {
		if !h.order.Has(ref) {
			return nil, "the host is being shut down: nothing is started now"
		}
	} else if !h.order.Has(ref) { // it was being started when this began
		h.members = append(slices.DeleteFunc(h.members, func(m plan.Member) bool { return !h.order.Has(m.Ref) }), member(ref, in.Effective))
		h.order = plan.NewOrder(h.members)
	}
	if h.order.Stop(ref) != "" {
		return nil, "the host is being shut down: nothing is started now"
	}
	if h.begun[ref].IsZero() {
		h.begun[ref] = in.Now
	}
	return &plan.Halt{Begun: h.begun[ref], Deadline: h.deadline}, ""
}

// halted notes that a VM's turn has begun, or that it is down, and wakes those whose turn it is then.
func (e *Engine) halted(ctx context.Context, r *vmRun) {
	h, ref := e.halt, r.target.Ref
	if r.status.Process != nil {
		if !h.order.Has(ref) {
			e.queue.add(r.target)
		}
		if r.in.Halt != nil {
			e.haltStep(ref, operation.Running, stopName(ref))
		}
		return
	}
	if !h.order.Has(ref) {
		return
	}
	name := stopName(ref)
	if slices.ContainsFunc(r.plan.Steps, func(s plan.Step) bool { return s.Kind == plan.Kill }) {
		name += ": ended, its guest let its time pass"
	}
	if r.status.Saved.Whole() {
		name += ": it is suspended"
	}
	e.haltStep(ref, operation.Done, name)
	h.order.Settle(ref, time.Time{}, "")
	for _, next := range h.order.Left() {
		if h.begun[next].IsZero() && h.order.Stop(next) == "" {
			e.wake([]model.Ref{next})
		}
	}
	e.endHalt(ctx)
}

// endHalt ends the operations once every VM is down.
func (e *Engine) endHalt(ctx context.Context) {
	if len(e.halt.order.Left()) > 0 {
		return
	}
	ops := e.halt.ops
	e.halt = nil
	e.ops.end(ctx, ops, operation.Done, nil)
}

// haltStep notes how far one VM is.
func (e *Engine) haltStep(ref model.Ref, state operation.State, name string) {
	now := e.Now()
	e.ops.change(e.halt.ops, func(op *operation.Operation) {
		i := slices.IndexFunc(op.Steps, func(s operation.Step) bool { return s.Name == stopName(ref) && !s.State.Ended() })
		if i < 0 {
			op.Steps = append(op.Steps, operation.Step{})
			i = len(op.Steps) - 1
		}
		s := &op.Steps[i]
		s.Name, s.State = name, state
		if s.Started == nil {
			s.Started = &now
		}
		if state.Ended() {
			s.Ended = &now
		}
	})
}
