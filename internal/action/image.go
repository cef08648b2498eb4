package action

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/cloud"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Images receives what images are made of, and knows where the catalogue's are fetched from.
type Images interface {
	// Receive stores size bytes of r, durably, as what the image of this UID will be made of.
	Receive(ctx context.Context, uid string, size model.Bytes, r io.Reader) error
	// Adopt takes up an image whose content is there, of which it has lost what became of it.
	Adopt(ctx context.Context, uid string, st storage.ImageStatus) error
	// Remove removes all that there is of an image.
	Remove(ctx context.Context, uid string) error
	// Received are the UIDs for which something was received that no image was made of yet.
	Received(ctx context.Context) ([]string, error)
}

func imageTarget(r model.Ref) operation.Target {
	return operation.Target{Kind: "image", Ref: inProject(r)}
}

func imageRef(project, name string) store.Ref {
	return store.Ref{Kind: "image", Project: project, Name: name}
}

func imageKey(project, name string) string { return store.SpecKey(imageRef(project, name)) }

// image reads one image that is not being deleted.
func (a *Actions) image(ctx context.Context, project, name string) (storage.Image, store.KV, error) {
	i, kv, err := store.Get[storage.Image](ctx, a.Store, imageKey(project, name))
	if fault.KindOf(err) == fault.NotFound {
		return i, kv, fault.New(fault.NotFound, "there is no image %q", name).Try("hv image list; hv image import %s", name).WithCode("HV-IMG-021")
	}
	if err == nil && i.Replaced != "" {
		return i, kv, fault.New(fault.Conflict, "a newer image has taken the place of %q, which goes when nothing stands on it any more", name).WithCode("HV-IMG-021").
			Try("hv image list")
	}
	if err == nil && i.Deleted != nil {
		return i, kv, fault.New(fault.Conflict, "image %q is being deleted", name)
	}
	return i, kv, err
}

// madeImage reads one image that is ready, and what became of it.
func (a *Actions) madeImage(ctx context.Context, project, name string) (storage.Image, storage.ImageStatus, store.KV, error) {
	i, kv, err := a.image(ctx, project, name)
	if err != nil {
		return i, storage.ImageStatus{}, kv, err
	}
	st, _, err := store.Get[storage.ImageStatus](ctx, a.Store, store.StatusKey(imageRef(project, name), "reconcile"))
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return i, st, kv, err
	}
	if !st.Ready {
		return i, st, kv, fault.New(fault.Precondition, "image %q is not there yet: it is being fetched", name).Try("hv operation list").WithCode("HV-IMG-022")
	}
	return i, st, kv, nil
}

// ImportImage wishes for an image of what an URL or an entry of the catalogue names.
func (a *Actions) ImportImage(ctx context.Context, call Call, project string, body wire.ImportImage) (Result, error) {
	target := imageTarget(model.Ref{Project: project, Name: body.Name})
	return a.do(ctx, call, ImageImport, target, func(c *change) error {
		spec, err := a.fromCatalogue(body)
		if err != nil {
			return err
		}
		spec.Source.Upload, spec.Source.VM = "", ""
		if spec.Source, err = a.listed(ctx, spec.Source); err != nil {
			return err
		}
		spec.Source.Local = call.Root // whoever is root can read what this host alone serves anyway
		i, err := a.newImage(ctx, c, body, spec, 0)
		if err != nil {
			return err
		}
		if spec.Source.Listed != "" {
			c.step("fetch what %s lists", spec.Source.Listed)
			return c.putImage(i)
		}
		if spec.Source.URL == "" {
			return fault.New(fault.Invalid, "an image comes from a URL, from a source or from the catalogue, and none is said").Try("hv image search")
		}
		c.step("fetch %s", spec.Source.URL)
		if spec.Source.SHA256+spec.Source.SHA512+spec.Source.Checksums == "" {
			c.step("take its content unchecked: no sum is known")
		}
		return c.putImage(i)
	})
}

func (c *change) putImage(i storage.Image) error {
	c.wish.TargetUID, c.wish.Generation = i.UID, 1
	c.require(store.Absent(imageKey(i.Project, i.Name)))
	return c.put(imageKey(i.Project, i.Name), i)
}

// fromCatalogue fills in what the catalogue knows and the caller does not say.
func (a *Actions) fromCatalogue(body wire.ImportImage) (storage.ImageSpec, error) {
	said := body.ImageSpec
	if body.Catalogue == "" {
		return said, nil
	}
	if said.Source.URL != "" {
		return said, fault.New(fault.Invalid, "an image comes from a URL or from the catalogue, not from both")
	}
	e, err := cloud.Find(body.Catalogue)
	if err != nil {
		return said, err
	}
	s, err := e.Spec(cmp.Or(said.Arch, a.Facts().Arch))
	if err != nil {
		return said, err
	}
	if a.Mirror != nil {
		s.Source.URL = a.Mirror(s.Source.URL)
		if s.Source.Checksums != "" {
			s.Source.Checksums = a.Mirror(s.Source.Checksums)
		}
	}
	s.Source.SHA256, s.Source.SHA512, s.Source.Insecure = said.Source.SHA256, said.Source.SHA512, said.Source.Insecure
	return s, nil
}

// newImage checks what was asked for. takes is the room that it surely takes in the pool of images; 0 where only a
// download will tell.
func (a *Actions) newImage(ctx context.Context, c *change, body wire.ImportImage, spec storage.ImageSpec, takes model.Bytes) (storage.Image, error) {
	spec.Kind = cmp.Or(spec.Kind, storage.DiskImage)
	errs := append(storage.CheckImage(body.Name, spec), model.CheckLabels(body.Labels)...)
	if len(errs) > 0 {
		first := errs[0]
		return storage.Image{}, fault.New(fault.KindOf(first), "cannot import image %q", body.Name).Because(errors.Join(errs...)).
			Try("%s", fault.HintOf(first)).WithCode(fault.CodeOf(first))
	}
	project := c.wish.Target.Project
	if _, err := a.Store.Get(ctx, imageKey(project, body.Name)); err == nil {
		return storage.Image{}, fault.New(fault.Conflict, "image %q exists already", body.Name).
			Try("choose another name, or hv image delete %s", body.Name).WithCode("HV-IMG-023")
	}
	if err := a.allocate(ctx, c, allocation{pool: storage.DefaultPool, takes: takes}); err != nil {
		return storage.Image{}, fault.Wrap(err, "cannot import image %q", body.Name)
	}
	return storage.Image{
		Metadata: a.byHand(c, project, body.Name, body.Labels),
		Spec:     spec,
	}, nil
}

// UploadImage makes an image of size bytes of r. They are durable before the image is wished; a dry run reads none.
func (a *Actions) UploadImage(ctx context.Context, call Call, body wire.ImportImage, project string, size model.Bytes, r io.Reader) (Result, error) {
	target := imageTarget(model.Ref{Project: project, Name: body.Name})
	body.Source.URL, body.Source.VM, body.Source.Checksums, body.Source.Listed, body.Source.Index = "", "", "", "", nil
	body.Source.Upload = cmp.Or(body.Source.Upload, "a file")
	refuse := func(err error) (Result, error) {
		a.refused(ctx, call, ImageUpload, target, err)
		return Result{}, err
	}
	if size > storage.MaxImage {
		return refuse(fault.New(fault.Exhausted, "%s are more than %s, the most that an image may have", size, storage.MaxImage).WithCode("HV-IMG-014"))
	}
	if call.DryRun {
		return a.do(ctx, call, ImageUpload, target, func(c *change) error {
			_, err := a.newImage(ctx, c, body, body.ImageSpec, size)
			if err == nil {
				c.step("make an image of %s", size)
			}
			return err
		})
	}
	if err := a.may(ctx, call, ImageUpload, target); err != nil {
		return refuse(err)
	}
	if res, ok, err := a.repeated(ctx, call, ImageUpload, target); ok || err != nil {
		return res, err
	}
	i, err := a.newImage(ctx, a.fresh(call, ImageUpload, target), body, body.ImageSpec, size)
	if err != nil {
		return refuse(err)
	}
	if err := a.Images.Receive(ctx, i.UID, size, r); err != nil {
		return refuse(fault.Wrap(err, "cannot import image %q", body.Name))
	}
	res, err := a.do(ctx, call, ImageUpload, target, func(c *change) error {
		if _, err := a.newImage(ctx, c, body, body.ImageSpec, size); err != nil { // somebody took the name meanwhile
			return err
		}
		i.Created = c.wish.Created
		return c.putImage(i)
	})
	if err != nil || res.repeated {
		if gone := a.Images.Remove(context.WithoutCancel(ctx), i.UID); gone != nil {
			a.Log.Error("an import that failed left a file", "image", i.UID, "err", gone)
		}
	}
	return res, err
}

// DeleteImage wishes an image away that no volume stands on. What is being made of it ends.
func (a *Actions) DeleteImage(ctx context.Context, call Call, ref model.Ref) (Result, error) {
	target := imageTarget(ref)
	return a.do(ctx, call, ImageDelete, target, func(c *change) error {
		i, kv, err := a.image(ctx, target.Project, target.Name)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		users, err := a.imageUsers(ctx, i.UID)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return fault.New(fault.Conflict, "image %q is what %s stands on", i.Name, listed(users)).
				Try("delete those first").WithCode("HV-IMG-024")
		}
		c.step("delete image %s", i.Name)
		c.wish.TargetUID, c.wish.Generation = i.UID, i.Generation+1
		return c.putDeletedImage(kv, i)
	})
}

func (c *change) putDeletedImage(kv store.KV, i storage.Image) error {
	now := c.wish.Created
	i.Deleted, i.Generation = &now, i.Generation+1
	c.require(store.ModRevision(kv.Key, kv.ModRevision))
	return c.put(kv.Key, i)
}

// imageUsers are the volumes that stand on an image.
func (a *Actions) imageUsers(ctx context.Context, uid string) ([]string, error) {
	all, _, err := store.ListAll[storage.Volume](ctx, a.Store, store.SpecPrefix("volume"))
	var users []string
	for _, v := range all {
		if storage.Has(v.Value.Layers, uid) {
			users = append(users, "volume "+v.Value.Name)
		}
	}
	if err != nil {
		return nil, err
	}
	trash, _, err := store.ListAll[storage.Trashed](ctx, a.Store, store.SpecPrefix("trash"))
	if err != nil {
		return nil, err
	}
	for _, v := range trash {
		if storage.Has(v.Value.Layers, uid) {
			users = append(users, "volume "+v.Value.Name+" in the trash")
		}
	}
	sets, _, err := store.ListAll[vm.Snapshot](ctx, a.Store, store.SpecPrefix("snapshot"))
	for _, s := range sets {
		for _, d := range s.Value.Disks {
			if storage.Has(d.Layers, uid) {
				users = append(users, "snapshot "+s.Value.Name)
			}
		}
	}
	return users, err
}

// listed names a few of many.
func listed(names []string) string {
	const few = 4
	out := ""
	for n, name := range names {
		switch {
		case n == few:
			return out + " and others"
		case n > 0:
			out += ", "
		}
		out += name
	}
	return out
}

// OpenImage says under which name an image's content lies in the default pool, for who may read it.
func (a *Actions) OpenImage(ctx context.Context, call Call, ref model.Ref) (string, error) {
	target := imageTarget(ref)
	if err := a.may(ctx, call, ImageExport, target); err != nil {
		a.refused(ctx, call, ImageExport, target, err)
		return "", err
	}
	i, st, _, err := a.madeImage(ctx, target.Project, target.Name)
	return storage.ImageFile(i.UID, st.Format), err
}

// onImage makes of a volume that is wished one that begins as an image: a layer of its own on the image's.
func (a *Actions) onImage(ctx context.Context, c *change, v storage.Volume) (storage.Volume, error) {
	i, st, kv, err := a.madeImage(ctx, v.Project, v.Spec.Image)
	if err != nil {
		return v, err
	}
	c.require(store.ModRevision(kv.Key, kv.ModRevision)) // it is not being deleted
	if i.Spec.Kind == storage.ISOImage {                 // a medium is only read: it is the image itself, and whoever were to write gets a layer first
		v.Spec.Format, v.Frozen = st.Format, true
		return v.On([]storage.Layer{{ID: i.UID, Pool: storage.DefaultPool, Format: st.Format, Size: st.Size}}), nil
	}
	v.Spec.Format = storage.QCOW2
	chain := []storage.Layer{
		{ID: i.UID, Pool: storage.DefaultPool, Format: st.Format, Size: st.Size},
		{ID: v.UID, Pool: v.Spec.Pool, Format: storage.QCOW2, Size: v.Spec.Size, Key: v.Spec.Encryption},
	}
	return v.On(chain), nil
}

// imageSize fills in the size of a volume that begins as an image, and refuses one that is smaller.
func (a *Actions) imageSize(ctx context.Context, project string, spec storage.VolumeSpec) (storage.VolumeSpec, error) {
	if spec.Image == "" {
		return spec, nil
	}
	i, st, _, err := a.madeImage(ctx, project, spec.Image)
	switch {
	case err != nil:
		return spec, err
	case i.Spec.Kind == storage.ISOImage && (spec.Size != 0 && spec.Size != st.Size || spec.Format != "" && spec.Format != st.Format || spec.Pool != storage.DefaultPool):
		return spec, fault.New(fault.Invalid, "image %q is an ISO: a volume of it is the image itself, as large as it is, in the pool %s", spec.Image, storage.DefaultPool).
			Try("leave --size, --format and --pool out")
	case i.Spec.Kind == storage.ISOImage:
		spec.Size, spec.Format = st.Size, st.Format
		return spec, nil
	case spec.Format == storage.Raw:
		return spec, fault.New(fault.Invalid, "a volume that begins as an image is qcow2: it stands on the image").Try("leave --format out")
	case spec.Size == 0:
		spec.Size = st.Size
	case spec.Size < st.Size:
		return spec, fault.New(fault.Invalid, "image %q has %s, and a volume of it cannot have %s", spec.Image, st.Size, spec.Size).Try("--size %s", st.Size)
	}
	spec.Format = storage.QCOW2
	return spec, nil
}
