package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// images rebuilds the library: the notes of images stand on the default pool, where their content is. It is done before volumes are,
// which stand on them and may not write to them.
func (r *rebuilding) images(ctx context.Context) error {
	notes := r.notes[storage.DefaultPool]
	for _, uid := range slices.Sorted(maps.Keys(notes)) {
		n, m, err := storage.ReadNote(uid, notes[uid])
		if err != nil || n.Kind != "image" || r.known[uid] {
			continue // what cannot be read is told with the others of the pool
		}
		i, st, err := imageNoted(n)
		file := storage.DefaultPool + "/" + storage.ImageFile(uid, st.Format)
		r.named[file] = true
		switch {
		case err != nil:
		case m.Deleted != nil && i.Replaced == "":
			r.say("HV-POOL-017", finding.Advice, "image/"+m.Name, fmt.Sprintf("image %s was being deleted, and is not rebuilt", m.Name), "")
			continue
		case !r.there[file]:
			r.say("HV-POOL-017", finding.Limited, "image/"+m.Name, fmt.Sprintf("image %s is not rebuilt: %s is gone", m.Name, file), "put it back, then hv storage recover again")
			continue
		case r.held[file]:
			err = fault.New(fault.Conflict, "%s is another's", file)
		}
		if err != nil {
			r.say("HV-POOL-017", finding.Limited, "image/"+m.Name, fmt.Sprintf("image %s is not rebuilt: %v", m.Name, err), "it is left as it is")
			continue
		}
		if n.Object, err = json.Marshal(i); err != nil {
			return fault.New(fault.Internal, "cannot encode image %q", i.Name).Because(err)
		}
		made := r.made
		r.library[uid] = st
		if err := r.put(ctx, n, m, "image "+model.Ref{Project: m.Project, Name: m.Name}.String()); err != nil {
			return err
		}
		if r.made == made {
			delete(r.library, uid)
			continue
		}
		r.held[file] = true
	}
	if len(r.library) > 0 {
		r.c.act = func(ctx context.Context) error {
			for uid, st := range r.library {
				if err := r.a.Images.Adopt(ctx, uid, st); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return nil
}

// imageNoted is the image that a note tells of, and what became of it. Nothing in it is trusted: what only root may ask for is not
// taken from it.
func imageNoted(n storage.Note) (storage.Image, storage.ImageStatus, error) {
	var noted storage.ImageNote
	if err := json.Unmarshal(n.Object, &noted); err != nil {
		return noted.Image, noted.Status, fault.New(fault.Unreadable, "its note holds no image").Because(err)
	}
	i, st := noted.Image, noted.Status
	i.Spec.Source.Local, i.Spec.Source.AllowDowngrade, i.Replaces = false, false, nil
	if x := i.Spec.Source.Index; x != nil {
		x.Local = false
	}
	errs := append(storage.CheckImage(i.Name, i.Spec), model.CheckLabels(i.Labels)...)
	if x := i.Spec.Source.Index; x != nil {
		errs = append(errs, storage.CheckIndex("source", *x)...)
	}
	switch {
	case i.Project == store.HostWide:
		errs = append(errs, fault.New(fault.Invalid, "it is in no project"))
	case st.Format != storage.QCOW2 && st.Format != storage.Raw || (st.Format == storage.Raw) != (i.Spec.Kind == storage.ISOImage):
		errs = append(errs, fault.New(fault.Invalid, "a %.10s of format %.10q is nothing that the library keeps", i.Spec.Kind, string(st.Format)))
	case st.Size <= 0 || st.Size > storage.MaxVolume || st.Size%512 != 0 || !st.Ready:
		errs = append(errs, fault.New(fault.Invalid, "%d bytes are no size of an image", int64(st.Size)))
	}
	return i, st, errors.Join(errs...)
}
