package action

import (
	"context"
	"errors"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

const kindImageSource = "image-source"

func sourceTarget(name string) operation.Target {
	return operation.Target{Kind: kindImageSource, Ref: model.Ref{Project: store.HostWide, Name: name}}
}

func sourceKey(name string) string {
	return store.SpecKey(store.Ref{Kind: kindImageSource, Project: store.HostWide, Name: name})
}

// imageSource reads one place that lists images.
func (a *Actions) imageSource(ctx context.Context, name string) (storage.Index, store.KV, error) {
	s, kv, err := store.Get[storage.Index](ctx, a.Store, sourceKey(name))
	if fault.KindOf(err) == fault.NotFound {
		err = fault.New(fault.NotFound, "there is no image source %q", name).Try("hv image source list").WithCode("HV-IMG-030")
	}
	return s, kv, err
}

// AddImageSource notes a place that lists images. It is not asked: what it lists is asked for when somebody wants it.
func (a *Actions) AddImageSource(ctx context.Context, call Call, body wire.AddImageIndex) (Result, error) {
	target := sourceTarget(body.Name)
	return a.do(ctx, call, ImageSourceAdd, target, func(c *change) error {
		errs := append(storage.CheckIndex(body.Name, body.IndexSpec), model.CheckLabels(body.Labels)...)
		if len(errs) > 0 {
			first := errs[0]
			return fault.New(fault.KindOf(first), "cannot add image source %q", body.Name).Because(errors.Join(errs...)).
				Try("%s", fault.HintOf(first)).WithCode(fault.CodeOf(first))
		}
		if _, _, err := a.imageSource(ctx, body.Name); err == nil {
			return fault.New(fault.Conflict, "there is an image source %q already", body.Name).
				Try("choose another name, or hv image source remove %s", body.Name).WithCode("HV-IMG-031")
		}
		s := storage.Index{Metadata: a.byHand(c, store.HostWide, body.Name, body.Labels), Spec: body.Effective()}
		c.step("take what %s lists for images", s.Spec.URL)
		c.wish.TargetUID, c.wish.Generation = s.UID, 1
		c.atOnce(a.Now())
		c.require(store.Absent(sourceKey(s.Name)))
		return c.put(sourceKey(s.Name), s)
	})
}

// RemoveImageSource forgets a place that lists images. Images that came from there stay, and are updated from there.
func (a *Actions) RemoveImageSource(ctx context.Context, call Call, name string) (Result, error) {
	target := sourceTarget(name)
	return a.do(ctx, call, ImageSourceRemove, target, func(c *change) error {
		s, kv, err := a.imageSource(ctx, name)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		if s.Origin == model.Declared {
			return a.sourceDeclared(ctx, name)
		}
		c.step("forget image source %s; images that came from there stay", name)
		c.wish.TargetUID, c.wish.Generation = s.UID, s.Generation+1
		c.atOnce(a.Now())
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		c.txn.Then = append(c.txn.Then, store.DeleteOp(kv.Key))
		return nil
	})
}

// sourceDeclared refuses to forget by hand what is declared, and says where that stands.
func (a *Actions) sourceDeclared(ctx context.Context, name string) error {
	at := ""
	if stands, _, err := a.standing(ctx); err == nil { // else it is told without its place
		if p := stands.decl.Sources.At(config.SourcePath(name)); p.Line > 0 {
			at = " (" + p.String() + ")"
		}
	}
	return fault.New(fault.Denied, "image source %q stands in the host's declaration%s and is taken out there only", name, at).
		Try("take it out there, apply it, then hv image source remove %s", name).WithCode("HV-IMG-040")
}

// listed fills in where an image is listed: SOURCE:ITEM of a source that is there.
func (a *Actions) listed(ctx context.Context, s storage.ImageSource) (storage.ImageSource, error) {
	s.Index = nil // a source is root's word, not the caller's
	if s.Listed == "" {
		return s, nil
	}
	name, _, ok := storage.ParseListed(s.Listed)
	if !ok || len(s.Listed) > 300 || s.URL != "" || s.Checksums != "" {
		return s, fault.New(fault.Invalid, "%.100q is not SOURCE:ITEM, or a URL is said beside it", s.Listed).Try("hv image search --source NAME")
	}
	src, _, err := a.imageSource(ctx, name)
	if err != nil {
		return s, err
	}
	s.Index = &src.Spec
	return s, nil
}
