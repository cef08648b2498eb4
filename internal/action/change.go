package action

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// change is one mutation being put together: a wish, and the transaction that makes it.
type change struct {
	call   Call
	row    Row
	wish   operation.Wish
	status *operation.Status // for what is done as soon as it is committed
	txn    store.Txn
	plan   []wire.PlanStep
	notes  finding.List
	diff   []wire.Change
	act    func(context.Context) error // what is done beside the store, once it is recorded and before it is committed; it may run twice
	config *wire.ConfigPlan            // of a declaration
	making *making                     // the volumes that are made with it; nil where none can be
}

func (c *change) put(key string, v any) error {
	op, err := store.PutJSON(key, v, 0)
	c.txn.Then = append(c.txn.Then, op)
	return err
}

func (c *change) require(cmps ...store.Cmp) { c.txn.If = append(c.txn.If, cmps...) }

func (c *change) step(format string, args ...any) {
	c.plan = append(c.plan, wire.PlanStep{Name: fmt.Sprintf(format, args...)})
}

// maxRaces is how often a change is put together anew because somebody else was quicker.
const maxRaces = 16

// do takes one change through the gate, the audit log and the store. build reads what there is and
// puts the transaction together; it is called again when what it read has changed meanwhile.
func (a *Actions) do(ctx context.Context, call Call, row Row, target operation.Target, build func(*change) error) (Result, error) {
	release, err := a.keep(ctx, row)
	if err != nil {
		a.refused(ctx, call, row, target, err)
		return Result{}, err
	}
	defer release()
	if err := a.may(ctx, call, row, target); err != nil {
		a.refused(ctx, call, row, target, err)
		return Result{}, err
	}
	if res, ok, err := a.repeated(ctx, call, row, target); ok || err != nil {
		return res, err
	}
	c := a.fresh(call, row, target)
	err = build(c)
	if call.DryRun {
		return preview(c, err)
	}
	if err != nil {
		if res, ok, again := a.repeated(ctx, call, row, target); ok && again == nil {
			return res, nil // what is in the way is what the same call has just made
		}
		a.refused(ctx, call, row, target, err)
		return Result{}, err
	}
	var receipt audit.Receipt
	err = a.insist(row, func() (err error) {
		receipt, err = a.Audit.Append(ctx, record(call, row, target, c.wish, audit.Intent))
		return err
	})
	if err != nil {
		return Result{}, fault.Wrap(err, "nothing is done that the audit log cannot record")
	}
	if c.act != nil {
		if err := c.act(ctx); err != nil {
			a.outcome(ctx, row, c.wish, operation.Failed, receipt.Seq, err)
			return Result{}, err
		}
	}
	res, err := a.commit(ctx, c, receipt.Seq, build)
	if err != nil {
		if same, ok, again := a.repeated(ctx, call, row, target); ok && again == nil {
			a.outcome(ctx, row, c.wish, operation.Superseded, receipt.Seq, fmt.Errorf("the same call was made before: operation %s", same.Operation.ID))
			return same, nil
		}
		a.outcome(ctx, row, c.wish, operation.Failed, receipt.Seq, err)
		return Result{}, err
	}
	if res.Operation.State.Ended() {
		a.outcome(ctx, row, res.Operation.Wish, res.Operation.State, receipt.Seq, nil)
	}
	return res, nil
}

// may is the gate, and what it needs to know of the target.
func (a *Actions) may(ctx context.Context, call Call, row Row, target operation.Target) error {
	if err := a.Authorize(ctx, call, row); err != nil {
		return err
	}
	if target.Project == store.HostWide {
		return nil
	}
	return model.CheckName("project", target.Project)
}

func (a *Actions) fresh(call Call, row Row, target operation.Target) *change {
	return &change{call: call, row: row, wish: operation.Wish{
		ID: hex.EncodeToString(a.Random(8)), Action: row.name, Target: target, Actor: call.Actor, Created: a.Now(),
	}}
}

// commit writes the change, and puts it together anew where somebody else was quicker.
func (a *Actions) commit(ctx context.Context, c *change, seq int64, build func(*change) error) (Result, error) {
	for race := 0; ; race++ {
		c.wish.AuditSeq = seq
		if err := a.addOperation(c); err != nil {
			return Result{}, err
		}
		var done store.Result
		err := a.insist(c.row, func() (err error) {
			done, err = a.Store.Commit(ctx, c.txn)
			return err
		})
		if err == nil {
			op := operation.Operation{Wish: c.wish, Status: operation.Status{State: operation.Pending, Findings: c.notes}}
			if c.status != nil {
				op.Status = *c.status
			}
			return Result{Operation: &op, Revision: done.Revision}, nil
		}
		if _, raced := errors.AsType[*store.CompareFailed](err); !raced {
			return Result{}, err
		}
		if race == maxRaces {
			return Result{}, fault.New(fault.Unavailable, "others change %s all the time", c.wish.Target).Because(err).Try("try again")
		}
		again := &change{call: c.call, row: c.row, wish: c.wish}
		again.wish.Params = nil
		if err := build(again); err != nil {
			return Result{}, err
		}
		*c = *again
		if c.act == nil {
			continue
		}
		if err := c.act(ctx); err != nil { // what is put together anew may need something else done beside the store
			return Result{}, err
		}
	}
}

// addOperation puts the operation, and the mark of its idempotency key, into the transaction.
func (a *Actions) addOperation(c *change) error {
	ref := operationRef(c.wish)
	if err := c.put(store.SpecKey(ref), c.wish); err != nil {
		return err
	}
	if c.status != nil {
		if err := c.put(store.StatusKey(ref, "reconcile"), c.status); err != nil {
			return err
		}
	}
	if c.call.IdempotencyKey == "" {
		return nil
	}
	key := idempotencyKey(c.call)
	c.require(store.Absent(key))
	return c.put(key, store.SpecKey(ref))
}

func idempotencyKey(call Call) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s", call.Actor.UID, call.IdempotencyKey))
	return store.ClaimKey("idempotency", store.HostWide, hex.EncodeToString(sum[:16]))
}

// repeated answers a call that was made before with the operation that it made then, as it is now.
func (a *Actions) repeated(ctx context.Context, call Call, row Row, target operation.Target) (Result, bool, error) {
	if call.IdempotencyKey == "" || call.DryRun {
		return Result{}, false, nil
	}
	key, kv, err := store.Get[string](ctx, a.Store, idempotencyKey(call))
	if errors.Is(err, fault.NotFound) {
		return Result{}, false, nil
	}
	if err != nil {
		return Result{}, false, err
	}
	wish, _, err := store.Get[operation.Wish](ctx, a.Store, key)
	if err != nil {
		return Result{}, false, fault.Wrap(err, "this call was made before, and its operation is gone")
	}
	if wish.Action != row.name || wish.Target != target {
		return Result{}, false, fault.New(fault.Conflict, "this idempotency key was used for %s of %s, operation %s", wish.Action, wish.Target, wish.ID).
			Try("make another key for another call")
	}
	st, _, err := store.Get[operation.Status](ctx, a.Store, store.StatusKey(operationRef(wish), "reconcile"))
	if err != nil {
		if fault.KindOf(err) != fault.NotFound {
			return Result{}, false, err
		}
		st.State = operation.Pending
	}
	return Result{Operation: &operation.Operation{Wish: wish, Status: st}, Revision: kv.ModRevision, repeated: true}, true, nil
}

func operationRef(w operation.Wish) store.Ref {
	return store.Ref{Kind: "operation", Project: w.Target.Project, Name: w.ID}
}

// preview is the answer to a dry run: a refusal is part of it, not an error.
func preview(c *change, err error) (Result, error) {
	p := &wire.Preview{Plan: c.plan, Findings: c.notes, Changes: c.diff, Config: c.config}
	if p.Plan == nil {
		p.Plan = []wire.PlanStep{}
	}
	if err != nil {
		refusal, ok := errors.AsType[finding.Refusal](err)
		if !ok {
			return Result{}, err
		}
		p.Findings, p.Refused = refusal.Findings, true
	}
	if p.Findings == nil {
		p.Findings = finding.List{}
	}
	return Result{Preview: p}, nil
}

// record is one line of the audit log. A name that is too long to be one is cut: who tries it does
// not escape the log.
func record(call Call, row Row, target operation.Target, wish operation.Wish, phase audit.Phase) audit.Record {
	const most = 256
	name := target.String()
	if len(name) > most {
		name = name[:most] + "…"
	}
	return audit.Record{
		Time: wish.Created, Actor: audit.Actor{UID: int64(call.Actor.UID), User: call.Actor.Name, Via: call.Actor.Via},
		Action: row.name, Target: name, Phase: phase, Operation: wish.ID, Params: wish.Params,
	}
}

// refused records a change that did not pass. What was only asked with a dry run is no change.
func (a *Actions) refused(ctx context.Context, call Call, row Row, target operation.Target, why error) {
	if call.DryRun || row.wish == Read {
		return
	}
	r := record(call, row, target, operation.Wish{Created: a.Now()}, audit.Intent)
	receipt, err := a.Audit.Append(context.WithoutCancel(ctx), r)
	if err != nil {
		a.Log.Error("the audit log missed a refusal", "action", row.name, "target", target.String(), "err", err)
		return
	}
	r.Phase, r.Intent, r.Result, r.Error = audit.Outcome, receipt.Seq, "refused", why.Error()
	a.append(ctx, r)
}

// outcome records what became of a change.
func (a *Actions) outcome(ctx context.Context, row Row, wish operation.Wish, state operation.State, intent int64, why error) {
	r := record(Call{Actor: wish.Actor}, row, wish.Target, wish, audit.Outcome)
	r.Time, r.Result, r.Intent = a.Now(), string(state), intent
	if why != nil {
		r.Error = why.Error()
	}
	a.append(ctx, r)
}

// Ended records the outcome of an operation that somebody else has run.
func (a *Actions) Ended(ctx context.Context, op operation.Operation) {
	row, err := ByName(op.Action)
	if err != nil {
		a.Log.Error("an operation of no action ended", "operation", op.ID, "err", err)
		return
	}
	var why error
	if op.Error != nil {
		why = errors.New(op.Error.What)
	}
	a.outcome(ctx, row, op.Wish, op.State, op.AuditSeq, why)
}

// append writes what is true already: it cannot be refused any more, only missed, and that is told. On a
// full disk the reserve is given up for it.
func (a *Actions) append(ctx context.Context, r audit.Record) {
	_, err := a.Audit.Append(context.WithoutCancel(ctx), r)
	if fault.KindOf(err) == fault.Exhausted && a.MakeRoom != nil && a.MakeRoom() {
		a.Log.Warn("the disk of the state folder is full: its reserve is given up for an outcome", "action", r.Action)
		_, err = a.Audit.Append(context.WithoutCancel(ctx), r)
	}
	if err != nil {
		a.Log.Error("the audit log missed an outcome", "action", r.Action, "target", r.Target, "result", r.Result, "err", err)
	}
}

// atOnce says that a change is done as soon as it is committed.
func (c *change) atOnce(now time.Time) {
	c.status = &operation.Status{State: operation.Done, Ended: &now}
}

// byHand is what a new object that somebody asks for is called, and what it is told apart by.
func (a *Actions) byHand(c *change, project, name string, labels map[string]string) model.Metadata {
	return model.Metadata{
		Name: name, Project: project, UID: uuid(a.Random(16)), Labels: labels,
		Origin: model.Manual, Generation: 1, Created: c.wish.Created,
	}
}
