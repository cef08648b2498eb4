package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// MaxClones is how many volumes one call may make.
const MaxClones = 100

// clonesAtOnce is how many files are made at one time: each waits for the disk three times.
const clonesAtOnce = 16

// CloneVolume makes volumes that begin as a copy of another and share its layers. Their files, empty layers on top of
// those, are durable before the volumes exist; all of them come to exist in one transaction, or none does.
func (a *Actions) CloneVolume(ctx context.Context, call Call, ref model.Ref, body wire.CloneVolume) (Result, error) {
	if !body.Linked && body.Snapshot == "" {
		return a.copyVolume(ctx, call, ref, body)
	}
	if body.Snapshot == "" {
		if runs, err := a.runsWith(ctx, inProject(ref)); err != nil || runs != "" {
			return a.cloneRunning(ctx, call, ref, runs, body, err)
		}
	}
	target := volumeTarget(ref)
	var made, prepared []storage.Volume // prepared are all that there may be files of
	secret := 0                         // which one of the key's the headers of made open with
	res, err := a.do(ctx, call, VolumeClone, target, func(c *change) error {
		src, kv, err := a.volume(ctx, target.Project, target.Name)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		if body.Snapshot != "" {
			if src, err = a.asOf(ctx, c, src, body.Snapshot); err != nil {
				return err
			}
		}
		if err := a.mayClone(ctx, c, src, body); err != nil {
			return err
		}
		if body.Snapshot == "" { // else nobody ever writes to it
			if err := a.unwritten(ctx, c, src); err != nil {
				return err
			}
		}
		now, err := a.secretNumber(ctx, src.Head().Key)
		if err != nil {
			return err
		}
		if now != secret {
			made, secret = nil, now
		}
		if !standOn(made, src) { // a race puts the change together anew; what has files already is made anew only where it must
			if made, err = a.clones(src, body); err != nil {
				return err
			}
		}
		c.act = func(ctx context.Context) error {
			if len(prepared) > 0 && prepared[len(prepared)-1].UID == made[len(made)-1].UID {
				return nil
			}
			prepared = append(prepared, made...)
			return a.prepare(ctx, made)
		}
		return a.putClones(ctx, c, kv, src, made, body.Snapshot)
	})
	if len(prepared) == 0 { // a dry run, a refusal, or the answer to a call that was made before
		return res, err
	}
	if err != nil || res.repeated {
		made = nil
	}
	for _, v := range prepared[:len(prepared)-len(made)] { // no object names them
		if gone := a.Volumes.Delete(context.WithoutCancel(ctx), v); gone != nil {
			a.Log.Error("a clone that failed left a file", "file", v.File, "err", gone)
		}
	}
	for _, v := range made {
		if err := a.Volumes.Settle(ctx, v); err != nil { // the next start does
			a.Log.Warn("a clone is not settled yet", "file", v.File, "err", err)
		}
	}
	return res, err
}

// mayClone says what speaks against clones of a volume. That nobody writes to it still holds when they come to exist.
func (a *Actions) mayClone(ctx context.Context, c *change, src storage.Volume, body wire.CloneVolume) error {
	can, err := a.Volumes.Can(src.Spec.Pool)
	switch {
	case err != nil:
		return err
	case src.Source != nil || src.Moving != nil || src.Repairing:
		return free(src)
	case body.Pool != "" && body.Pool != src.Spec.Pool:
		return fault.New(fault.Invalid, "a linked clone is in the pool of what it stands on: %q", src.Spec.Pool).Try("leave --pool out, or make a full clone: leave --linked out")
	case !can.Overlays:
		return fault.New(fault.Precondition, "pool %q cannot keep layers that stand on others", src.Spec.Pool).
			Try("keep the volume in a pool of kind dir").WithCode("HV-VOL-031")
	case body.Encryption != "" && body.Encryption != src.Head().Key:
		return fault.New(fault.Invalid, "a linked clone is encrypted as what it stands on is: %s", keyOr(src.Head().Key)).
			Try("leave --encryption out, or make a full clone: leave --linked out").WithCode("HV-KEY-019")
	case body.Count < 0 || body.Count > MaxClones:
		return fault.New(fault.Invalid, "%d clones; 1 to %d can be made at once", body.Count, MaxClones)
	}
	if key := src.Head().Key; key != "" {
		if _, err := a.encrypt(ctx, c, storage.VolumeSpec{Encryption: key}); err != nil {
			return fault.Wrap(err, "cannot clone volume %q", src.Name)
		}
	}
	want := allocation{pool: src.Spec.Pool, format: storage.QCOW2, virtual: src.Spec.Size * model.Bytes(max(body.Count, 1))}
	if err := a.allocate(ctx, c, want); err != nil {
		return fault.Wrap(err, "cannot clone volume %q", src.Name)
	}
	return nil
}

// secretNumber is which secret linked clones and imports are made with; 0 for those in clear. Their files are made before
// any object names them, where a rotation would find them: so none begins while a key turns, and none is committed once its key was to turn,
// for that changes the key's object.
func (a *Actions) secretNumber(ctx context.Context, key string) (int, error) {
	if key == "" {
		return 0, nil
	}
	k, _, err := a.key(ctx, key)
	if err != nil {
		return 0, err
	}
	st, err := a.keyStatus(ctx, key)
	if err != nil {
		return 0, err
	}
	if st.State == storage.KeyRotating || k.Secret > st.Secret {
		return 0, fault.New(fault.Conflict, "key %q is being rotated, and nothing is cloned or imported with it meanwhile", key).WithCode("HV-KEY-016").
			Try("hv operation wait %s, then ask again", k.Rotation)
	}
	return st.Secret, nil
}

func keyOr(key string) string {
	if key == "" {
		return "not at all"
	}
	return "with key " + key
}

// asOf is a volume as it was when a snapshot of the VM that uses it was taken. That this stays while clones come to stand on
// it is seen to by comparing its revision: whoever deletes it, or merges layers below it, changes that.
func (a *Actions) asOf(ctx context.Context, c *change, v storage.Volume, name string) (storage.Volume, error) {
	sets, _, err := store.ListAll[vm.Snapshot](ctx, a.Store, store.SpecPrefix("snapshot"))
	if err != nil {
		return v, err
	}
	for _, s := range sets {
		for _, d := range s.Value.Disks {
			if d.VolumeUID != v.UID || s.Value.Name != name {
				continue
			}
			if !s.Value.Whole() {
				return v, fault.New(fault.Conflict, "snapshot %q is being %s", name, doing(s.Value.Phase)).Try("hv operation list").WithCode("HV-SNAP-002")
			}
			c.require(store.ModRevision(s.Key, s.ModRevision))
			v.Spec.Size = d.Top().Size
			return v.On(d.Layers), nil
		}
	}
	return v, fault.New(fault.NotFound, "volume %q is in no snapshot %q", v.Name, name).Try("hv snapshot list VM").WithCode("HV-SNAP-001")
}

// unwritten makes sure that nobody writes to a volume, now and when the change is committed.
func (a *Actions) unwritten(ctx context.Context, c *change, src storage.Volume) error {
	key := store.ClaimKey("disk", src.Project, src.Name)
	claim, at, err := store.Get[storage.Claim](ctx, a.Store, key)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		c.require(store.Absent(key))
		return nil
	case err != nil:
		return err
	}
	c.require(store.ModRevision(key, at.ModRevision))
	if claim.Writer == "" {
		return nil
	}
	name, isVM := strings.CutPrefix(claim.Writer, "vm/")
	if !isVM {
		return busy(src, claim.Writer)
	}
	o, kv, err := a.vm(ctx, model.Ref{Project: src.Project, Name: name})
	if err != nil {
		return err
	}
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	st, err := a.power(ctx, o)
	if err != nil {
		return err
	}
	wished := o.Spec.Power == vm.Off || o.Spec.Power == ""
	if st.Process != nil || st.Saved != nil || !wished {
		return busy(src, claim.Writer)
	}
	return nil
}

func busy(v storage.Volume, writer string) error {
	return fault.New(fault.Conflict, "volume %q is being written to by %s", v.Name, writer).
		Try("stop that VM first").WithCode("HV-VOL-032")
}

// clones are the volumes that a call makes.
func (a *Actions) clones(src storage.Volume, body wire.CloneVolume) ([]storage.Volume, error) {
	var names []string
	for i := range max(body.Count, 1) {
		name := body.Name
		if body.Count > 1 {
			name = fmt.Sprintf("%s-%d", body.Name, i+1)
		}
		names = append(names, name)
	}
	errs := model.CheckLabels(body.Labels)
	var made []storage.Volume
	for _, name := range names {
		uid := uuid(a.Random(16))
		spec := src.Spec
		spec.Format = storage.QCOW2
		errs = append(errs, storage.CheckVolume(name, spec)...)
		chain, err := storage.Overlay(src.Chain(), uid, spec.Size)
		if err != nil {
			return nil, err
		}
		v := storage.Volume{
			Metadata: model.Metadata{Name: name, Project: src.Project, UID: uid, Labels: body.Labels, Origin: model.Manual, Generation: 1},
			Spec:     spec,
		}
		made = append(made, v.On(chain))
	}
	if len(errs) > 0 {
		return nil, fault.New(fault.Invalid, "cannot clone volume %q", src.Name).Because(errors.Join(errs...))
	}
	return made, nil
}

// putClones puts the volumes into the transaction, and says of their source that it is below others.
func (a *Actions) putClones(ctx context.Context, c *change, kv store.KV, src storage.Volume, made []storage.Volume, snapshot string) error {
	for i, v := range made {
		if err := a.noVolume(ctx, c, v); err != nil {
			return err
		}
		v.Created = c.wish.Created
		ref := store.Ref{Kind: "volume", Project: v.Project, Name: v.Name}
		if err := errors.Join(c.put(volumeKey(v.Project, v.Name), v), c.put(store.StatusKey(ref, "reconcile"), storage.VolumeStatus{Made: true})); err != nil {
			return err
		}
		if i < 3 || i == len(made)-1 {
			c.step("make volume %s (%s) on the layers of %s", v.Name, v.Spec.Size, src.Name)
		}
	}
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	if !src.Frozen && snapshot == "" {
		src.Frozen = true
		if err := c.put(kv.Key, src); err != nil {
			return err
		}
	}
	c.wish.TargetUID, c.wish.Generation = src.UID, src.Generation
	c.atOnce(a.Now())
	return nil
}

// prepare makes the files of clones.
func (a *Actions) prepare(ctx context.Context, made []storage.Volume) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(clonesAtOnce)
	for _, v := range made {
		g.Go(func() error { return a.Volumes.Prepare(ctx, v) })
	}
	return g.Wait()
}

// standOn reports whether clones stand on what a volume consists of now.
func standOn(made []storage.Volume, src storage.Volume) bool {
	return len(made) > 0 && made[0].Spec.Size == src.Spec.Size && slices.Equal(made[0].Chain()[:len(made[0].Layers)-1], src.Chain())
}
