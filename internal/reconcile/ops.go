package reconcile

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// ops are the operations under way, by their targets. Each ends exactly once.
type ops struct {
	writer  *writer
	now     func() time.Time
	outcome func(context.Context, operation.Operation)

	mu   sync.Mutex
	live map[operation.Target][]*operation.Operation // oldest first
}

func newOps(w *writer, now func() time.Time, outcome func(context.Context, operation.Operation)) *ops {
	return &ops{writer: w, now: now, outcome: outcome, live: map[operation.Target][]*operation.Operation{}}
}

// load takes up what had not ended when the daemon before this one did.
func (o *ops) load(ctx context.Context, s store.Store, found func(operation.Target)) error {
	statuses, _, err := store.ListAll[operation.Status](ctx, s, store.StatusesPrefix(KindOperation))
	if err != nil {
		return err
	}
	ended := map[string]bool{}
	for _, st := range statuses {
		if ref, _, err := store.ParseStatus(st.Key); err == nil && st.Value.State.Ended() {
			ended[ref.Name] = true
		}
	}
	wishes, _, err := store.ListAll[operation.Wish](ctx, s, store.SpecPrefix(KindOperation))
	if err != nil {
		return err
	}
	for _, w := range wishes {
		if !ended[w.Value.ID] {
			o.add(ctx, w.Value)
			found(w.Value.Target)
		}
	}
	return nil
}

// add begins to follow an operation; one that is followed already is told of a cancel.
func (o *ops) add(_ context.Context, w operation.Wish) {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.live[w.Target]
	for _, have := range list {
		if have.ID == w.ID {
			have.CancelAsked = w.CancelAsked
			return
		}
	}
	list = append(list, &operation.Operation{Wish: w, Status: operation.Status{State: operation.Pending}})
	slices.SortFunc(list, func(a, b *operation.Operation) int { return cmp.Compare(a.AuditSeq, b.AuditSeq) })
	o.live[w.Target] = list
}

// of returns the operations on t that generation has in it: those that wait for a newer one are
// not due yet.
func (o *ops) of(t operation.Target, generation int64) []*operation.Operation {
	o.mu.Lock()
	defer o.mu.Unlock()
	var due []*operation.Operation
	for _, op := range o.live[t] {
		if op.Generation <= generation {
			due = append(due, op)
		}
	}
	return due
}

// begin notes the steps that are about to be done for all of list, and what was found out about them.
func (o *ops) begin(list []*operation.Operation, p plan.Plan) {
	o.change(list, func(op *operation.Operation) {
		op.State, op.Findings = operation.Running, p.Findings
		for _, s := range p.Steps {
			op.Steps = append(op.Steps, operation.Step{Name: s.Name, State: operation.Pending})
		}
	})
}

// step notes that one step, by its place from the end of the noted ones, has a new state.
func (o *ops) step(list []*operation.Operation, fromEnd int, state operation.State) {
	now := o.now()
	o.change(list, func(op *operation.Operation) {
		if fromEnd > len(op.Steps) {
			return
		}
		s := &op.Steps[len(op.Steps)-fromEnd]
		s.State = state
		if state == operation.Running {
			s.Started = &now
		} else {
			s.Ended = &now
		}
	})
}

// change edits and writes each operation of list.
func (o *ops) change(list []*operation.Operation, edit func(*operation.Operation)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range list {
		edit(op)
		o.writer.put(statusKey(op), copyStatus(op.Status))
	}
}

// end ends each operation of list.
func (o *ops) end(ctx context.Context, list []*operation.Operation, state operation.State, why *operation.Problem) {
	now := o.now()
	for _, op := range list {
		o.mu.Lock()
		if op.State.Ended() {
			o.mu.Unlock()
			continue
		}
		op.State, op.Ended, op.Error = state, &now, why
		o.live[op.Target] = slices.DeleteFunc(o.live[op.Target], func(x *operation.Operation) bool { return x == op })
		if len(o.live[op.Target]) == 0 {
			delete(o.live, op.Target)
		}
		o.writer.put(statusKey(op), copyStatus(op.Status))
		ended := *op
		o.mu.Unlock()
		o.outcome(ctx, ended)
	}
}

func statusKey(op *operation.Operation) string {
	return store.StatusKey(store.Ref{Kind: KindOperation, Project: op.Target.Project, Name: op.ID}, writerName)
}

func copyStatus(s operation.Status) operation.Status {
	s.Steps = slices.Clone(s.Steps)
	return s
}
