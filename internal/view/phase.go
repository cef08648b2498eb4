package view

import (
	"context"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// HostPhase returns the phase of the host, and what of what stands is not what was sealed.
func (v *View) HostPhase(ctx context.Context) (wire.Phase, error) {
	if v.Phase == nil {
		return wire.Phase{}, fault.New(fault.Unavailable, "nobody keeps the phase of this host").WithCode("HV-PHASE-002")
	}
	p, err := v.Phase(ctx)
	if err != nil {
		return wire.Phase{}, err
	}
	out := wire.Phase{Phase: p}
	stands, err := v.content(ctx)
	if err != nil {
		return wire.Phase{}, err
	}
	out.Generation, out.Digest = stands.Generation, stands.Digest
	switch {
	case p.Broken != "":
		out.Findings = finding.List{{
			Code: "HV-PHASE-015", Severity: finding.Limited, Subject: []string{"host"}, What: "the seal of the phase cannot be read: the host counts as hardened",
			Why: p.Broken, Remedy: "docs/hardening.md says what to do when the key is lost",
		}}
	case p.Sealed != nil:
		if out.Findings = phase.Drift(phase.Content{Generation: p.Sealed.Generation, Digest: p.Sealed.Digest}, stands); out.Findings != nil {
			out.Findings = append(out.Findings, v.notPutBack()...)
		}
	}
	return out, nil
}

// notPutBack is why the start could not have the sealed declaration stand.
func (v *View) notPutBack() finding.List {
	if v.Keeping == nil {
		return nil
	}
	_, all := v.Keeping()
	return slices.DeleteFunc(slices.Clone(all), func(f finding.Finding) bool { return f.Code != phase.CodeNotPutBack })
}

// content is what the standing declaration says.
func (v *View) content(ctx context.Context) (phase.Content, error) {
	ref := store.Ref{Kind: "config", Project: store.HostWide, Name: "current"}
	a, found, err := store.Find[config.Applied](ctx, v.Store, store.SpecKey(ref))
	if err != nil {
		return phase.Content{}, err
	}
	if !found {
		digest, err := config.Declaration{}.Digest()
		return phase.Content{Digest: digest}, err
	}
	// Found out anew, not believed: what was edited in the store may have kept its old digest.
	d, err := a.Read()
	if err != nil { // what cannot be read is not what was sealed
		return phase.Content{Generation: a.Generation}, nil //nolint:nilerr // config show says why
	}
	digest, err := d.Digest()
	return phase.Content{Generation: a.Generation, Digest: digest}, err
}

// addPhase puts the phase into what is shown of the host.
func (v *View) addPhase(ctx context.Context, h *wire.Host) {
	if v.Phase == nil {
		return
	}
	p, err := v.HostPhase(ctx)
	if err != nil {
		h.Findings = append(h.Findings, finding.Finding{
			Code: "HV-PHASE-002", Severity: finding.Limited, Subject: []string{"host"}, What: "whether the host is hardened is not known", Why: err.Error(),
			Remedy: fault.HintOf(err),
		})
		return
	}
	h.Phase, h.Findings = p.Name, append(h.Findings, p.Findings...)
}
