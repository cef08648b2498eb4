package reconcile

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// loadBoot finds out which VMs start because their host did, before anybody looks at one. A daemon that comes later
// in the same run of the host finds those that are left.
func (e *Engine) loadBoot(ctx context.Context, vms []store.Object[vm.Object]) error {
	statuses, _, err := store.ListAll[json.RawMessage](ctx, e.Store, store.StatusesPrefix(KindVM))
	if err != nil {
		return err
	}
	seen := map[model.Ref]vm.PowerStatus{}
	for _, st := range statuses {
		ref, writer, err := store.ParseStatus(st.Key)
		if err != nil || writer != powerName { // another part of what was seen, of another shape
			continue
		}
		power, err := store.Decode[vm.PowerStatus](st.KV)
		if err != nil {
			return err
		}
		seen[model.Ref{Project: ref.Project, Name: ref.Name}] = power
	}
	facts := e.Facts()
	var members []plan.Member
	for _, o := range vms {
		full, _ := vm.Effective(o.Value.Spec, facts.Arch)
		ref := model.Ref{Project: o.Value.Project, Name: o.Value.Name}
		if plan.StartsWithHost(o.Value, full, seen[ref], facts) {
			members = append(members, member(ref, full))
		}
	}
	e.boot = plan.NewOrder(members)
	return nil
}

func member(ref model.Ref, s vm.Spec) plan.Member {
	m := plan.Member{Ref: ref}
	if s.Startup != nil {
		m.Startup = *s.Startup
	}
	return m
}

// place says whether it is a VM's turn to start or to stop, where its host has begun or is to end.
func (e *Engine) place(ctx context.Context, t operation.Target, in *plan.VMInput, due []*operation.Operation) []*operation.Operation {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.halt != nil {
		in.Halt, in.Hold = e.halt.place(t.Ref, *in)
		if in.Hold == "" {
			return due
		}
		return e.refuseStarts(ctx, in.Wish.Name, due)
	}
	if !e.boot.Has(t.Ref) || in.Seen.Process != nil {
		return due
	}
	var last vm.PowerStatus
	if in.Last != nil {
		last = *in.Last
	}
	if !plan.StartsWithHost(in.Wish, in.Effective, last, in.Facts) { // somebody has wished anew
		e.wake(e.boot.Settle(t.Ref, time.Time{}, "somebody has wished otherwise"))
		return due
	}
	if in.Hold, in.HoldUntil = e.boot.Start(t.Ref, in.Now); in.Hold == "" {
		in.Missing = e.boot.Missing(t.Ref)
	}
	return due
}

// refuseStarts ends what would start a VM now.
func (e *Engine) refuseStarts(ctx context.Context, name string, due []*operation.Operation) []*operation.Operation {
	var left, refused []*operation.Operation
	for _, op := range due {
		if op.Action == "vm.start" || op.Action == "vm.resume" {
			refused = append(refused, op)
		} else {
			left = append(left, op)
		}
	}
	e.ops.end(ctx, refused, operation.Failed, problem(
		fault.New(fault.Unavailable, "vm %q is not started while the host is being shut down", name).Try("hv operation list").WithCode("HV-VM-073")))
	return left
}

func (e *Engine) wake(all []model.Ref) {
	for _, ref := range all {
		e.queue.add(operation.Target{Kind: KindVM, Ref: ref})
	}
}

// placed notes what a look has made of a VM that starts or stops with its host.
func (e *Engine) placed(ctx context.Context, r *vmRun, err error) {
	if r.status == nil || ctx.Err() != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.halt != nil {
		e.halted(ctx, r)
		return
	}
	if !e.boot.Has(r.target.Ref) {
		return
	}
	up := r.status.State == vm.StateRunning || r.status.State == vm.StatePrelaunch && r.in.Effective.Power == vm.Paused
	switch {
	case up:
		e.wake(e.boot.Settle(r.target.Ref, r.Steady(), ""))
	case err != nil && (!fault.Retryable(err) || e.tries[r.target]+1 >= maxTries):
		e.wake(e.boot.Settle(r.target.Ref, time.Time{}, err.Error()))
	case err == nil && r.status.Process == nil && r.plan.Held == "":
		e.wake(e.boot.Settle(r.target.Ref, time.Time{}, r.status.Reason))
	}
}
