package action

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// UpdateImage wishes for the newest version of an image. It is made beside the one that is there, under a name of its
// own, and takes the name when it is made: until then, and where nothing newer is found, everything is as it was.
func (a *Actions) UpdateImage(ctx context.Context, call Call, ref model.Ref, allowDowngrade bool) (Result, error) {
	target := imageTarget(model.Ref{Project: ref.Project, Name: storage.NextName(ref.Name)})
	return a.do(ctx, call, ImageUpdate, target, func(c *change) error {
		old, st, kv, err := a.madeImage(ctx, target.Project, ref.Name)
		if err != nil {
			return err
		}
		if err := match(call, kv, imageTarget(ref)); err != nil {
			return err
		}
		body := wire.ImportImage{Name: target.Name, Labels: old.Labels, ImageSpec: old.Spec}
		src := &body.Source
		src.AllowDowngrade = allowDowngrade // which is said anew each time
		switch {
		case src.URL == "" && src.Index == nil:
			return fault.New(fault.Precondition, "image %q came from a file: nobody lists a newer one", ref.Name).
				Try("import the newer file under another name").WithCode("HV-IMG-032")
		case src.Index == nil && src.Catalogue == "" && src.Checksums == "" && src.SHA256+src.SHA512 != "":
			return fault.New(fault.Precondition, "image %q is held against the one sum that was given: nothing else may be its content", ref.Name).
				Try("import the newer one under another name, with its sum").WithCode("HV-IMG-032")
		case src.Catalogue != "":
			body.Catalogue, src.URL, src.Checksums = src.Catalogue, "", ""
			local := src.Local
			if body.ImageSpec, err = a.fromCatalogue(body); err != nil {
				return err
			}
			body.Source.Local, body.Source.SHA256, body.Source.SHA512 = local, "", ""
		}
		if _, err := a.Store.Get(ctx, imageKey(target.Project, target.Name)); err == nil {
			return fault.New(fault.Conflict, "image %q is being updated already", ref.Name).Try("hv operation list").WithCode("HV-IMG-023")
		}
		i, err := a.newImage(ctx, c, body, body.ImageSpec, 0)
		if err != nil {
			return err
		}
		i.Replaces = &storage.Replaced{Name: old.Name, UID: old.UID, SHA256: st.SHA256, Sum: st.Sum, Version: st.Version}
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		from := i.Spec.Source.URL
		if i.Spec.Source.Index != nil {
			from = i.Spec.Source.Listed
		}
		c.step("see whether %s has a newer one, and fetch it", from)
		c.step("give it the name %s; the one that has it stays while something stands on it", old.Name)
		return c.putImage(i)
	})
}
