package action

import (
	"context"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// RollBackConfig lets the content of an earlier generation stand again, as a generation of its own; 0 is the
// one before that which stands.
func (a *Actions) RollBackConfig(ctx context.Context, call Call, generation int64) (Result, error) {
	return a.inTurn(ctx, call, ConfigRollback, func() (candidate, error) {
		past, err := a.past(ctx, generation)
		if err != nil {
			return candidate{}, err
		}
		decl, err := past.Read()
		if err != nil {
			return candidate{}, fault.Wrap(err, "cannot read generation %d of the declaration", past.Generation)
		}
		cand, err := asCandidate(decl)
		cand.restores = past.Generation
		return cand, err
	})
}

// past reads a generation that is kept.
func (a *Actions) past(ctx context.Context, generation int64) (config.Applied, error) {
	stands, _, err := a.standing(ctx)
	if err != nil {
		return config.Applied{}, err
	}
	if generation == 0 {
		if generation = stands.Generation - 1; generation < 1 {
			return config.Applied{}, config.NoGeneration(generation)
		}
	}
	if generation == stands.Generation {
		return stands.Applied, nil
	}
	got, _, err := store.Get[config.Applied](ctx, a.Store, generationKey(generation))
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return got, config.NoGeneration(generation)
	}
	return got, err
}

// putBy keeps the generation that stood until now, and lets go of those that are too many with it.
func (a *Actions) putBy(ctx context.Context, c *change, before config.Applied) error {
	var err error
	if before.Digest, err = before.Sum(); err != nil {
		return err
	}
	tooOld := before.Generation + 2 - config.MaxGenerations // with the one that comes
	page, err := a.Store.List(ctx, store.SpecPrefix(config.GenerationKind), store.ListOptions{})
	if err != nil {
		return err
	}
	for _, kv := range page.KVs {
		ref, err := store.ParseSpec(kv.Key)
		if err != nil {
			return err
		}
		if n, err := strconv.ParseInt(ref.Name, 10, 64); err == nil && n < tooOld && len(c.txn.Then) < store.MaxOps/2 {
			c.txn.Then = append(c.txn.Then, store.DeleteOp(kv.Key))
		}
	}
	return c.put(generationKey(before.Generation), before)
}

// generationKey is the key of a generation that stood before, a config.Applied.
func generationKey(n int64) string {
	return store.SpecKey(store.Ref{Kind: config.GenerationKind, Project: store.HostWide, Name: config.GenerationName(n)})
}
