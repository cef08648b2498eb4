package action

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func volumeTarget(r model.Ref) operation.Target {
	return operation.Target{Kind: "volume", Ref: inProject(r)}
}

func volumeKey(project, name string) string {
	return store.SpecKey(store.Ref{Kind: "volume", Project: project, Name: name})
}

// volume reads one volume that is not being deleted.
func (a *Actions) volume(ctx context.Context, project, name string) (storage.Volume, store.KV, error) {
	v, kv, err := store.Get[storage.Volume](ctx, a.Store, volumeKey(project, name))
	if fault.KindOf(err) == fault.NotFound {
		return v, kv, fault.New(fault.NotFound, "there is no volume %q", name).Try("hv volume list").WithCode("HV-VOL-001")
	}
	if err == nil && v.Deleted != nil {
		return v, kv, fault.New(fault.Conflict, "volume %q is being deleted", name)
	}
	return v, kv, err
}

// freeVolume reads the volume that a call means, which nothing else is being done to.
func (a *Actions) freeVolume(ctx context.Context, call Call, target operation.Target) (storage.Volume, store.KV, error) {
	v, kv, err := a.volume(ctx, target.Project, target.Name)
	if err == nil {
		err = match(call, kv, target)
	}
	if err == nil {
		err = free(v)
	}
	return v, kv, err
}

// CreateVolume wishes for an empty volume.
func (a *Actions) CreateVolume(ctx context.Context, call Call, project string, body wire.CreateVolume) (Result, error) {
	target := volumeTarget(model.Ref{Project: project, Name: body.Name})
	if body.URL != "" {
		if body.Size == 0 {
			body.Size = 512 // what the image has is known once it is there
		}
	}
	return a.do(ctx, call, VolumeCreate, target, func(c *change) error {
		if err := mayFetch(body); err != nil {
			return err
		}
		v, err := a.newVolume(ctx, c, body, 0)
		if err != nil {
			return err
		}
		if body.URL != "" {
			return a.fetchVolume(c, call, v, body)
		}
		c.wish.TargetUID, c.wish.Generation = v.UID, 1
		switch v.Spec.Image {
		case "":
			c.step("make an empty %s volume of %s%s", v.Spec.Format, v.Spec.Size, with(v.Spec.Encryption))
		default:
			if v, err = a.onImage(ctx, c, v); err != nil {
				return err
			}
			c.step("make a volume of %s that begins as image %s%s", v.Spec.Size, v.Spec.Image, with(v.Spec.Encryption))
			if v.Spec.Encryption != "" {
				c.step("leave the image itself in clear: others stand on it too")
			}
		}
		c.require(store.Absent(volumeKey(target.Project, v.Name)))
		return c.put(volumeKey(target.Project, v.Name), v)
	})
}

// with says in a step which key a volume is encrypted with.
func with(key string) string {
	if key == "" {
		return ""
	}
	return ", encrypted with key " + key
}

// newVolume checks what was asked for and fills in what was not.
func (a *Actions) newVolume(ctx context.Context, c *change, body wire.CreateVolume, takes model.Bytes) (storage.Volume, error) {
	spec := body.VolumeSpec
	if spec.Pool == "" {
		spec.Pool = storage.DefaultPool
	}
	spec, err := a.imageSize(ctx, c.wish.Target.Project, spec)
	if err != nil {
		return storage.Volume{}, err
	}
	if spec, err = a.encrypt(ctx, c, spec); err != nil {
		return storage.Volume{}, fault.Wrap(err, "cannot make volume %q", body.Name)
	}
	if spec.Format == "" {
		spec.Format = storage.Raw
	}
	errs := append(storage.CheckVolume(body.Name, spec), model.CheckLabels(body.Labels)...)
	if len(errs) > 0 {
		return storage.Volume{}, fault.New(fault.Invalid, "cannot make volume %q", body.Name).Because(errors.Join(errs...))
	}
	project := c.wish.Target.Project
	if _, err := a.Store.Get(ctx, volumeKey(project, body.Name)); err == nil {
		return storage.Volume{}, fault.New(fault.Conflict, "volume %q exists already", body.Name).
			Try("choose another name, or hv volume delete %s", body.Name).WithCode("HV-VOL-002")
	}
	if err := a.keepsEncrypted(spec); err != nil {
		return storage.Volume{}, fault.Wrap(err, "cannot make volume %q", body.Name)
	}
	spec.Size = a.kept(spec)
	if err := a.allocate(ctx, c, allocation{pool: spec.Pool, format: spec.Format, virtual: spec.Size, takes: takes}); err != nil {
		return storage.Volume{}, fault.Wrap(err, "cannot make volume %q", body.Name)
	}
	m := a.byHand(c, project, body.Name, body.Labels)
	return storage.Volume{Metadata: m, Spec: spec, File: storage.VolumeFile(m.UID, spec.Format)}, nil
}

// kept is the size that a volume has in its pool: some keep multiples of more than a sector only.
func (a *Actions) kept(spec storage.VolumeSpec) model.Bytes {
	if a.Pools != nil {
		if can, err := a.Pools.Can(spec.Pool); err == nil {
			return can.Round(spec.Size)
		}
	}
	return spec.Size
}

// ImportVolume makes a volume of size bytes of r, which are an image of the format that body names.
// The content is durable before the volume exists; if anything fails there is no volume. A dry run
// reads none of it. While it arrives nothing is held that others wait for: who sends slowly delays nobody, and
// what was allowed before is asked again when all of it is there.
func (a *Actions) ImportVolume(ctx context.Context, call Call, project string, body wire.CreateVolume, size model.Bytes, r io.Reader) (Result, error) {
	target := volumeTarget(model.Ref{Project: project, Name: body.Name})
	body.Size = max(size/512*512, 512) // what the image holds is known after it was read
	if call.DryRun {
		return a.do(ctx, call, VolumeImport, target, func(c *change) error {
			v, err := a.newVolume(ctx, c, body, size)
			if err == nil {
				c.step("store %s as a %s volume%s", size, v.Spec.Format, with(v.Spec.Encryption))
			}
			return err
		})
	}
	made, res, err := a.awaited(ctx, call, target, body, size)
	if err != nil || res.repeated {
		return res, err
	}
	secret, err := a.secretNumber(ctx, made.Spec.Encryption)
	if err != nil {
		a.refused(ctx, call, VolumeImport, target, err)
		return Result{}, err
	}
	made.SHA256, made.Spec.Size, err = a.Volumes.Receive(ctx, made, size, r)
	if err != nil {
		err = fault.Wrap(err, "cannot import volume %q", body.Name)
		a.refused(ctx, call, VolumeImport, target, err)
		return Result{}, err
	}
	res, err = a.do(ctx, call, VolumeImport, target, func(c *change) error {
		again, err := a.newVolume(ctx, c, body, 0)
		if err != nil { // somebody took the name meanwhile
			return err
		}
		if err := a.sealedAsBegun(ctx, again, made, secret); err != nil {
			return err
		}
		made.Created = c.wish.Created
		c.atOnce(a.Now())
		c.require(store.Absent(volumeKey(target.Project, made.Name)))
		if err := c.put(store.StatusKey(store.Ref{Kind: "volume", Project: target.Project, Name: made.Name}, "reconcile"), storage.VolumeStatus{Made: true}); err != nil {
			return err
		}
		return c.put(volumeKey(target.Project, made.Name), made)
	})
	if err != nil || res.repeated { // what the same call has made before has a file of its own
		if gone := a.Volumes.Delete(context.WithoutCancel(ctx), made); gone != nil {
			a.Log.Error("an import that failed left a file", "file", made.File, "err", gone)
		}
	} else if err := a.Volumes.Settle(ctx, made); err != nil { // the next start does
		a.Log.Warn("an import is not settled yet", "file", made.File, "err", err)
	}
	return res, err
}

// sealedAsBegun refuses what has arrived with a key, or with a secret of it, that new volumes are not encrypted with any more: no
// rotation has found its file.
func (a *Actions) sealedAsBegun(ctx context.Context, again, made storage.Volume, secret int) error {
	now, err := a.secretNumber(ctx, made.Spec.Encryption)
	if err == nil && (now != secret || again.Spec.Encryption != made.Spec.Encryption) {
		err = fault.New(fault.Conflict, "what volume %q is to be encrypted with has changed while it arrived", made.Name).Try("import it again").WithCode("HV-KEY-016")
	}
	return err
}

// awaited is the volume that an import would make, before a byte of it is read; or the answer to the same call,
// which was made before.
func (a *Actions) awaited(ctx context.Context, call Call, target operation.Target, body wire.CreateVolume, size model.Bytes) (storage.Volume, Result, error) {
	if err := a.may(ctx, call, VolumeImport, target); err != nil {
		a.refused(ctx, call, VolumeImport, target, err)
		return storage.Volume{}, Result{}, err
	}
	if res, ok, err := a.repeated(ctx, call, VolumeImport, target); ok || err != nil {
		return storage.Volume{}, res, err
	}
	v, err := a.newVolume(ctx, a.fresh(call, VolumeImport, target), body, size)
	if err != nil {
		if res, ok, again := a.repeated(ctx, call, VolumeImport, target); ok && again == nil {
			return storage.Volume{}, res, nil // the same call has just made it
		}
		a.refused(ctx, call, VolumeImport, target, err)
	}
	return v, Result{}, err
}

// DeleteVolume wishes a volume into the trash, or at once away for ever with what is on it.
func (a *Actions) DeleteVolume(ctx context.Context, call Call, ref model.Ref, now bool) (Result, error) {
	target := volumeTarget(ref)
	return a.do(ctx, call, VolumeDelete, target, func(c *change) error {
		v, kv, err := a.freeVolume(ctx, call, target)
		if err != nil {
			return err
		}
		claimKey := store.ClaimKey("disk", target.Project, target.Name)
		claim, _, err := store.Get[storage.Claim](ctx, a.Store, claimKey)
		if err == nil {
			return fault.New(fault.Conflict, "volume %q is used by %s", v.Name, strings.Join(claim.Holders(), ", ")).
				Try("delete the VM, or take the disk out of its spec").WithCode("HV-VOL-003")
		}
		if fault.KindOf(err) != fault.NotFound {
			return err
		}
		if err := a.inSnapshot(ctx, v); err != nil {
			return err
		}
		c.require(store.Absent(claimKey))
		c.wish.TargetUID, c.wish.Generation = v.UID, v.Generation+1
		if v.KeepUntil, err = a.keepUntil(ctx, c, v, now); err != nil {
			return err
		}
		return putDeleted(c, kv, v)
	})
}

func putDeleted(c *change, kv store.KV, v storage.Volume) error {
	now := c.wish.Created
	v.Deleted, v.Generation = &now, v.Generation+1
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	return c.put(kv.Key, v)
}

// deleteVolumesOf wishes away the volumes that only this VM uses. They go once it has let go of them.
func (a *Actions) deleteVolumesOf(ctx context.Context, c *change, o vm.Object) error {
	for _, device := range slices.Sorted(maps.Keys(o.Spec.Disks)) {
		name := o.Spec.Disks[device].Volume
		v, kv, err := a.volume(ctx, o.Project, name)
		if fault.KindOf(err) == fault.NotFound {
			continue
		}
		if err != nil {
			return err
		}
		claimKey := store.ClaimKey("disk", o.Project, name)
		claim, at, err := store.Get[storage.Claim](ctx, a.Store, claimKey)
		if err != nil {
			return err
		}
		if others, _ := claim.Without("vm/" + o.Name); len(others.Holders()) > 0 {
			c.step("keep volume %s: %s uses it too", name, strings.Join(others.Holders(), ", "))
			continue
		}
		c.require(store.ModRevision(claimKey, at.ModRevision))
		if err := a.inSnapshot(ctx, v); fault.CodeOf(err) == "HV-SNAP-005" { // of another VM: this one has none
			c.step("keep volume %s: a snapshot of another VM would put it back", name)
			continue
		} else if err != nil {
			return err
		}
		if err := free(v); err != nil {
			return err
		}
		if v.KeepUntil, err = a.keepUntil(ctx, c, v, false); err != nil {
			return err
		}
		if err := putDeleted(c, kv, v); err != nil {
			return err
		}
	}
	return nil
}
