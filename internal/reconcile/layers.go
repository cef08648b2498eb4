package reconcile

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// newID is a UUID of version 4.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// derivedID is a UUID that is always the same for the same parts.
func derivedID(parts ...string) string {
	b := sha256.Sum256([]byte(strings.Join(parts, "/")))
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// ownHeads gives every volume that a VM is to write to a head of its own, where others stand on the one that it has. It
// has no process that writes to it: such a volume is not cloned.
func (e *Engine) ownHeads(ctx context.Context, in *plan.VMInput) error {
	if in.Effective.Power == vm.Off || in.Wish.Deleted != nil {
		return nil
	}
	for device, v := range in.Volumes {
		if !v.Frozen || in.Effective.Disks[device].ReadOnly {
			continue
		}
		own, err := e.ownHead(ctx, v)
		if err != nil {
			return fault.Wrap(err, "cannot give volume %q a layer of its own", v.Name)
		}
		in.Volumes[device] = own
	}
	return nil
}

func (e *Engine) ownHead(ctx context.Context, v storage.Volume) (storage.Volume, error) {
	key := store.SpecKey(store.Ref{Kind: KindVolume, Project: v.Project, Name: v.Name})
	v, kv, err := store.Get[storage.Volume](ctx, e.Store, key)
	if err != nil || !v.Frozen {
		return v, err
	}
	chain, err := storage.Overlay(v.Chain(), newID(), v.Spec.Size)
	if err != nil {
		return v, err
	}
	v = v.On(chain)
	v.Frozen = false
	if err := e.Volumes.Create(ctx, v); err != nil {
		return v, err
	}
	op, err := store.PutJSON(key, v, 0)
	if err != nil {
		return v, err
	}
	_, err = e.Store.Commit(ctx, store.Txn{If: []store.Cmp{store.ModRevision(key, kv.ModRevision)}, Then: []store.Op{op}})
	if err != nil { // nothing names the file
		_ = e.Volumes.Delete(ctx, headOnly(v))
	}
	return v, err
}

// headOnly is a volume as the pool takes it to delete one file, and no note.
func headOnly(v storage.Volume) storage.Volume {
	return layerOnly(v.Head())
}

func layerOnly(l storage.Layer) storage.Volume {
	return storage.Volume{Metadata: model.Metadata{Name: l.ID}, Spec: storage.VolumeSpec{Pool: l.Pool, Format: l.Format}, File: l.File()}
}

// deleteVolume removes the files of a volume that nobody else stands on, the head first, and its note whatever stays.
func (e *Engine) deleteVolume(ctx context.Context, v storage.Volume) error {
	chain := v.Chain()
	if len(chain) == 1 && !v.Frozen {
		return e.Volumes.Delete(ctx, v)
	}
	e.layers.Lock()
	defer e.layers.Unlock()
	shared, err := e.shared(ctx, v)
	if err != nil {
		return err
	}
	for i := len(chain) - 1; i >= 0; i-- {
		if shared[chain[i].ID] {
			continue
		}
		if err := e.Volumes.Delete(ctx, layerOnly(chain[i])); err != nil {
			return err
		}
	}
	return e.dropNote(ctx, v)
}

// sweep removes what was dropped as far as it can: what is left over takes room, and keeps nobody from his VMs.
func (e *Engine) sweep(ctx context.Context) {
	if err := e.sweepDropped(ctx); err != nil && ctx.Err() == nil {
		e.Log.Warn("layers that nobody needs are not gone yet", "err", err)
	}
}

// SweepSets removes what is left of snapshots that there are none of any more: a daemon ended between taking a set out of
// the store and its files away. It is for the start, and not for that on a store that was put back: what that does not
// know may be what it has lost.
func (e *Engine) SweepSets(ctx context.Context) error {
	files, err := e.Sets.UUIDs(ctx)
	if err != nil || len(files) == 0 {
		return err
	}
	sets, _, err := store.ListAll[vm.Snapshot](ctx, e.Store, store.SpecPrefix(KindSnapshot))
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, s := range sets {
		known[s.Value.UID] = true
	}
	for _, uid := range files {
		if known[uid] {
			continue
		}
		e.Log.Info("what is left of a snapshot that is gone is removed", "uid", uid)
		if err := e.Sets.Remove(ctx, uid); err != nil {
			return err
		}
	}
	return nil
}

// shared are the layers that volumes but this one, also those in the trash, snapshots and images consist of. Volumes
// that are deleted and that nobody uses do not count: of two that share a layer and go at the same time, one takes it
// along. All of it is of one revision: what is taken out of the trash meanwhile is in neither list otherwise. What the
// store has lost counts by its note: it may be rebuilt yet.
func (e *Engine) shared(ctx context.Context, of storage.Volume) (map[string]bool, error) {
	but, known := of.UID, map[string]bool{of.UID: true}
	volumes, at, err := store.ListAll[storage.Volume](ctx, e.Store, store.SpecPrefix(KindVolume))
	if err != nil {
		return nil, err
	}
	in := map[string]bool{}
	for _, o := range volumes {
		v := o.Value
		known[v.UID] = true
		if v.UID == but {
			continue
		}
		if v.Deleted != nil && v.KeepUntil == nil {
			_, used, err := store.Find[storage.Claim](ctx, e.Store, store.ClaimKey("disk", v.Project, v.Name))
			if err != nil {
				return nil, err
			}
			if !used {
				continue
			}
		}
		for _, l := range v.Chain() {
			in[l.ID] = true
		}
	}
	trash, _, err := store.ListAt[storage.Trashed](ctx, e.Store, store.SpecPrefix(KindTrash), at)
	if err != nil {
		return nil, err
	}
	for _, o := range trash {
		known[o.Value.UID] = true
		if o.Value.UID == but || o.Value.Gone {
			continue
		}
		for _, l := range o.Value.Chain() {
			in[l.ID] = true
		}
	}
	images, _, err := store.ListAt[storage.Image](ctx, e.Store, store.SpecPrefix(KindImage), at)
	if err != nil {
		return nil, err
	}
	for _, i := range images {
		in[i.Value.UID] = true // the library's, whoever stands on it
	}
	sets, _, err := store.ListAt[vm.Snapshot](ctx, e.Store, store.SpecPrefix(KindSnapshot), at)
	if err != nil {
		return nil, err
	}
	for _, o := range sets {
		for _, d := range o.Value.Disks {
			for _, l := range d.Layers {
				in[l.ID] = true
			}
		}
	}
	return in, e.noted(ctx, of, known, in)
}

// noted adds the layers that the notes of volumes name which are not known, in the pools of one that goes.
func (e *Engine) noted(ctx context.Context, of storage.Volume, known, in map[string]bool) error {
	if e.Pools == nil {
		return nil
	}
	looked := map[string]bool{}
	for _, l := range of.Chain() {
		if looked[l.Pool] {
			continue
		}
		looked[l.Pool] = true
		notes, err := e.Pools.Unknown(ctx, l.Pool, known)
		if fault.KindOf(err) == fault.NotFound { // the pool is away, and so is what could be removed there
			continue
		}
		if err != nil {
			return err
		}
		for uid, text := range notes {
			n, _, err := storage.ReadNote(uid, text)
			if err != nil {
				continue // it is told by who rebuilds
			}
			for _, f := range n.Files {
				_, file, _ := strings.Cut(f, "/")
				id, _, _ := strings.Cut(file, ".")
				in[id] = true
			}
		}
	}
	return nil
}

// snapshotKey is the key of a set: its name is below the VM's UUID, which no rename changes.
func snapshotKey(t operation.Target, uuid, name string) string {
	return store.SpecKey(store.Ref{Kind: KindSnapshot, Project: t.Project, Name: uuid + "." + name})
}
