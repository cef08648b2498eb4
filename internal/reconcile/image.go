package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Images is the hand that holds the library of images.
type Images interface {
	// Made returns what became of an image, and whether it is made.
	Made(ctx context.Context, uid string) (storage.ImageStatus, bool, error)
	// Hold waits until nobody else makes an image of the same download, and returns what lets the next one. Only who
	// holds an image has it made.
	Hold(ctx context.Context, i storage.Image) (free func(), err error)
	// Make fetches, checks and converts it. It may take hours, ends with ctx, and goes on where it stopped.
	Make(ctx context.Context, i storage.Image, tell func(step string, done, total model.Bytes)) (storage.ImageStatus, error)
	Remove(ctx context.Context, uid string) error
}

// mostMakings is how many images are made at once: each may fill a network or a disk.
const mostMakings = 3

// makings are the images that are being made, which takes so long that no worker waits for it.
type makings struct {
	mu   sync.Mutex
	live map[string]*making // by UID
	slot chan struct{}
	all  sync.WaitGroup
}

type making struct {
	stop  context.CancelCauseFunc
	ended bool
	err   error
}

func newMakings() *makings {
	return &makings{live: map[string]*making{}, slot: make(chan struct{}, mostMakings)}
}

// stopped is why a making ends before its time.
var stopped = fault.New(fault.Unavailable, "it was cancelled")

// of returns whether an image is being made, and, once, how that ended.
func (m *makings) of(uid string) (live, ended bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.live[uid]
	if one == nil {
		return false, false, nil
	}
	if one.ended {
		delete(m.live, uid)
		return false, true, one.err
	}
	return true, false, nil
}

// begin has an image made, and calls done when that has ended. What it waits for first it holds before it takes a slot:
// those that wait for one download keep nobody else from theirs.
func (m *makings) begin(ctx context.Context, uid string, hold func(context.Context) (func(), error), do func(context.Context) error, done func()) {
	ctx, stop := context.WithCancelCause(ctx)
	one := &making{stop: stop}
	m.mu.Lock()
	m.live[uid] = one
	m.mu.Unlock()
	m.all.Go(func() {
		defer stop(nil)
		free, err := hold(ctx)
		if err == nil {
			select {
			case m.slot <- struct{}{}:
				err = do(ctx)
				<-m.slot
			case <-ctx.Done():
				err = context.Cause(ctx)
			}
			free()
		}
		m.mu.Lock()
		one.ended, one.err = true, err
		m.mu.Unlock()
		done()
	})
}

// stop has one end soon.
func (m *makings) stop(uid string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if one := m.live[uid]; one != nil {
		one.stop(stopped)
	}
}

// loadImages queues every image.
func (e *Engine) loadImages(ctx context.Context) error {
	images, _, err := store.ListAll[storage.Image](ctx, e.Store, store.SpecPrefix(KindImage))
	for _, i := range images {
		e.queue.add(target(KindImage, i.Value.Metadata))
	}
	return err
}

// noticedImage stops what is being made of an image that is not wished any more.
func (e *Engine) noticedImage(ev store.Event) {
	kv := ev.KV
	if ev.Type == store.Delete && ev.Prev != nil {
		kv = *ev.Prev
	}
	if i, err := store.Decode[storage.Image](kv); err == nil && (ev.Type == store.Delete || i.Deleted != nil) {
		e.images.stop(i.UID)
	}
}

// reconcileImage makes one image what it is wished to be.
func (e *Engine) reconcileImage(ctx context.Context, t operation.Target) error {
	orphans := e.ops.all(t)
	i, kv, err := store.Get[storage.Image](ctx, e.Store, specKey(t))
	if missing(err) {
		if orphans, err = e.tookName(ctx, t, orphans); err == nil {
			e.retire(ctx, t, orphans)
		}
		return err
	}
	if err == nil {
		err = e.followed.await(ctx, kv.ModRevision)
	}
	if err != nil {
		return err
	}
	e.retire(ctx, t, others(orphans, i.UID))
	due := e.ops.of(t, i.Generation)
	live, ended, failed := e.images.of(i.UID)
	if live {
		return nil // its end queues it again
	}
	if ended && failed != nil && i.Deleted == nil && ctx.Err() == nil {
		return e.giveUpImage(ctx, t, kv.ModRevision, i, due, failed)
	}
	in, err := e.seeImage(ctx, t, i)
	if err != nil {
		return err
	}
	p, impossible := plan.Image(in)
	if impossible != nil {
		e.ops.end(ctx, due, operation.Failed, problem(impossible))
		return impossible
	}
	if i.Replaced != "" && len(in.UsedBy) > 0 {
		if err := e.noteImage(ctx, i, in.Status); err != nil {
			return err
		}
		e.queue.after(t, lookAgain)
		return nil
	}
	if i.Deleted != nil && len(in.UsedBy) > 0 { // it was asked for in the moment before
		return fault.New(fault.Unavailable, "image %q is still what %s stands on", i.Name, in.UsedBy[0])
	}
	for _, s := range p.Steps {
		if s.Kind == plan.MakeImage {
			e.makeImage(ctx, t, i, due)
			return nil
		}
		e.ops.begin(due, p)
		e.ops.step(due, 1, operation.Running)
		if err := errors.Join(e.Images.Remove(ctx, i.UID), e.dropImageNote(ctx, i)); err != nil {
			e.ops.step(due, 1, operation.Failed)
			return fault.Wrap(err, "cannot delete image %q", i.Name)
		}
		e.ops.step(due, 1, operation.Done)
	}
	switch {
	case p.Removed:
		return e.takeAway(ctx, t, kv.ModRevision, due)
	case p.Reached:
		if !in.Status.Ready {
			st, _, err := e.Images.Made(ctx, i.UID)
			if err != nil {
				return err
			}
			e.writer.put(imageStatusKey(t), st)
			if err := e.writer.flush(ctx); err != nil {
				return err
			}
			in.Status = st
		}
		if i.Replaces != nil {
			return e.takeName(ctx, t, kv, i, due)
		}
		noted := e.noteImage(ctx, i, in.Status)
		e.ops.end(ctx, due, operation.Done, nil)
		return noted
	}
	return nil
}

// noteImage writes an image's note beside its content, so that hv storage recover can rebuild the library.
func (e *Engine) noteImage(ctx context.Context, i storage.Image, st storage.ImageStatus) error {
	if e.Pools == nil {
		return nil
	}
	object, err := json.Marshal(storage.ImageNote{Image: i, Status: st})
	if err != nil {
		return err
	}
	note := storage.Note{Kind: KindImage, Files: []string{storage.DefaultPool + "/" + storage.ImageFile(i.UID, st.Format)}, Object: object}
	return fault.Wrap(e.Pools.PutNote(ctx, storage.DefaultPool, i.UID, note), "cannot note image %q on its pool", i.Name)
}

func (e *Engine) dropImageNote(ctx context.Context, i storage.Image) error {
	if e.Pools == nil {
		return nil
	}
	return fault.Wrap(e.Pools.DropNote(ctx, storage.DefaultPool, i.UID), "cannot delete the note of image %q", i.Name)
}

// seeImage finds out what is there of an image, and who stands on it.
func (e *Engine) seeImage(ctx context.Context, t operation.Target, i storage.Image) (plan.ImageInput, error) {
	in := plan.ImageInput{Wish: i}
	st, _, err := store.Get[storage.ImageStatus](ctx, e.Store, imageStatusKey(t))
	if err != nil && !missing(err) {
		return in, err
	}
	in.Status = st
	if _, in.Exists, err = e.Images.Made(ctx, i.UID); err != nil {
		return in, err
	}
	if i.Deleted == nil {
		return in, nil
	}
	all, _, err := store.ListAll[storage.Volume](ctx, e.Store, store.SpecPrefix(KindVolume))
	for _, v := range all {
		if storage.Has(v.Value.Layers, i.UID) {
			in.UsedBy = append(in.UsedBy, "volume/"+v.Value.Name)
		}
	}
	if err != nil {
		return in, err
	}
	trash, _, err := store.ListAll[storage.Trashed](ctx, e.Store, store.SpecPrefix(KindTrash))
	if err != nil {
		return in, err
	}
	for _, v := range trash {
		if storage.Has(v.Value.Layers, i.UID) {
			in.UsedBy = append(in.UsedBy, "a volume in the trash")
		}
	}
	sets, _, err := store.ListAll[vm.Snapshot](ctx, e.Store, store.SpecPrefix(KindSnapshot))
	for _, s := range sets {
		for _, d := range s.Value.Disks {
			if storage.Has(d.Layers, i.UID) {
				in.UsedBy = append(in.UsedBy, "snapshot/"+s.Value.Name)
			}
		}
	}
	return in, err
}

// makeImage begins to make an image, and tells the operations how far it is.
func (e *Engine) makeImage(ctx context.Context, t operation.Target, i storage.Image, due []*operation.Operation) {
	hold := func(ctx context.Context) (func(), error) { return e.Images.Hold(ctx, i) }
	e.images.begin(ctx, i.UID, hold, func(ctx context.Context) error {
		_, err := e.Images.Make(ctx, i, func(step string, done, total model.Bytes) {
			e.ops.progress(due, step, operation.Progress{Done: int64(done), Total: int64(total), Unit: "bytes"})
		})
		return err
	}, func() { e.queue.add(t) })
}

// giveUpImage takes away an image that could not be made: its name is free again, and what was fetched of it is kept
// for whoever asks again.
func (e *Engine) giveUpImage(ctx context.Context, t operation.Target, revision int64, i storage.Image, due []*operation.Operation, why error) error {
	e.Log.Info("an image is not made", "image", i.Name, "err", why)
	if err := e.Images.Remove(ctx, i.UID); err != nil {
		return err
	}
	if err := e.takeAway(ctx, t, revision, nil); err != nil {
		return err
	}
	if i.Replaces != nil && fault.CodeOf(why) == storage.CodeNewest {
		e.ops.end(ctx, due, operation.Done, nil) // there is nothing newer
		return nil
	}
	e.ops.end(ctx, due, operation.Failed, problem(fault.Wrap(why, "cannot make image %q", i.Name)))
	return nil
}

func imageStatusKey(t operation.Target) string {
	return store.StatusKey(store.Ref{Kind: KindImage, Project: t.Project, Name: t.Name}, writerName)
}
