package reconcile

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func keyTarget(name string) operation.Target {
	return operation.Target{Kind: KindKey, Ref: model.Ref{Project: store.HostWide, Name: name}}
}

func keyStatusKey(t operation.Target) string {
	return store.StatusKey(store.Ref{Kind: KindKey, Project: t.Project, Name: t.Name}, writerName)
}

// LoadKeys has the hand know every key, before anybody asks for what opens a volume. Those that need nobody are opened by the looks
// at them, or by who needs them first: one whose program takes its time does not hold up the start.
func (e *Engine) LoadKeys(ctx context.Context) error {
	if e.Keys == nil {
		return nil
	}
	keys, _, err := store.ListAll[storage.Key](ctx, e.Store, store.SpecPrefix(KindKey))
	for _, k := range keys {
		e.Keys.Know(k.Value)
		e.queue.add(keyTarget(k.Value.Name))
	}
	return err
}

// reconcileKey has a key be as it is wished: known, with the newest secret, or gone.
func (e *Engine) reconcileKey(ctx context.Context, t operation.Target) error {
	if e.Keys == nil {
		return nil
	}
	orphans := e.ops.all(t)
	k, kv, err := store.Get[storage.Key](ctx, e.Store, specKey(t))
	if missing(err) {
		e.retire(ctx, t, orphans)
		return nil
	}
	if err == nil {
		err = e.followed.await(ctx, kv.ModRevision)
	}
	if err != nil {
		return err
	}
	e.retire(ctx, t, others(orphans, k.UID))
	due := e.ops.of(t, k.Generation)
	if k.Deleted != nil {
		return e.leaveKey(ctx, t, k, kv.ModRevision, due)
	}
	e.ops.begin(due, plan.Plan{})
	was, _, err := store.Find[storage.KeyStatus](ctx, e.Store, keyStatusKey(t))
	if err != nil {
		return err
	}
	st, failed := e.seeKey(ctx, t, k)
	if failed == nil && (st.State == storage.KeyRotating || st.State == storage.KeyUnlocked && k.Secret > st.Secret) {
		st.State = storage.KeyRotating
		if was.State != storage.KeyRotating {
			e.noteKey(t, was, st)
			was = st
		}
		if failed = e.rotate(ctx, k); failed == nil {
			st, failed = e.Keys.Reach(ctx, k, true)
		} else {
			st.Problem, st.Hint = failed.Error(), fault.HintOf(failed)
		}
	}
	e.noteKey(t, was, st)
	if st.Usable() && !was.Usable() {
		if err := e.wakeUsers(ctx, k.Name); err != nil {
			return err
		}
	}
	if err := e.writer.flush(ctx, keyStatusKey(t)); err != nil { // the next look reads what this one has seen
		return err
	}
	if failed != nil {
		e.giveUp(ctx, t, due, failed)
		return failed
	}
	noted := e.noteKeyOnPool(ctx, k, kv.Value)
	e.ops.end(ctx, due, operation.Done, nil)
	return noted
}

// seeKey finds out how a key is. That of one which is declared and needs nobody is made.
func (e *Engine) seeKey(ctx context.Context, t operation.Target, k storage.Key) (storage.KeyStatus, error) {
	was, _, err := store.Find[storage.KeyStatus](ctx, e.Store, keyStatusKey(t))
	if err != nil {
		return was, err
	}
	made := was.Secret > 0
	st, err := e.Keys.Reach(ctx, k, made)
	if err == nil && st.State == storage.KeyUnmade && k.Spec.Effective().Kind != storage.PassphraseKey {
		if _, err = e.Keys.Make(ctx, k.Name, k.Spec, ""); err == nil {
			st, err = e.Keys.Reach(ctx, k, made)
		} else {
			st.Problem, st.Hint = err.Error(), fault.HintOf(err)
		}
	}
	if st.Secret == 0 {
		st.Secret = was.Secret // that there was one is never forgotten: a lost one is not made anew
	}
	return st, err
}

func (e *Engine) noteKey(t operation.Target, was, st storage.KeyStatus) {
	if was != st {
		e.writer.put(keyStatusKey(t), st)
	}
}

// noteKeyOnPool writes a key's note, without any secret, on the default pool, which is found without any.
func (e *Engine) noteKeyOnPool(ctx context.Context, k storage.Key, object json.RawMessage) error {
	if e.Pools == nil {
		return nil
	}
	return fault.Wrap(e.Pools.PutNote(ctx, storage.DefaultPool, k.UID, storage.Note{Kind: KindKey, Object: object}), "cannot note key %q", k.Name)
}

// leaveKey removes a key that nothing is encrypted with.
func (e *Engine) leaveKey(ctx context.Context, t operation.Target, k storage.Key, revision int64, due []*operation.Operation) error {
	use, err := e.keyed(ctx, k.Name)
	if err != nil {
		return err
	}
	if len(use.layers) > 0 { // made as the key was let go of
		return fault.New(fault.Conflict, "something is encrypted with key %q still: %s", k.Name, strings.Join(use.volumes, ", "))
	}
	if err := e.Keys.Leave(k.Name); err != nil {
		return err
	}
	if e.Pools != nil {
		if err := e.Pools.DropNote(ctx, storage.DefaultPool, k.UID); err != nil {
			return err
		}
	}
	return e.takeAway(ctx, t, revision, due)
}

// wakeUsers has everything looked at again that may have waited for a key.
func (e *Engine) wakeUsers(ctx context.Context, key string) error {
	volumes, _, err := store.ListAll[storage.Volume](ctx, e.Store, store.SpecPrefix(KindVolume))
	if err != nil {
		return err
	}
	for _, v := range volumes {
		for _, l := range v.Value.Chain() {
			if l.Key == key {
				e.queue.add(target(KindVolume, v.Value.Metadata))
				if err := e.freed(ctx, v.Value.Project, v.Value.Name); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// keyUse is what is encrypted with a key.
type keyUse struct {
	layers  []storage.Layer
	volumes []string        // by name
	busy    string          // why not all of it is there yet, or is read just now
	unmade  map[string]bool // layers that have no file yet
}

// keyed finds everything that is encrypted with a key: of volumes, of those in the trash, of snapshots.
func (e *Engine) keyed(ctx context.Context, key string) (keyUse, error) {
	use := keyUse{unmade: map[string]bool{}}
	have := map[string]bool{}
	add := func(chain []storage.Layer) (found bool) {
		for _, l := range chain {
			if l.Key != key {
				continue
			}
			found = true
			if !have[l.ID] {
				have[l.ID] = true
				use.layers = append(use.layers, l)
			}
		}
		return found
	}
	volumes, at, err := store.ListAll[storage.Volume](ctx, e.Store, store.SpecPrefix(KindVolume))
	if err != nil {
		return use, err
	}
	for _, v := range volumes {
		if add(v.Value.Chain()) {
			use.volumes = append(use.volumes, v.Value.Name)
			if why := v.Value.Busy(); why != "" {
				use.busy = why
			}
			st, _, err := store.Find[storage.VolumeStatus](ctx, e.Store, volumeStatusKey(target(KindVolume, v.Value.Metadata)))
			if err != nil {
				return use, err
			}
			if !st.Made {
				use.unmade[v.Value.Head().ID] = true
			}
		}
	}
	trash, _, err := store.ListAt[storage.Trashed](ctx, e.Store, store.SpecPrefix(KindTrash), at)
	if err != nil {
		return use, err
	}
	for _, v := range trash {
		if !v.Value.Gone && add(v.Value.Chain()) {
			use.volumes = append(use.volumes, v.Value.Name+" (in the trash)")
		}
	}
	sets, _, err := store.ListAt[vm.Snapshot](ctx, e.Store, store.SpecPrefix(KindSnapshot), at)
	for _, s := range sets {
		for _, d := range s.Value.Disks {
			add(d.Layers)
		}
	}
	return use, err
}
