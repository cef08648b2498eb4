package action

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// object rebuilds a volume, where its content is there, nobody else has it, and its name is free.
func (r *rebuilding) object(ctx context.Context, pool string, n storage.Note, m model.Metadata) error {
	subject := n.Kind + "/" + m.Name
	refuse := func(why string) error {
		r.say("HV-POOL-017", finding.Limited, subject, fmt.Sprintf("%s %s is not rebuilt: %s", n.Kind, m.Name, why), "it is left as it is")
		return nil
	}
	if n.Kind != "volume" {
		return refuse("only pools, images and volumes are")
	}
	v, err := volumeNoted(n, pool)
	if err != nil {
		return refuse(err.Error())
	}
	var gone, others []string
	files := filesOf(v)
	for i, f := range files {
		r.named[f] = true
		writes := i == len(files)-1 && !v.Frozen
		switch {
		case !r.there[f]:
			gone = append(gone, f)
		case r.written[f] || writes && r.held[f]:
			others = append(others, f)
		}
	}
	switch {
	case m.Deleted != nil:
		r.say("HV-POOL-017", finding.Advice, subject, fmt.Sprintf("%s %s was being deleted, and is not rebuilt", n.Kind, m.Name), "")
		return nil
	case len(gone) > 0:
		r.say("HV-POOL-017", finding.Limited, subject, fmt.Sprintf("%s %s is not rebuilt: %s is gone", n.Kind, m.Name, strings.Join(gone, ", ")), "put it back, then hv storage recover again")
		return nil
	}
	if len(others) > 0 {
		return refuse(strings.Join(others, ", ") + " is another's")
	}
	if n.Object, err = json.Marshal(v); err != nil {
		return fault.New(fault.Internal, "cannot encode volume %q", v.Name).Because(err)
	}
	words := fmt.Sprintf("%s %s in pool %s", n.Kind, model.Ref{Project: m.Project, Name: m.Name}, pool)
	if n.Owner != "" {
		words += ", which " + n.Owner + " used"
	}
	made := r.made
	if err := r.put(ctx, n, m, words); err != nil {
		return err
	}
	if r.made > made {
		r.holds(v)
	}
	return nil
}

// volumeNoted is the volume that a note of a pool tells of, without what went on as it was written: neither a copy nor
// a move goes on. Nothing in it is trusted.
func volumeNoted(n storage.Note, pool string) (storage.Volume, error) {
	var v storage.Volume
	if err := json.Unmarshal(n.Object, &v); err != nil {
		return v, fault.New(fault.Unreadable, "its note holds no volume").Because(err)
	}
	errs := append(storage.CheckVolume(v.Name, v.Spec), model.CheckLabels(v.Labels)...)
	at := cmp.Or(v.Spec.Pool, storage.DefaultPool)
	switch {
	case at != pool:
		errs = append(errs, fault.New(fault.Invalid, "it is of pool %.40q, and its note lies in pool %q", at, pool))
	case v.Project == store.HostWide:
		errs = append(errs, fault.New(fault.Invalid, "it is in no project"))
	case len(v.Layers) > storage.MaxLayers:
		errs = append(errs, fault.New(fault.Invalid, "it has %d layers: at most %d", len(v.Layers), storage.MaxLayers))
	case v.File != v.Head().File():
		errs = append(errs, fault.New(fault.Invalid, "its file %.60q is not that of its head", v.File))
	}
	v.Copiers, v.Source, v.Moving, v.KeepUntil, v.Leaving, v.Exports = nil, nil, nil, nil, nil, nil
	v.Repairing = false
	return v, errors.Join(errs...)
}

// filesOf are the files that a volume consists of, as POOL/FILE.
func filesOf(v storage.Volume) []string {
	var files []string
	for _, l := range v.Chain() {
		files = append(files, cmp.Or(l.Pool, storage.DefaultPool)+"/"+l.File())
	}
	return files
}
