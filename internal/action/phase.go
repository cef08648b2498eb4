package action

import (
	"context"
	"fmt"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
	"github.com/hyper-nixos/hyper-nixos/internal/phase/recovery"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Phase is the phase of the host, in the words of the API.
func (a *Actions) Phase(ctx context.Context) (host.Phase, error) {
	st, err := a.sealed(ctx)
	return phaseWords(st), err
}

func phaseWords(st privilege.SealState) host.Phase {
	p := host.Phase{Name: string(phaseOf(st)), Since: st.Since, KeyID: st.KeyID, UnlockDelay: st.DelaySeconds, Broken: st.Broken}
	if st.By != nil {
		p.By = &operation.Actor{UID: st.By.UID, Name: st.By.Name, Via: "socket"}
	}
	if st.Hardened && st.Broken == "" {
		p.Sealed = &host.Sealed{Generation: st.Generation, Digest: st.Digest, VMs: st.VMs}
	}
	if o := st.Unlock; o != nil {
		p.Unlock = &host.Unlock{Asked: o.Asked, Due: o.Due, By: operation.Actor{UID: o.By.UID, Name: o.By.Name, Via: "socket"}}
	}
	return p
}

// Harden seals the host as it stands: from then on it runs what it has, and takes nothing new. The recovery key
// stays with who made it; only its hash comes here. A dry run looks, and says all that keeps the host from it.
func (a *Actions) Harden(ctx context.Context, call Call, opt wire.Harden) (Result, error) {
	if err := a.Authorize(ctx, call, PhaseHarden); err != nil {
		a.refused(ctx, call, PhaseHarden, hostTarget, err)
		return Result{}, err
	}
	if !a.applying.try(call.Actor, a.Now()) {
		err := fault.New(fault.Conflict, "a declaration is being applied").Try("hv operation list, then again").WithCode("HV-CFG-003")
		a.refused(ctx, call, PhaseHarden, hostTarget, err)
		return Result{}, err
	}
	defer a.applying.release()
	return a.do(ctx, call, PhaseHarden, hostTarget, func(c *change) error {
		hash, err := recovery.ParseHash(opt.KeyHash)
		if err != nil && !call.DryRun {
			return err
		}
		st, err := a.sealed(ctx)
		if err != nil {
			return err
		}
		if st.Hardened && (call.DryRun || st.KeyID != hash.ID()) {
			return fault.New(fault.Precondition, "the host is hardened already").Try("hv phase show").WithCode("HV-PHASE-005")
		}
		if st.Hardened { // by the same call, whose answer was lost
			c.atOnce(a.Now())
			return nil
		}
		order, sealing, err := a.hardening(ctx, c)
		if err != nil {
			return err
		}
		order.KeyHash, order.By = string(hash), privilege.Person{UID: call.Actor.UID, Name: call.Actor.Name}
		c.wish.Params = map[string]string{"generation": fmt.Sprint(order.Generation), "digest": order.Digest, "key": hash.ID()}
		c.act = func(ctx context.Context) error {
			if err := a.keepSealed(sealing); err != nil {
				return err // before: what is sealed can be put back
			}
			n := a.hold.seen.ask()
			st, err := a.Seal.Harden(ctx, order, sealing.vms)
			return a.changed(n, st, err)
		}
		c.atOnce(a.Now())
		return nil
	})
}

// sealing is what is there when a host is hardened.
type sealing struct {
	standing
	vms   []string          // the UUIDs of all VMs
	uuids map[string]string // of those that are declared, by name
}

// hardening looks at everything that has to be true, and returns what is to be sealed.
func (a *Actions) hardening(ctx context.Context, c *change) (privilege.Harden, sealing, error) {
	stands, _, err := a.standing(ctx)
	if err != nil {
		return privilege.Harden{}, sealing{}, err
	}
	before, err := a.before(ctx, c.call, stands)
	if err != nil {
		return privilege.Harden{}, sealing{}, err
	}
	wrong, right := phase.Ready(before)
	for _, line := range right {
		c.step("checked: %s", line)
	}
	delay, err := stands.decl.Hardening.Delay()
	if err != nil {
		return privilege.Harden{}, sealing{}, err
	}
	digest, err := stands.decl.Digest()
	if err != nil {
		return privilege.Harden{}, sealing{}, err
	}
	if c.notes = wrong; len(wrong) > 0 {
		return privilege.Harden{}, sealing{}, fault.New(fault.Precondition, "the host cannot be hardened yet").Because(finding.Refusal{Findings: wrong})
	}
	all, _, err := store.ListAll[vm.Object](ctx, a.Store, store.SpecPrefix("vm"))
	if err != nil {
		return privilege.Harden{}, sealing{}, err
	}
	what := sealing{standing: stands, vms: make([]string, 0, len(all)), uuids: map[string]string{}}
	for _, o := range all {
		what.vms = append(what.vms, o.Value.Spec.UUID)
		if o.Value.Origin == model.Declared {
			what.uuids[o.Value.Name] = o.Value.Spec.UUID
		}
	}
	c.step("seal the host: generation %d of its declaration, %d VMs", stands.Generation, len(what.vms))
	c.step("from then on it runs what it has and takes nothing new; an unlock is held back for %s", delay)
	return privilege.Harden{Generation: stands.Generation, Digest: digest, DelaySeconds: int(delay / time.Second)}, what, nil
}

// before gathers what is looked at.
func (a *Actions) before(ctx context.Context, call Call, stands standing) (phase.Before, error) {
	b := phase.Before{Standing: config.Check(stands.decl, a.Facts()).Findings}
	if call.Root {
		b.Admins = append(b.Admins, "root")
	}
	if err := a.asDeclared(ctx, &b, stands); err != nil {
		return b, err
	}
	if a.Members != nil {
		b.Admins = append(b.Admins, a.Members()...)
	}
	if stands.Generation > 0 && !stands.Complete {
		b.Undone = "its apply was cut off"
	}
	if a.AuditWhole != nil {
		if err := a.AuditWhole(ctx); err != nil {
			b.Audit = err.Error()
		}
	}
	ops, _, err := store.ListAll[operation.Wish](ctx, a.Store, store.SpecPrefix("operation"))
	if err != nil {
		return b, err
	}
	for _, op := range ops {
		if row, err := ByName(op.Value.Action); err == nil && row.class.Hardened() == phase.Yes {
			continue
		}
		st, _, err := store.Get[operation.Status](ctx, a.Store, store.StatusKey(operationRef(op.Value), "reconcile"))
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return b, err
		}
		if !st.State.Ended() {
			b.UnderWay = append(b.UnderWay, fmt.Sprintf("%s (%s of %s)", op.Value.ID, op.Value.Action, op.Value.Target))
		}
	}
	return b, nil
}

// asDeclared finds out whether the file that is the host's declaration says what stands: what is sealed and differs
// from it would be refused at every boot.
func (a *Actions) asDeclared(ctx context.Context, b *phase.Before, stands standing) error {
	if a.DeclaredBy == "" || a.Declared == nil {
		return nil
	}
	decl, err := a.Declared(ctx)
	if err != nil {
		b.Undone = a.DeclaredBy + " cannot be read: " + err.Error()
		return nil //nolint:nilerr // it is told as what is in the way
	}
	said, err := decl.Digest()
	if err != nil {
		return err
	}
	have, err := stands.decl.Digest()
	if err == nil && said != have {
		b.Undone = a.DeclaredBy + " says something else than what stands: restart hvd, which applies it"
	}
	return err
}

// Unlock begins to lead the host out of the hardened phase: it takes effect after the delay that was sealed, unless
// somebody calls it off.
func (a *Actions) Unlock(ctx context.Context, call Call, opt wire.Unlock) (Result, error) {
	return a.do(ctx, call, PhaseUnlock, hostTarget, func(c *change) error {
		st, err := a.mustBeHardened(ctx)
		if err != nil {
			return err
		}
		c.step("hold the recovery key against the seal")
		c.step("wait for %s, then let everything be changed again", time.Duration(st.DelaySeconds)*time.Second)
		c.act = func(ctx context.Context) error {
			n := a.hold.seen.ask()
			st, err := a.Seal.Unlock(ctx, privilege.Unlock{By: privilege.Person{UID: call.Actor.UID, Name: call.Actor.Name}, Key: opt.Key})
			return a.changed(n, st, err)
		}
		c.atOnce(a.Now())
		return nil
	})
}

// Relock calls an unlock off that has not taken effect.
func (a *Actions) Relock(ctx context.Context, call Call) (Result, error) {
	return a.do(ctx, call, PhaseRelock, hostTarget, func(c *change) error {
		if _, err := a.mustBeHardened(ctx); err != nil {
			return err
		}
		c.step("call the unlock off: the host stays hardened")
		c.act = func(ctx context.Context) error {
			n := a.hold.seen.ask()
			st, err := a.Seal.Relock(ctx, privilege.Relock{By: privilege.Person{UID: call.Actor.UID, Name: call.Actor.Name}})
			return a.changed(n, st, err)
		}
		c.atOnce(a.Now())
		return nil
	})
}

func (a *Actions) mustBeHardened(ctx context.Context) (privilege.SealState, error) {
	st, err := a.sealed(ctx)
	if err == nil && !st.Hardened {
		err = fault.New(fault.Precondition, "the host is not hardened").Try("hv phase show").WithCode("HV-PHASE-005")
	}
	return st, err
}

// changed notes what hv-helper has made of the seal; n is the question.
func (a *Actions) changed(n uint64, st privilege.SealState, err error) error {
	if err != nil {
		a.hold.seen.doubt()
		return err
	}
	a.hold.seen.change(n, st)
	select {
	case a.hold.asked <- struct{}{}:
	default: // it is known already that there is news
	}
	return nil
}

// How long KeepPhase sleeps at most: while an unlock waits hv-helper is asked again, because it knows what time it is;
// else only an unlock that came to hv-helper by itself could be missed.
const (
	longestNap = time.Minute
	idleNap    = time.Hour
)

// KeepPhase lets unlocks take effect when their time has come, until ctx ends.
func (a *Actions) KeepPhase(ctx context.Context) {
	for {
		nap, err := a.OpenDue(ctx)
		if err != nil && ctx.Err() == nil {
			a.Log.Warn("an unlock cannot take effect yet", "err", err)
		}
		timer := time.NewTimer(nap)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-a.hold.asked:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// OpenDue lets an unlock take effect whose time has come, once that stands in the audit log; and returns after what
// time it is worth to look again.
func (a *Actions) OpenDue(ctx context.Context) (time.Duration, error) {
	st, err := a.sealed(ctx)
	if err != nil {
		return longestNap, err
	}
	if st.Unlock == nil {
		return idleNap, nil
	}
	if !st.Unlock.Ready {
		return min(max(st.Unlock.Due.Sub(a.Now()), time.Second), longestNap), nil
	}
	// One record, before: it takes effect or it does not, and the next look tells.
	_, err = a.Audit.Append(ctx, audit.Record{
		Time: a.Now(), Actor: audit.Actor{UID: int64(st.Unlock.By.UID), User: st.Unlock.By.Name, Via: "unlock"}, Action: PhaseUnlock.name, Phase: audit.Note,
		Target: hostTarget.String(), Result: "the unlock of " + st.Unlock.Asked.UTC().Format(time.RFC3339) + " takes effect: everything may be changed",
	})
	if err != nil {
		return longestNap, fault.Wrap(err, "nothing is done that the audit log cannot record")
	}
	n := a.hold.seen.ask()
	st, err = a.Seal.Unseal(ctx)
	if err = a.changed(n, st, err); err != nil {
		return longestNap, err
	}
	a.Log.Info("the host is in the phase setup: everything may be changed")
	return idleNap, nil
}

// asSealed reports whether a declaration is the one that was sealed, on a host that is hardened, and says what
// differs where it is another.
func (a *Actions) asSealed(ctx context.Context, decl config.Declaration) (bool, error) {
	st, err := a.sealed(ctx)
	if err != nil || !st.Hardened {
		return false, err
	}
	digest, err := decl.Digest()
	if err != nil {
		return false, err
	}
	if st.Broken == "" && st.Digest == digest {
		return true, nil
	}
	return false, fault.New(fault.Denied, "the host is hardened, and this is not the declaration that was sealed: this is %s, sealed was generation %d, %s",
		phase.Short(digest), st.Generation, phase.Short(st.Digest)).
		Try("put the sealed one back, or sudo hv phase unlock, and apply this one then").WithCode("HV-PHASE-003")
}
