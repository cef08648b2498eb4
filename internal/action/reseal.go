package action

import (
	"context"
	"encoding/json"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// SealedCopy keeps what was sealed beside the store, so that a store from before can be led back to it. It is no
// secret and not believed: its declaration counts by the digest that hv-helper keeps, its UUIDs by hv-helper's list.
type SealedCopy interface {
	// Keep puts data in the place of what was kept, durably.
	Keep(data []byte) error
	// Kept is what is kept; fault.NotFound where that is nothing.
	Kept() ([]byte, error)
}

// sealedCopy is what is kept.
type sealedCopy struct {
	Generation  int64             `json:"generation"`
	Declaration json.RawMessage   `json:"declaration"`
	UUIDs       map[string]string `json:"uuids"` // of the VMs of its declaration, by name
}

func (a *Actions) keepSealed(what sealing) error {
	if a.SealedCopy == nil {
		return nil
	}
	encoded, err := what.decl.Encode()
	if err != nil {
		return err
	}
	data, err := json.Marshal(sealedCopy{Generation: what.Generation, Declaration: encoded, UUIDs: what.uuids})
	if err == nil {
		err = a.SealedCopy.Keep(data)
	}
	return fault.Wrap(err, "a copy of what is sealed cannot be kept")
}

// PutBackSealed makes the sealed declaration the one that stands, where the host is hardened and another one stands:
// the store was put back, or edited. It looks for it in the host's own file, among the generations that are kept,
// and in the copy that was made when the host was hardened. It is for the start, before anybody reconciles, goes the way
// of every apply, and reports whether it has changed anything.
func (a *Actions) PutBackSealed(ctx context.Context, call Call) (bool, error) {
	st, err := a.sealed(ctx)
	if err != nil || !st.Hardened || st.Broken != "" {
		return false, err
	}
	stands, _, err := a.standing(ctx)
	if err != nil {
		return false, notPutBack(err)
	}
	have, err := stands.decl.Digest()
	if err != nil || have == st.Digest {
		return false, err
	}
	cand, err := a.findSealed(ctx, st.Digest)
	if err != nil {
		return false, notPutBack(err)
	}
	call.Message = "the sealed declaration, put back at boot"
	if _, err := a.inTurn(ctx, call, ConfigApply, func() (candidate, error) { return cand, nil }); err != nil {
		return false, notPutBack(err)
	}
	return true, nil
}

func notPutBack(err error) error {
	return fault.New(fault.KindOf(err), "the sealed declaration does not stand, and is not put back").Because(err).WithCode(phase.CodeNotPutBack)
}

// findSealed finds the declaration of a digest.
func (a *Actions) findSealed(ctx context.Context, digest string) (candidate, error) {
	if a.DeclaredBy != "" && a.Declared != nil {
		if d, err := a.Declared(ctx); err == nil { // one that cannot be read is told where it is applied
			if cand, err := asCandidate(d); err == nil && cand.digest == digest {
				return cand, nil
			}
		}
	}
	all, _, err := store.ListAll[config.Applied](ctx, a.Store, store.SpecPrefix(config.GenerationKind))
	if err != nil {
		return candidate{}, err
	}
	for i := len(all) - 1; i >= 0; i-- { // the newest first; a digest that is written down is not believed
		d, err := all[i].Value.Read()
		if err != nil {
			continue // another one may be it
		}
		if cand, err := asCandidate(d); err == nil && cand.digest == digest {
			cand.restores, cand.source = all[i].Value.Generation, sealedSource
			return cand, nil
		}
	}
	if kept := a.keptSealed(); kept.decl != nil && kept.digest == digest {
		cand, err := asCandidate(*kept.decl)
		cand.source = sealedSource
		return cand, err
	}
	return candidate{}, fault.New(fault.NotFound, "it is not in the host's declaration file, not among the %d generations that are kept, and there is no copy of it",
		len(all)).Try("%s", phase.PutBackRemedy)
}

// sealedSource is where a declaration comes from that was put back.
const sealedSource = "sealed"

// foundCopy is the copy as it was read; decl is nil where there is none, or none that can be read.
type foundCopy struct {
	decl   *config.Declaration
	digest string
	uuids  map[string]string
}

func (a *Actions) keptSealed() foundCopy {
	if a.SealedCopy == nil {
		return foundCopy{}
	}
	var kept sealedCopy
	data, err := a.SealedCopy.Kept()
	if err == nil {
		err = json.Unmarshal(data, &kept)
	}
	var decl config.Declaration
	var digest string
	if err == nil {
		decl, err = config.Decode(kept.Declaration)
	}
	if err == nil {
		digest, err = decl.Digest()
	}
	if err != nil {
		if fault.KindOf(err) != fault.NotFound {
			a.Log.Warn("the copy of what was sealed cannot be read", "err", err)
		}
		return foundCopy{}
	}
	return foundCopy{&decl, digest, kept.UUIDs}
}

// sealedUUIDs are the UUIDs of the VMs of the declaration of a digest, where they were kept: one that is made anew is
// the one that was there, and hv-helper launches no other.
func (a *Actions) sealedUUIDs(digest string) map[string]string {
	if kept := a.keptSealed(); kept.digest == digest {
		return kept.uuids
	}
	return nil
}
