package reconcile

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// copyFile is the file that a volume's content is being copied to; empty where it is not.
func copyFile(v storage.Volume) string {
	switch {
	case v.Source != nil:
		return v.File
	case v.Moving != nil:
		return v.Moving.To.File()
	}
	return ""
}

// atHome refuses other layers for a volume that is on its way into another pool: it would arrive without them.
func atHome(v storage.Volume) error {
	if v.Moving == nil {
		return nil
	}
	return fault.New(fault.Conflict, "%s", v.Busy()).Try("hv operation wait %s, then ask again", v.Moving.Operation).WithCode("HV-VOL-009")
}

func volumeRef(project, name string) operation.Target {
	return operation.Target{Kind: KindVolume, Ref: model.Ref{Project: project, Name: name}}
}

// beginCopy begins to copy a volume's content, beside the looks. Each whole percent brings about another look.
func (e *Engine) beginCopy(ctx context.Context, v storage.Volume) error {
	from, to := v, v
	if v.Source != nil && v.Source.URL != "" {
		t := target(KindVolume, v.Metadata)
		e.copies.begin(v.File, func(ctx context.Context, tell func(float64)) error { return e.fetchVolume(ctx, v, tell) }, func() { e.queue.add(t) })
		return nil
	}
	if v.Source != nil {
		source, _, err := e.sourceOf(ctx, v)
		if err != nil {
			return err
		}
		from = source
		e.yield(source)
	} else {
		to = v.Arriving()
	}
	t := target(KindVolume, v.Metadata)
	e.copies.begin(to.File, func(ctx context.Context, tell func(float64)) error {
		return e.Volumes.Copy(ctx, from, to, tell)
	}, func() { e.queue.add(t) })
	return nil
}

// sourceOf is the volume that another one is made a copy of. It has its name and stays as long as that goes on.
func (e *Engine) sourceOf(ctx context.Context, v storage.Volume) (storage.Volume, store.KV, error) {
	source, kv, err := store.Get[storage.Volume](ctx, e.Store, specKey(volumeRef(v.Project, v.Source.Volume)))
	if err == nil && source.UID != v.Source.UID {
		err = fault.New(fault.NotFound, "volume %q is another one by now", v.Source.Volume)
	}
	return source, kv, err
}

// settleCopy writes what became of a copy into the objects: of the volume, and of the one that it was made of. Whoever
// waited for one of them to be free is looked at again.
func (e *Engine) settleCopy(ctx context.Context, t operation.Target, in plan.VolumeInput, p plan.Plan, revision int64, due []*operation.Operation) error {
	v, txn := in.Wish, store.Txn{If: []store.Cmp{store.ModRevision(specKey(t), revision)}}
	free := v.Name
	if v.Source != nil && v.Source.URL == "" {
		free = v.Source.Volume
		if err := e.letGoOf(ctx, &txn, v); err != nil {
			return err
		}
	}
	ref := store.Ref{Kind: KindVolume, Project: t.Project, Name: t.Name}
	if p.Removed {
		e.writer.drop(volumeStatusKey(t))
		if err := e.writer.flush(ctx); err != nil {
			return err
		}
		txn.Then = append(txn.Then, store.DeleteOp(specKey(t)), store.DeletePrefixOp(store.StatusPrefix(ref)))
	} else {
		op, err := store.PutJSON(specKey(t), p.Becomes, 0)
		if err != nil {
			return err
		}
		txn.Then = append(txn.Then, op)
	}
	if _, err := e.Store.Commit(ctx, txn); err != nil {
		return fault.Wrap(err, "cannot write down what became of the copy of volume %q", t.Name)
	}
	e.copies.end(copyFile(v))
	switch {
	case in.Cancel:
		e.ops.end(ctx, due, operation.Cancelled, nil)
	case p.GaveUp != nil:
		e.ops.end(ctx, due, operation.Failed, problem(p.GaveUp))
	case p.Reached && !in.Made: // the look that the commit brings about ends the operation, once all of it stands on the pool
		e.writer.put(volumeStatusKey(t), storage.VolumeStatus{Made: true})
		if err := e.writer.flush(ctx); err != nil {
			return err
		}
	}
	return e.freed(ctx, t.Project, free)
}

// letGoOf adds to txn that a volume is a copy of its source no more, or not yet.
func (e *Engine) letGoOf(ctx context.Context, txn *store.Txn, v storage.Volume) error {
	source, kv, err := e.sourceOf(ctx, v)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	source.Copiers = slices.DeleteFunc(slices.Clone(source.Copiers), func(name string) bool { return name == v.Name })
	op, err := store.PutJSON(kv.Key, source, 0)
	txn.If, txn.Then = append(txn.If, store.ModRevision(kv.Key, kv.ModRevision)), append(txn.Then, op)
	return err
}

// freed asks for a look at the VMs that use a volume: they may have waited for it.
func (e *Engine) freed(ctx context.Context, project, volume string) error {
	claim, _, err := store.Find[storage.Claim](ctx, e.Store, store.ClaimKey("disk", project, volume))
	for _, h := range claim.Holders() {
		if name, ok := strings.CutPrefix(h, "vm/"); ok {
			e.queue.add(operation.Target{Kind: KindVM, Ref: model.Ref{Project: project, Name: name}})
		}
	}
	return err
}

// discardFiles takes away files of a volume, and where it has left a pool its note there: whoever rebuilds a store from
// notes would find the volume twice.
func (e *Engine) discardFiles(ctx context.Context, v storage.Volume, layers []storage.Layer) error {
	if len(v.Leaving) > 0 { // others may stand on what it was
		e.layers.Lock()
		defer e.layers.Unlock()
		was := v
		was.Layers = v.Leaving
		shared, err := e.shared(ctx, was)
		if err != nil {
			return err
		}
		layers = slices.DeleteFunc(slices.Clone(layers), func(l storage.Layer) bool { return shared[l.ID] })
	}
	if err := e.Volumes.Discard(ctx, layers); err != nil {
		return err
	}
	for _, l := range v.Leaving {
		if l.Pool == v.Spec.Pool || e.Pools == nil {
			continue
		}
		if err := e.Pools.DropNote(ctx, l.Pool, v.UID); err != nil {
			return err
		}
	}
	return nil
}

// fetchVolume makes a volume's file of an image that is fetched. It is begun anew where it was cut off.
func (e *Engine) fetchVolume(ctx context.Context, v storage.Volume, tell func(percent float64)) error {
	if e.Fetch == nil {
		return fault.New(fault.Unavailable, "this daemon fetches nothing").WithCode("HV-IMG-019").Try("import a file")
	}
	return e.Volumes.Fetch(ctx, v, func(ctx context.Context, into, note *os.File, most model.Bytes) error {
		d := storage.Download{URL: v.Source.URL, Local: v.Source.Local, Most: most}
		return e.Fetch(ctx, d, into, note, func(done, total model.Bytes) {
			if total > 0 {
				tell(float64(done) * 100 / float64(total))
			}
		})
	})
}
