package action

import (
	"context"
	"reflect"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// Authorize is the gate that every action passes, reads and streams included. It is fault.Denied
// with a code of its own for each reason.
func (a *Actions) Authorize(ctx context.Context, call Call, r Row) error {
	if r.name == "" {
		return fault.New(fault.Internal, "an action that is not in the table was asked for")
	}
	if r.access == Root && !call.Root {
		return fault.New(fault.Denied, "only root may %s", r.what).Try("ask again as root: sudo before the same command").WithCode("HV-AUTH-001")
	}
	if call.DryRun && !r.dryRun && r.wish != Read {
		return fault.New(fault.Invalid, "%s has no dry run: there is nothing to plan", r.name)
	}
	if len(call.IdempotencyKey) > 128 {
		return fault.New(fault.Invalid, "the idempotency key has %d bytes: at most 128", len(call.IdempotencyKey))
	}
	if err := a.inPhase(ctx, call, r); err != nil {
		return err
	}
	if f, _, err := catalogue.Lookup(r.feature); err == nil && f.Core {
		return nil // cannot be off: where QEMU is missing, who asks why must be answered, and a VM can be stopped
	}
	res, _, err := a.Resolution(ctx)
	if err != nil {
		return err
	}
	if res.On(r.feature) {
		return nil
	}
	return isOff(res, r.feature, r.what)
}

// isOff refuses what belongs to a feature that is off, with the edit that turns it on.
func isOff(res feature.Resolution, id, what string) error {
	off := fault.New(fault.Denied, "cannot %s: feature %s is off", what, id).WithCode("HV-AUTH-002")
	if why, ok := res.WhyOff(id); ok {
		off = off.Because(finding.Refusal{Findings: finding.List{why}}).Try("%s", why.Remedy)
	}
	return off
}

// Resolution returns what the standing declaration comes to with the host's facts of now, and its
// revision. Without a declaration it is that of the defaults.
func (a *Actions) Resolution(ctx context.Context) (feature.Resolution, int64, error) {
	var decl config.Declaration
	kv, err := a.Store.Get(ctx, configKey())
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return feature.Resolution{}, 0, err
	}
	facts := a.Facts()
	a.mu.Lock()
	have := a.resolved
	a.mu.Unlock()
	if have != nil && have.revision == kv.ModRevision && reflect.DeepEqual(have.facts, facts) {
		return have.resolution, have.revision, nil
	}
	if kv.Value != nil {
		applied, err := store.Decode[config.Applied](kv)
		if err != nil {
			return feature.Resolution{}, 0, err
		}
		if decl, err = config.Decode(applied.Declaration); err != nil {
			return feature.Resolution{}, 0, fault.Wrap(err, "the standing declaration cannot be read")
		}
	}
	res := feature.Resolve(decl.FeatureManager, config.FeatureFacts(facts))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.resolved = &resolved{revision: kv.ModRevision, facts: facts, resolution: res}
	return res, kv.ModRevision, nil
}
