package action

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// turn is the right to apply a declaration. One call has it at a time; others wait for it in the order in
// which they came, and leave nothing behind when they wait no longer.
type turn struct {
	token chan struct{} // who could send has the turn

	mu     sync.Mutex
	holder *wire.Applying
}

func newTurn() *turn { return &turn{token: make(chan struct{}, 1)} }

// take returns with the turn, which release gives back; or at once, where call does not wait for it.
func (t *turn) take(ctx context.Context, call Call, now func() time.Time) error {
	if t.try(call.Actor, now()) {
		return nil
	}
	if call.NoWait {
		return t.busy(fault.Conflict)
	}
	select {
	case t.token <- struct{}{}:
	case <-ctx.Done():
		return t.busy(fault.Unavailable)
	}
	if ctx.Err() != nil { // nobody waits for the answer any more
		<-t.token
		return t.busy(fault.Unavailable)
	}
	t.hold(call.Actor, now())
	return nil
}

func (t *turn) try(by operation.Actor, since time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case t.token <- struct{}{}:
		t.holder = &wire.Applying{By: by, Since: since}
		return true
	default:
		return false
	}
}

func (t *turn) hold(by operation.Actor, since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holder = &wire.Applying{By: by, Since: since}
}

func (t *turn) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holder = nil
	<-t.token
}

// busy says who has the turn, and since when.
func (t *turn) busy(kind fault.Kind) error {
	by := ""
	if h := t.held(); h != nil {
		by = " by " + who(h.By) + " since " + h.Since.UTC().Format(time.RFC3339)
	}
	return fault.New(kind, "another declaration is being applied%s", by).Try("without --no-wait hv config apply waits for its end").WithCode("HV-CFG-003")
}

func who(a operation.Actor) string {
	if a.Name == "" {
		return fmt.Sprintf("uid %d", a.UID)
	}
	return a.Name
}

func (t *turn) held() *wire.Applying {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.holder
}

// Applying is who applies a declaration just now; nil for nobody.
func (a *Actions) Applying() *wire.Applying { return a.applying.held() }
