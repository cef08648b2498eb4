package action

import (
	"context"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// making are the volumes that a change of a VM makes. Their files, empty layers or empty images, are durable before the change is
// committed, and go when it is not: there is the VM with its volumes, or nothing.
type making struct {
	now      []fresh // of the change as it is put together at last
	prepared []fresh // all that there may be files of
}

// fresh is a volume that is made, and which secret of its key the header of its file opens with.
type fresh struct {
	storage.Volume
	secret int
}

// doMaking is do for a change that may make volumes.
func (a *Actions) doMaking(ctx context.Context, call Call, row Row, target operation.Target, build func(*change) error) (Result, error) {
	var m making
	res, err := a.do(ctx, call, row, target, func(c *change) error {
		c.making, m.now = &m, nil
		if err := build(c); err != nil {
			return err
		}
		if len(m.now) > 0 {
			c.act = func(ctx context.Context) error { return a.prepareFresh(ctx, &m) }
		}
		return nil
	})
	kept := m.now
	if err != nil || res.repeated {
		kept = nil
	}
	for _, f := range m.prepared {
		if slices.ContainsFunc(kept, func(k fresh) bool { return k.UID == f.UID }) {
			if err := a.Volumes.Settle(ctx, f.Volume); err != nil { // the next start does
				a.Log.Warn("a new volume is not settled yet", "file", f.File, "err", err)
			}
			continue
		}
		if gone := a.Volumes.Delete(context.WithoutCancel(ctx), f.Volume); gone != nil { // no object names it
			a.Log.Error("a volume that was not made left a file", "file", f.File, "err", gone)
		}
	}
	return res, err
}

// prepareFresh makes the files that are not there yet.
func (a *Actions) prepareFresh(ctx context.Context, m *making) error {
	for _, f := range m.now {
		if f.Frozen || slices.ContainsFunc(m.prepared, func(p fresh) bool { return p.UID == f.UID }) {
			continue // what is frozen is the image itself: there is no file to be made, nor to be taken away
		}
		m.prepared = append(m.prepared, f)
		if err := a.Volumes.Prepare(ctx, f.Volume); err != nil {
			return err
		}
	}
	return nil
}

// take returns v, or, where the change is put together anew after a race, the same volume as it was prepared then.
func (m *making) take(v storage.Volume, secret int) fresh {
	for _, p := range m.prepared {
		below := max(len(p.Layers)-1, 0)
		if p.Name == v.Name && p.Spec == v.Spec && p.secret == secret && len(p.Layers) == len(v.Layers) && slices.Equal(p.Layers[:below], v.Layers[:below]) {
			return p
		}
	}
	return fresh{v, secret}
}

// made is the volume of that name that the change makes.
func (c *change) made(name string) (storage.Volume, bool) {
	if c.making == nil {
		return storage.Volume{}, false
	}
	for _, f := range c.making.now {
		if f.Name == name {
			return f.Volume, true
		}
	}
	return storage.Volume{}, false
}

// makeVolumes puts into the change the volumes that a definition wishes made and that are not there yet. One that the VM has had
// already is kept as it is; another of that name only where a declaration wishes it, and it began as that image.
func (a *Actions) makeVolumes(ctx context.Context, c *change, before vm.Object, wishes []vm.Fresh, origin model.Origin) error {
	for _, w := range wishes {
		if _, twice := c.made(w.Volume); twice {
			continue // in two drives
		}
		v, _, err := a.volume(ctx, c.wish.Target.Project, w.Volume)
		switch _, had := diskOf(before.Spec, w.Volume); {
		case err == nil && !had && w.Key != "" && w.Key != storage.NoKey && v.Head().Key != w.Key:
			return fault.New(fault.Conflict, "volume %q exists already, and is not encrypted with key %q, as %s is to be", v.Name, w.Key, w.Device).WithCode("HV-VOL-002").
				Try("name another volume, or hv volume delete %s", v.Name)
		case err == nil && (had || (w.Medium || origin == model.Declared) && v.Spec.Image == w.Image):
			if !had {
				c.step("take volume %s, which is there already, as %s", v.Name, w.Device)
			}
			continue
		case err == nil:
			return fault.New(fault.Conflict, "volume %q exists already, and %s is to be made", v.Name, w.Device).WithCode("HV-VOL-002").
				Try("say volume = %q alone to take it, or name another; or hv volume delete %s", v.Name, v.Name)
		case fault.KindOf(err) != fault.NotFound:
			return err
		}
		if err := a.makeVolume(ctx, c, w); err != nil {
			return err
		}
	}
	return nil
}

// makeVolume puts one volume into the change.
func (a *Actions) makeVolume(ctx context.Context, c *change, w vm.Fresh) error {
	body := wire.CreateVolume{Name: w.Volume, VolumeSpec: storage.VolumeSpec{Image: w.Image, Size: w.Size, Pool: w.Pool, Encryption: w.Key}}
	if w.Medium { // drives read nothing else
		body.Encryption = storage.NoKey
	}
	v, err := a.newVolume(ctx, c, body, 0)
	if err != nil {
		return err
	}
	if w.Image != "" {
		if v, err = a.onImage(ctx, c, v); err != nil {
			return err
		}
	}
	switch {
	case w.Medium && !v.Frozen:
		return fault.New(fault.Invalid, "image %q is no ISO: it is a disk, not a medium for %s", w.Image, w.Device).Try("disks.NAME.image = %q", w.Image)
	case v.Frozen && !w.Medium:
		return fault.New(fault.Invalid, "image %q is an ISO: it is put into a drive, not made a disk of", w.Image).Try("cdroms.NAME.image = %q", w.Image)
	case w.Image == "":
		c.step("make an empty %s volume %s of %s%s", v.Spec.Format, v.Name, v.Spec.Size, with(v.Spec.Encryption))
	case w.Medium:
		c.step("make volume %s of image %s", v.Name, w.Image)
	default:
		c.step("make volume %s of %s that begins as image %s%s", v.Name, v.Spec.Size, w.Image, with(v.Spec.Encryption))
	}
	return a.putFresh(ctx, c, v)
}

// putFresh puts a volume into the transaction, and its file among those that are made before that.
func (a *Actions) putFresh(ctx context.Context, c *change, v storage.Volume) error {
	secret, err := a.secretNumber(ctx, v.Spec.Encryption)
	if err != nil {
		return err
	}
	f := c.making.take(v, secret)
	f.Created = c.wish.Created
	key := volumeKey(f.Project, f.Name)
	c.require(store.Absent(key))
	if err := c.put(key, f.Volume); err != nil {
		return err
	}
	c.making.now = append(c.making.now, f)
	return c.put(store.StatusKey(store.Ref{Kind: "volume", Project: f.Project, Name: f.Name}, "reconcile"), storage.VolumeStatus{Made: true})
}

// lostImages says which images a definition names that do not exist.
func (a *Actions) lostImages(ctx context.Context, project, name string, wishes []vm.Fresh) finding.List {
	var found finding.List
	for _, w := range wishes {
		if w.Image == "" || model.CheckName("image name", w.Image) != nil {
			continue
		}
		if _, err := a.Store.Get(ctx, imageKey(project, w.Image)); fault.KindOf(err) != fault.NotFound {
			continue
		}
		if _, err := a.Store.Get(ctx, volumeKey(project, w.Volume)); err == nil {
			continue // it is made already; the image may be gone since
		}
		found = append(found, finding.Finding{
			Code: "HV-VM-017", Severity: finding.Refused, Subject: []string{"image/" + w.Image}, Path: config.VMPath(name) + "." + w.Device + ".image",
			What: "vm \"" + name + "\": " + w.Device + ": there is no image \"" + w.Image + "\"", Remedy: "hv image import " + w.Image,
		})
	}
	return found
}
