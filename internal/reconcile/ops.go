package reconcile

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// ops are the operations under way, by their targets. Each ends exactly once.
type ops struct {
	writer   *writer
	now      func() time.Time
	outcome  func(context.Context, operation.Operation)
	recorded func(context.Context, []operation.Operation) (map[string]operation.Status, error)

	mu   sync.Mutex
	live map[operation.Target][]*operation.Operation // oldest first
	met  map[string]bool                             // IDs that load has met and whoever follows meets again
}

func newOps(w *writer, c Config) *ops {
	return &ops{writer: w, now: c.Now, outcome: c.Outcome, recorded: c.Recorded, live: map[operation.Target][]*operation.Operation{}, met: map[string]bool{}}
}

// load takes up what had not ended when the daemon before this one did. What is wished while that is read,
// after revision, is met again by whoever follows from there: it may have ended by then.
func (o *ops) load(ctx context.Context, s store.Store, revision int64, found func(operation.Target)) error {
	wishes, _, err := store.ListAll[operation.Wish](ctx, s, store.SpecPrefix(KindOperation))
	if err != nil {
		return err
	}
	// Later than the wishes: what ended in between is not taken up again.
	statuses, _, err := store.ListAll[operation.Status](ctx, s, store.StatusesPrefix(KindOperation))
	if err != nil {
		return err
	}
	before := map[string]operation.Status{}
	for _, st := range statuses {
		if ref, _, err := store.ParseStatus(st.Key); err == nil {
			before[ref.Name] = st.Value
		}
	}
	var left []operation.Operation
	for _, w := range wishes {
		if w.ModRevision > revision {
			o.met[w.Value.ID] = true
		}
		st, noted := before[w.Value.ID]
		if st.State.Ended() {
			continue
		}
		if !noted { // not begun, or ended and removed since the wishes were read
			_, still, err := store.Find[operation.Wish](ctx, s, w.Key)
			if err != nil {
				return err
			}
			if !still {
				continue
			}
		}
		left = append(left, operation.Operation{Wish: w.Value, Status: st})
	}
	return o.takeOver(ctx, left, found)
}

// takeOver takes up what an earlier daemon has left. What that has recorded the outcome of, and was cut off
// before it could write it into the status, has ended so: an outcome is recorded once.
func (o *ops) takeOver(ctx context.Context, left []operation.Operation, found func(operation.Target)) error {
	if len(left) == 0 {
		return nil
	}
	recorded, err := o.recorded(ctx, left)
	if err != nil {
		return err
	}
	for _, op := range left {
		if end, ok := recorded[op.ID]; ok {
			end.Steps, end.Findings = taken(op.Status).Steps, op.Findings
			o.writer.put(statusKey(&op), end)
			continue
		}
		o.add(op.Wish, taken(op.Status))
		found(op.Target)
	}
	return nil
}

// taken is the status of an operation that an earlier daemon has left: the steps that had ended stay,
// what else is to be done is planned anew.
func taken(st operation.Status) operation.Status {
	return operation.Status{
		State: operation.Pending, Findings: st.Findings,
		Steps: slices.DeleteFunc(st.Steps, func(s operation.Step) bool { return !s.State.Ended() }),
	}
}

// add begins to follow an operation, once.
func (o *ops) add(w operation.Wish, st operation.Status) {
	if o.hear(w) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	list := append(slices.Clone(o.live[w.Target]), &operation.Operation{Wish: w, Status: st})
	slices.SortFunc(list, func(a, b *operation.Operation) int { return cmp.Compare(a.AuditSeq, b.AuditSeq) })
	o.live[w.Target] = list
}

// follow begins to follow an operation that was just wished, unless load has met it.
func (o *ops) follow(w operation.Wish) {
	o.mu.Lock()
	met := o.met[w.ID]
	delete(o.met, w.ID)
	o.mu.Unlock()
	if met {
		o.hear(w)
		return
	}
	o.add(w, operation.Status{State: operation.Pending})
}

// hear notes that an operation which is followed is to be cancelled, and reports whether it is.
func (o *ops) hear(w operation.Wish) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, have := range o.live[w.Target] {
		if have.ID == w.ID {
			have.CancelAsked = w.CancelAsked
			return true
		}
	}
	return false
}

// cancelled reports whether somebody has asked to cancel it.
func (o *ops) cancelled(op *operation.Operation) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return op.CancelAsked
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

// all returns every operation on t.
func (o *ops) all(t operation.Target) []*operation.Operation { return o.of(t, math.MaxInt64) }

// begin notes the steps that are about to be done for all of list, and what was found out about them.
func (o *ops) begin(list []*operation.Operation, p plan.Plan) {
	o.change(list, func(op *operation.Operation) {
		op.State, op.Findings = operation.Running, p.Findings
		endProgress(op, o.now())
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

// progress notes how far a step is that goes on between two looks; it is added where it is not the last one.
func (o *ops) progress(list []*operation.Operation, name string, at operation.Progress) {
	now := o.now()
	o.change(list, func(op *operation.Operation) {
		op.State = operation.Running
		if n := len(op.Steps); n == 0 || op.Steps[n-1].Name != name || op.Steps[n-1].State != operation.Running {
			op.Steps = append(op.Steps, operation.Step{Name: name, State: operation.Running, Started: &now})
		}
		if at.Total > 0 {
			op.Steps[len(op.Steps)-1].Progress = &at
		}
	})
}

// endProgress ends the step that went on until now.
func endProgress(op *operation.Operation, now time.Time) {
	if n := len(op.Steps); n > 0 && op.Steps[n-1].State == operation.Running {
		op.Steps[n-1].State, op.Steps[n-1].Ended = operation.Done, &now
	}
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

// end ends each operation of list. What was cancelled while it was being done has had its wish put
// back: it does not count as done.
func (o *ops) end(ctx context.Context, list []*operation.Operation, state operation.State, why *operation.Problem) {
	now := o.now()
	for _, op := range list {
		o.mu.Lock()
		if op.State.Ended() {
			o.mu.Unlock()
			continue
		}
		if state == operation.Done {
			endProgress(op, now)
		}
		op.State, op.Ended, op.Error = state, &now, why
		if op.CancelAsked && state == operation.Done {
			op.State = operation.Cancelled
		}
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
