package action

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// Seal is the phase of the host as hv-helper keeps it. *privilege.Client is one.
type Seal interface {
	Phase(ctx context.Context) (privilege.SealState, error)
	Harden(ctx context.Context, h privilege.Harden, vms []string) (privilege.SealState, error)
	Unlock(ctx context.Context, u privilege.Unlock) (privilege.SealState, error)
	Relock(ctx context.Context, r privilege.Relock) (privilege.SealState, error)
	Unseal(ctx context.Context) (privilege.SealState, error)
}

// hold is what actions know of the phase.
type hold struct {
	// changing is held for reading by what configures, from the gate to the commit, and for writing while the
	// host is hardened: nothing that passed the gate before comes true after.
	changing sync.RWMutex
	seen     atomic.Pointer[privilege.SealState] // what hv-helper answered last
	asked    chan struct{}                       // somebody has asked for an unlock, or called one off
}

// sealed is how the seal stands. While hv-helper is away it is what it answered last: nobody but hv-helper changes
// it. Who has never had an answer does not know, and that is an error.
func (a *Actions) sealed(ctx context.Context) (privilege.SealState, error) {
	st, err := a.Seal.Phase(ctx)
	if err == nil {
		a.hold.seen.Store(&st)
		return st, nil
	}
	if last := a.hold.seen.Load(); last != nil && fault.KindOf(err) == fault.Unavailable && ctx.Err() == nil {
		return *last, nil
	}
	return st, fault.New(fault.Unavailable, "cannot find out whether the host is hardened").Because(err).
		Try("start hv-helper; VMs that run are not affected").WithCode("HV-PHASE-002")
}

// phaseOf is the phase of a seal.
func phaseOf(st privilege.SealState) phase.Phase {
	if st.Hardened {
		return phase.Hardened
	}
	return phase.Setup
}

// inPhase refuses what a hardened host does not do. call.within says that what is asked is the part of a class that
// it does, call.asSealed that it follows from the declaration that was sealed.
func (a *Actions) inPhase(ctx context.Context, call Call, r Row) error {
	if phase.Hardened.Allows(r.class, call.within) || call.asSealed {
		return nil // whatever the phase: it need not be asked for
	}
	st, err := a.sealed(ctx)
	if err != nil {
		return err
	}
	if phaseOf(st).Allows(r.class, call.within) {
		return nil
	}
	what := "cannot " + r.what + ": the host is hardened"
	if only := r.class.Only(); only != "" {
		what += ", which allows only " + only
	}
	return fault.New(fault.Denied, "%s", what).Try("sudo hv phase unlock, with the recovery key; hv phase show says since when and by whom").
		WithCode("HV-PHASE-001")
}

// keep holds the phase while an action of r goes from the gate to its commit.
func (a *Actions) keep(r Row) (release func()) {
	switch {
	case r.class == phase.Harden:
		a.hold.changing.Lock()
		return a.hold.changing.Unlock
	case r.class.Hardened() != phase.Yes:
		a.hold.changing.RLock()
		return a.hold.changing.RUnlock
	}
	return func() {}
}
