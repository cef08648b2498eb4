package reconcile

import (
	"context"
	"encoding/json"
	"reflect"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Pools is the hand that knows what is below the pools.
type Pools interface {
	// Reach opens a pool; one that is open stays so. Make opens one in which nothing was ever. Leave closes one.
	Reach(ctx context.Context, name string, spec storage.PoolSpec) (storage.Capabilities, error)
	Make(ctx context.Context, name string, spec storage.PoolSpec) (storage.Capabilities, error)
	Leave(name string) error
	// PutNote writes the note of an object beside its content, where it differs from what stands there.
	PutNote(ctx context.Context, pool, uid string, note storage.Note) error
	DropNote(ctx context.Context, pool, uid string) error
	// Unknown are the notes in a pool of all objects but those that are known, by UID.
	Unknown(ctx context.Context, pool string, known map[string]bool) (map[string][]byte, error)
}

func poolTarget(name string) operation.Target {
	return operation.Target{Kind: KindPool, Ref: model.Ref{Project: store.HostWide, Name: name}}
}

// loadPools queues every pool.
func (e *Engine) loadPools(ctx context.Context) error {
	if e.Pools == nil {
		return nil
	}
	pools, _, err := store.ListAll[storage.Pool](ctx, e.Store, store.SpecPrefix(KindPool))
	for _, p := range pools {
		e.queue.add(poolTarget(p.Value.Name))
	}
	e.queue.add(poolTarget(storage.DefaultPool))
	return err
}

// reconcilePool has a pool open as long as it is wished.
func (e *Engine) reconcilePool(ctx context.Context, t operation.Target) error {
	if e.Pools == nil {
		return nil
	}
	orphans := e.ops.all(t)
	p, kv, err := store.Get[storage.Pool](ctx, e.Store, specKey(t))
	if missing(err) {
		if t.Name == storage.DefaultPool { // it is there without anybody having made it
			return e.reach(ctx, t, storage.Pool{Metadata: model.Metadata{Name: t.Name}})
		}
		e.retire(ctx, t, orphans)
		return e.Pools.Leave(t.Name)
	}
	if err == nil {
		err = e.followed.await(ctx, kv.ModRevision)
	}
	if err != nil {
		return err
	}
	e.retire(ctx, t, others(orphans, p.UID))
	due := e.ops.of(t, p.Generation)
	if p.Deleted != nil {
		return e.leave(ctx, t, p, kv.ModRevision, due)
	}
	e.ops.begin(due, plan.Plan{})
	if err := e.reach(ctx, t, p); err != nil {
		e.ops.end(ctx, due, operation.Failed, problem(err))
		return err
	}
	noted := e.notePool(ctx, p, kv.Value)
	e.ops.end(ctx, due, operation.Done, nil)
	return noted
}

// reach opens a pool and writes down how that went. Its place is made only where it was declared and was never open:
// later one that is missing is on a disk that is not mounted.
func (e *Engine) reach(ctx context.Context, t operation.Target, p storage.Pool) error {
	was, _, old := store.Get[storage.PoolStatus](ctx, e.Store, poolStatusKey(t))
	if old != nil && !missing(old) {
		return old
	}
	open := e.Pools.Reach
	if p.Origin == model.Declared && !was.Made && !was.Open {
		open = e.Pools.Make
	}
	can, err := open(ctx, p.Name, p.Spec)
	if err == nil {
		e.sweep(ctx) // what could not go while it was closed
	}
	st := storage.PoolStatus{Open: err == nil, Can: can, Made: err == nil || was.Made || was.Open}
	if err != nil {
		st.Can, st.Problem = p.Spec.Effective().Kind.Can(), err.Error()
	}
	if old == nil && reflect.DeepEqual(was, st) {
		return err
	}
	e.writer.put(poolStatusKey(t), st)
	if err == nil {
		if err := e.lookInto(ctx, p.Name); err != nil {
			return err
		}
	}
	return err
}

// lookInto has everything looked at again that is in a pool which has come back.
func (e *Engine) lookInto(ctx context.Context, pool string) error {
	volumes, _, err := store.ListAll[storage.Volume](ctx, e.Store, store.SpecPrefix(KindVolume))
	for _, v := range volumes {
		if v.Value.Spec.Pool == pool {
			e.queue.add(target(KindVolume, v.Value.Metadata))
		}
	}
	return err
}

func poolStatusKey(t operation.Target) string {
	return store.StatusKey(store.Ref{Kind: KindPool, Project: t.Project, Name: t.Name}, writerName)
}

// leave closes a pool once nothing is in it.
func (e *Engine) leave(ctx context.Context, t operation.Target, p storage.Pool, revision int64, due []*operation.Operation) error {
	volumes, _, err := store.ListAll[storage.Volume](ctx, e.Store, store.SpecPrefix(KindVolume))
	if err != nil {
		return err
	}
	for _, v := range volumes {
		// Made as the pool was let go of, or on its way into it; looked at again when it goes.
		if m := v.Value.Moving; v.Value.Spec.Pool == p.Name || m != nil && m.To.Pool == p.Name {
			return fault.New(fault.Conflict, "pool %q keeps volume %q still", p.Name, v.Value.Name)
		}
	}
	trash, _, err := store.ListAll[storage.Trashed](ctx, e.Store, store.SpecPrefix(KindTrash))
	if err != nil {
		return err
	}
	for _, v := range trash {
		if v.Value.Spec.Pool == p.Name {
			return fault.New(fault.Conflict, "pool %q keeps volume %q in the trash still", p.Name, v.Value.Name)
		}
	}
	if err := e.Pools.Leave(p.Name); err != nil {
		return err
	}
	if err := e.Pools.DropNote(ctx, storage.DefaultPool, p.UID); err != nil {
		return err
	}
	return e.takeAway(ctx, t, revision, due)
}

// notePool writes a pool's note: on the default pool, which is found without any.
func (e *Engine) notePool(ctx context.Context, p storage.Pool, object json.RawMessage) error {
	return fault.Wrap(e.Pools.PutNote(ctx, storage.DefaultPool, p.UID, storage.Note{Kind: KindPool, Object: object}), "cannot note pool %q", p.Name)
}

// noteOnPool writes a volume's note beside its content, with who uses it.
func (e *Engine) noteOnPool(ctx context.Context, v storage.Volume, object json.RawMessage, owner string) error {
	if e.Pools == nil {
		return nil
	}
	note := storage.Note{Kind: KindVolume, Owner: owner, Object: object}
	for _, l := range v.Chain() {
		note.Files = append(note.Files, l.Pool+"/"+l.File())
	}
	return fault.Wrap(e.Pools.PutNote(ctx, v.Spec.Pool, v.UID, note), "cannot note volume %q on its pool", v.Name)
}

// dropNote takes a volume's note away.
func (e *Engine) dropNote(ctx context.Context, v storage.Volume) error {
	if e.Pools == nil {
		return nil
	}
	return fault.Wrap(e.Pools.DropNote(ctx, v.Spec.Pool, v.UID), "cannot delete the note of volume %q", v.Name)
}
