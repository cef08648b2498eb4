package action

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"strconv"
	"strings"
	"unicode"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// ApplyConfig makes a declaration, as config.Declaration.Encode writes it, the one that stands. What
// it wishes of VMs is wished after it is durable; if that is cut off the next start finishes it.
func (a *Actions) ApplyConfig(ctx context.Context, call Call, encoded []byte) (Result, error) {
	return a.inTurn(ctx, call, ConfigApply, func() (candidate, error) {
		decl, err := config.Decode(encoded)
		if err != nil {
			return candidate{}, fault.Wrap(err, "cannot apply the declaration")
		}
		return asCandidate(decl)
	})
}

// candidate is a declaration that is to stand.
type candidate struct {
	decl     config.Declaration
	encoded  []byte // in one form, so that the same one is known again
	digest   string
	restores int64  // the generation whose content it is, of a rollback
	source   string // where it comes from; empty for the usual
}

func asCandidate(decl config.Declaration) (candidate, error) {
	encoded, err := decl.Encode()
	if err != nil {
		return candidate{}, err
	}
	digest, err := decl.Digest()
	return candidate{decl: decl, encoded: encoded, digest: digest}, err
}

// inTurn applies what read gives: after the gate, before anything of a stranger's is read, and while no
// other declaration is applied. To look needs no turn.
func (a *Actions) inTurn(ctx context.Context, call Call, row Row, read func() (candidate, error)) (Result, error) {
	err := a.mayApply(ctx, &call, row)
	if err == nil && !call.DryRun {
		if err = a.applying.take(ctx, call, a.Now); err == nil {
			defer a.applying.release()
		}
	}
	var cand candidate
	if err == nil {
		cand, err = read()
	}
	if err == nil && call.within {
		if call.asSealed, err = a.asSealed(ctx, cand.decl); call.asSealed {
			call.uuids = a.sealedUUIDs(cand.digest)
		}
	}
	if err != nil {
		a.refused(ctx, call, row, configTarget, err)
		return Result{}, err
	}
	return a.apply(ctx, call, row, cand)
}

// maxMessage bounds why a declaration is applied, in bytes.
const maxMessage = 256

// mayApply is the gate. On a hardened host it lets a declaration in at boot, of which it is then asked whether it
// is the sealed one.
func (a *Actions) mayApply(ctx context.Context, call *Call, row Row) error {
	call.within = call.Actor.Via == "boot"
	if err := a.Authorize(ctx, *call, row); err != nil {
		return err
	}
	if a.DeclaredBy != "" && !call.within {
		return fault.New(fault.Denied, "this host's declaration is %s, applied at boot", a.DeclaredBy).
			Try("change it where that file comes from; hv config check FILE says what would follow").WithCode("HV-CFG-001")
	}
	if len(call.Message) > maxMessage || strings.ContainsFunc(call.Message, unicode.IsControl) {
		return fault.New(fault.Invalid, "a message has at most %d bytes, in one line", maxMessage)
	}
	return nil
}

func (a *Actions) apply(ctx context.Context, call Call, row Row, cand candidate) (Result, error) {
	var p planned
	var applied config.Applied
	res, err := a.do(ctx, call, row, configTarget, func(c *change) error {
		before, kv, err := a.standing(ctx)
		if err != nil {
			return err
		}
		if err := match(call, kv, configTarget); err != nil {
			return err
		}
		if p, err = a.planConfig(ctx, c, before, cand); err != nil {
			return err
		}
		p.tell(c, before, cand)
		if c.notes.Refuses() {
			return fault.New(fault.Invalid, "the declaration is refused").Because(finding.Refusal{Findings: c.notes})
		}
		if call.Plan != "" && call.Plan != p.Digest {
			return fault.New(fault.Precondition, "what would follow has changed since it was planned").
				Try("look at the plan again: hv config apply makes a new one").WithCode("HV-CFG-006")
		}
		now := a.Now()
		c.status = &operation.Status{State: operation.Done, Ended: &now, Findings: c.notes}
		c.require(store.ModRevision(configKey(), kv.ModRevision))
		if err := a.putPools(ctx, c, p); err != nil {
			return err
		}
		if err := a.putShares(c, p); err != nil {
			return err
		}
		if err := a.putKeys(c, p); err != nil {
			return err
		}
		if err := a.putSources(c, p); err != nil {
			return err
		}
		applied = a.next(c, before.Applied, cand, p)
		c.wish.Generation, c.wish.Params = applied.Generation, paramsOf(applied)
		return a.putGeneration(ctx, c, before.Applied, applied)
	})
	if err != nil || call.DryRun || res.repeated || applied.Complete {
		return res, err
	}
	ctx = context.WithoutCancel(ctx) // what stands is made so, whoever has stopped waiting for it
	ids, rev, err := a.wishVMs(ctx, call, p.gone, cand.decl)
	if err != nil {
		return res, fault.Wrap(err, "the declaration stands, and not all of its VMs could be wished for")
	}
	res.Operation.Params = maps.Clone(res.Operation.Params)
	res.Operation.Params["operations"] = strings.Join(ids, ",")
	res.Revision = max(res.Revision, rev)
	return res, a.completed(ctx, applied)
}

// next is the generation that is to stand: the same one where it says the same, perhaps from another place in
// its owner's files, or with VMs that have moved away from it and are wished back.
func (a *Actions) next(c *change, before config.Applied, cand candidate, p planned) config.Applied {
	source := "applied"
	if a.DeclaredBy != "" {
		source = a.DeclaredBy
	}
	source = cmp.Or(cand.source, source)
	next := before
	if p.same {
		next.Declaration, next.Digest, next.Source = cand.encoded, cand.digest, source
		next.Complete = !p.todo
		return next
	}
	return config.Applied{
		Generation: before.Generation + 1, Digest: cand.digest, At: c.wish.Created, By: c.call.Actor, Source: source,
		Message: c.call.Message, Restores: cand.restores, Declaration: cand.encoded,
	}
}

// paramsOf is what the audit log keeps of a generation.
func paramsOf(g config.Applied) map[string]string {
	p := map[string]string{"generation": strconv.FormatInt(g.Generation, 10), "digest": g.Digest}
	if g.Message != "" {
		p["message"] = g.Message
	}
	if g.Restores > 0 {
		p["restores"] = strconv.FormatInt(g.Restores, 10)
	}
	return p
}

// putGeneration writes next where it differs from what stands, and puts that by where next is another one.
func (a *Actions) putGeneration(ctx context.Context, c *change, before, next config.Applied) error {
	if next.Generation != before.Generation && before.Generation > 0 {
		if err := a.putBy(ctx, c, before); err != nil {
			return err
		}
	} else if bytes.Equal(next.Declaration, before.Declaration) && next.Source == before.Source && next.Complete == before.Complete && next.Digest == before.Digest {
		return nil
	}
	return c.put(configKey(), next)
}

// standing is the declaration that stands; zero for none.
type standing struct {
	config.Applied
	decl config.Declaration
}

func (a *Actions) standing(ctx context.Context) (standing, store.KV, error) {
	got, kv, err := store.Get[config.Applied](ctx, a.Store, configKey())
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return standing{}, kv, nil
	}
	if err != nil {
		return standing{}, kv, err
	}
	decl, err := got.Read()
	return standing{Applied: got, decl: decl}, kv, fault.Wrap(err, "the standing declaration cannot be read")
}

// completed notes that everything in the standing declaration was wished for.
func (a *Actions) completed(ctx context.Context, applied config.Applied) error {
	if applied.Complete {
		return nil
	}
	applied.Complete = true
	op, err := store.PutJSON(configKey(), applied, 0)
	if err == nil {
		_, err = a.Store.Commit(ctx, store.Txn{Then: []store.Op{op}})
	}
	return fault.Wrap(err, "cannot note that the declaration was applied")
}

// Resume finishes an apply that was cut off.
func (a *Actions) Resume(ctx context.Context, call Call) error {
	if err := a.applying.take(ctx, call, a.Now); err != nil {
		return err
	}
	defer a.applying.release()
	stands, _, err := a.standing(ctx)
	if err != nil || stands.Generation == 0 || stands.Complete {
		return err
	}
	if call.asSealed, err = a.asSealed(ctx, stands.decl); err != nil {
		return fault.Wrap(err, "an apply that was cut off is not finished")
	}
	if call.asSealed {
		if digest, err := stands.decl.Digest(); err == nil { // it was found out just now
			call.uuids = a.sealedUUIDs(digest)
		}
	}
	gone, err := a.declaredNoMore(ctx, stands.decl)
	if err != nil {
		return err
	}
	if _, _, err := a.wishVMs(ctx, call, gone, stands.decl); err != nil {
		return fault.Wrap(err, "the declaration stands, and not all of its VMs could be wished for")
	}
	return a.completed(ctx, stands.Applied)
}
