package action

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

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
	// changing is had in part by what configures, from the gate to the commit, and whole while the host is
	// hardened: nothing that passed the gate before comes true after. Who waits for it waits as long as his call.
	changing *semaphore.Weighted
	seen     word
	asked    chan struct{} // somebody has asked for an unlock, or called one off
}

// everyone is all of changing: more calls than that are never under way.
const everyone = 1 << 30

func newHold() hold {
	return hold{changing: semaphore.NewWeighted(everyone), asked: make(chan struct{}, 1)}
}

// word is what hv-helper answered last. Answers come in another order than they were given in: one that was asked
// for before a later one, or before a change was answered, does not count any more.
type word struct {
	mu      sync.Mutex
	asked   uint64 // questions so far
	stands  uint64 // the question whose answer said is
	changed uint64 // the last one that had changed the seal
	said    *privilege.SealState
}

// ask returns the number of a question, which is taken before it is asked.
func (w *word) ask() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	return w.asked
}

// hear takes the answer to a question.
func (w *word) hear(n uint64, st privilege.SealState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n > w.stands {
		w.stands, w.said = n, &st
	}
}

// change takes the answer to what has changed the seal. What was asked before may have been answered before. Of two
// changes at once nobody here knows which was last: then what is hardened counts.
func (w *word) change(n uint64, st privilege.SealState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if st.Hardened || w.changed < n {
		w.said = &st
	}
	w.asked++
	w.stands, w.changed = w.asked, w.asked
}

// doubt is for a change that was not answered with a yes and may have been made: that the host is in setup is not
// known any more.
func (w *word) doubt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.said != nil && !w.said.Hardened {
		w.said = nil
	}
	w.asked++
	w.stands, w.changed = w.asked, w.asked
}

func (w *word) last() *privilege.SealState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said
}

// sealed is how the seal stands. While hv-helper is away it is what it answered last: nobody but hv-helper changes
// it. Who has never had an answer does not know, and that is an error.
func (a *Actions) sealed(ctx context.Context) (privilege.SealState, error) {
	n := a.hold.seen.ask()
	st, err := a.Seal.Phase(ctx)
	if err == nil {
		a.hold.seen.hear(n, st)
		return st, nil
	}
	if last := a.hold.seen.last(); last != nil && fault.KindOf(err) == fault.Unavailable && ctx.Err() == nil {
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
// it does, call.asSealed that it follows from the declaration that was sealed, call.schedule that it follows from a VM which was
// there when the host was hardened: neither schedules nor anything else of it was changed since.
func (a *Actions) inPhase(ctx context.Context, call Call, r Row) error {
	if phase.Hardened.Allows(r.class, call.within) || call.asSealed || call.schedule {
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
func (a *Actions) keep(ctx context.Context, r Row) (release func(), err error) {
	var part int64
	switch {
	case r.class == phase.Harden:
		part = everyone
	case r.class.Hardened() != phase.Yes:
		part = 1
	default:
		return func() {}, nil
	}
	if err := a.hold.changing.Acquire(ctx, part); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot %s: nobody waits any longer for what is being configured", r.what).Because(err).
			Try("hv operation list, then again")
	}
	return func() { a.hold.changing.Release(part) }, nil
}
