package view

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// standing reads the declaration that stands; the zero value where none does.
func (v *View) standing(ctx context.Context) (config.Applied, config.Declaration, error) {
	ref := store.Ref{Kind: "config", Project: store.HostWide, Name: "current"}
	a, there, err := store.Find[config.Applied](ctx, v.Store, store.SpecKey(ref))
	if err != nil || !there {
		return a, config.Declaration{}, err
	}
	decl, err := a.Read()
	return a, decl, fault.Wrap(err, "the standing declaration cannot be read")
}

// Standing returns the declaration that stands; with the secrets of its VMs only where asked for.
func (v *View) Standing(ctx context.Context, secrets bool) (wire.Config, error) {
	a, decl, err := v.standing(ctx)
	if err != nil {
		return wire.Config{}, err
	}
	if a.Generation == 0 {
		return wire.Config{Source: cmp.Or(v.DeclaredBy, "none"), Findings: append(finding.List{}, v.declarationNotes(false)...)}, nil
	}
	out, err := generation(a, decl, secrets)
	out.Findings = append(v.declarationNotes(a.Complete), config.Check(decl, v.Facts()).Findings...)
	out.Findings.Sort()
	return out, err
}

// declarationNotes is what the start has found about the declaration: a file that is refused, an apply that
// could not be finished, unless it was since.
func (v *View) declarationNotes(complete bool) finding.List {
	if v.Keeping == nil || complete && v.DeclaredBy == "" {
		return nil
	}
	_, all := v.Keeping()
	var out finding.List
	for _, f := range all {
		if strings.HasPrefix(f.Code, declarationCodes) {
			out = append(out, f)
		}
	}
	return out
}

const declarationCodes = "HV-CFG-"

// stillSo leaves out of what the start has found that an apply could not be finished, where it was since.
func (v *View) stillSo(ctx context.Context, found finding.List) finding.List {
	about := func(f finding.Finding) bool { return strings.HasPrefix(f.Code, declarationCodes) }
	if v.DeclaredBy != "" || !slices.ContainsFunc(found, about) {
		return found
	}
	if a, _, err := v.standing(ctx); err != nil || !a.Complete {
		return found
	}
	return slices.DeleteFunc(slices.Clone(found), about)
}

// generation puts one into the words of the wire. Its digest is of the whole, whoever sees it.
func generation(a config.Applied, decl config.Declaration, secrets bool) (wire.Config, error) {
	digest, err := a.Sum()
	if err != nil {
		return wire.Config{}, err
	}
	if shown, hid := decl.Shown(); hid && !secrets {
		if a.Declaration, err = shown.Encode(); err != nil {
			return wire.Config{}, err
		}
	}
	return wire.Config{
		Generation: a.Generation, Digest: digest, Applied: &a.At, By: a.By, Source: a.Source, Message: a.Message, Restores: a.Restores,
		Declaration: a.Declaration,
	}, nil
}

// Generation returns one generation that is kept, with what it comes to on the host of now; with the secrets of its VMs
// only where asked for.
func (v *View) Generation(ctx context.Context, n int64, secrets bool) (wire.Config, error) {
	stands, _, err := v.standing(ctx)
	if err != nil {
		return wire.Config{}, err
	}
	if n == stands.Generation && n > 0 {
		return v.Standing(ctx, secrets)
	}
	ref := store.Ref{Kind: config.GenerationKind, Project: store.HostWide, Name: config.GenerationName(n)}
	a, there, err := store.Find[config.Applied](ctx, v.Store, store.SpecKey(ref))
	if err != nil {
		return wire.Config{}, err
	}
	if !there {
		return wire.Config{}, config.NoGeneration(n)
	}
	decl, err := a.Read()
	if err != nil {
		return wire.Config{}, fault.Wrap(err, "cannot read generation %d of the declaration", n)
	}
	out, err := generation(a, decl, secrets)
	out.Findings = config.Check(decl, v.Facts()).Findings
	return out, err
}

// Generations lists the generations that are kept, newest first.
func (v *View) Generations(ctx context.Context) (wire.Generations, error) {
	out := wire.Generations{Items: []wire.Generation{}, Most: config.MaxGenerations}
	past, _, err := store.ListAll[config.Applied](ctx, v.Store, store.SpecPrefix(config.GenerationKind))
	if err != nil {
		return out, err
	}
	stands, _, err := v.standing(ctx)
	if err != nil {
		return out, err
	}
	var all []config.Applied
	for _, a := range past {
		if a.Value.Generation < stands.Generation { // the list is older than what stands
			all = append(all, a.Value)
		}
	}
	if stands.Generation > 0 {
		all = append(all, stands)
	}
	for _, a := range slices.Backward(all) {
		decl, err := a.Read()
		if err != nil {
			return out, fault.Wrap(err, "cannot read generation %d of the declaration", a.Generation)
		}
		digest, err := a.Sum()
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, wire.Generation{
			Generation: a.Generation, Stands: a.Generation == stands.Generation, Digest: digest, Applied: a.At, By: a.By, Source: a.Source,
			Message: a.Message, Restores: a.Restores, VMs: len(decl.VMs), Incomplete: a.Generation == stands.Generation && !a.Complete,
		})
	}
	return out, nil
}

// ConfigStatus holds what runs against what is declared.
func (v *View) ConfigStatus(ctx context.Context) (wire.ConfigStatus, error) {
	a, decl, err := v.standing(ctx)
	if err != nil {
		return wire.ConfigStatus{}, err
	}
	out := wire.ConfigStatus{Complete: a.Complete || a.Generation == 0, VMs: len(decl.VMs), Released: []wire.Left{}, Features: []wire.Awaited{}}
	if out.Config, err = v.Standing(ctx, false); err != nil {
		return out, err
	}
	out.Declaration = nil
	if v.Applying != nil {
		out.Applying = v.Applying()
	}
	seen := map[string]config.SeenVM{}
	v.mu.RLock()
	for ref, e := range v.vms {
		if e.object.Name == "" || ref.Project != model.DefaultProject {
			continue
		}
		one := config.SeenVM{Object: e.object}
		if e.power != nil {
			one.Power = *e.power
		}
		seen[ref.Name] = one
	}
	keys := map[string]config.SeenKey{}
	for name, e := range v.keys {
		if e.key.Name != "" {
			keys[name] = config.SeenKey{Key: e.key, Status: e.status}
		}
	}
	sources := maps.Clone(v.sources)
	v.mu.RUnlock()
	out.Drift = slices.Concat(config.Drift(decl, seen), config.DriftOfKeys(decl, keys), config.DriftOfSources(decl, sources))
	out.Released, out.Manual = released(seen)
	res := feature.Resolve(decl.FeatureManager, config.FeatureFacts(v.Facts()))
	for _, e := range res.Effective {
		if e.State != feature.On {
			out.Features = append(out.Features, wire.Awaited{ID: string(e.ID), State: string(e.State), Held: e.Held})
		}
	}
	out.InStep = len(out.Drift) == 0 && out.Complete
	return out, nil
}

func released(seen map[string]config.SeenVM) ([]wire.Left, int) {
	left, manual := []wire.Left{}, 0
	for name, s := range seen {
		switch s.Object.Origin {
		case model.Released:
			l := wire.Left{Name: name, State: cmp.Or(s.Power.State, vm.StateOff)}
			for _, d := range s.Object.Spec.Volumes() {
				if d.Volume != "" {
					l.Volumes = append(l.Volumes, d.Volume)
				}
			}
			slices.Sort(l.Volumes)
			left = append(left, l)
		case model.Manual:
			manual++
		case model.Declared:
		}
	}
	slices.SortFunc(left, func(a, b wire.Left) int { return strings.Compare(a.Name, b.Name) })
	return left, manual
}
