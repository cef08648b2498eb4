package action

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func TestOfTwoAppliesAtOnceOneWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns, clock := newTurn(), func() time.Time { return noon }
		if err := turns.take(t.Context(), root, clock); err != nil {
			t.Fatal(err)
		}
		var order []string
		for _, name := range []string{"ann", "bob"} {
			go func() {
				if err := turns.take(t.Context(), root, clock); err != nil {
					t.Error(err)
				}
				order = append(order, name)
				turns.release()
			}()
			synctest.Wait()
		}
		if len(order) > 0 {
			t.Error("two have the turn at once")
		}
		turns.release()
		synctest.Wait()
		if len(order) != 2 || order[0] != "ann" {
			t.Errorf("they had it in the order %v", order)
		}
		if turns.held() != nil {
			t.Errorf("%+v has it still", turns.held())
		}
	})
}

func TestWhoStopsWaitingLeavesNothing(t *testing.T) {
	d := newDesk(t)
	d.must(d.applying.take(t.Context(), root, d.Now))
	before, records := d.revision(), len(d.records(-1))
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := d.ApplyConfig(ctx, root, d.declare(vmsOf(`"web":{}`)))
		ended <- err
	}()
	cancel(errors.New("interrupted"))
	told(t, <-ended, fault.Unavailable) // while it waited, or before
	told(t, d.applying.take(ctx, root, d.Now), fault.Unavailable, "another declaration is being applied by root since 2026-01-02T12:00:00Z", "HV-CFG-003")
	d.applying.release()
	if d.revision() != before || len(d.records(-1)) != records+2 { // what was refused is recorded
		t.Errorf("revision %d after %d, %d records after %d", d.revision(), before, len(d.records(-1)), records)
	}
	d.apply(``)
}

func TestWhoDoesNotWaitIsRefusedAndToldWhoHasTheTurn(t *testing.T) {
	d := newDesk(t)
	d.must(d.applying.take(t.Context(), root, d.Now))
	hasty := root
	hasty.NoWait = true
	_, err := d.ApplyConfig(t.Context(), hasty, d.declare(`{}`))
	told(t, err, fault.Conflict, "another declaration is being applied by root since 2026-01-02T12:00:00Z", "HV-CFG-003")
	if h := d.Applying(); h == nil || h.By.Name != "root" || !h.Since.Equal(noon) {
		t.Errorf("%+v", h)
	}
	dry := root
	dry.DryRun = true
	if _, err := d.ApplyConfig(t.Context(), dry, d.declare(`{}`)); err != nil {
		t.Errorf("looking is refused too: %v", err)
	}
	d.applying.release()
	if _, err := d.ApplyConfig(t.Context(), hasty, d.declare(`{}`)); err != nil || d.Applying() != nil {
		t.Errorf("%v, %+v", err, d.Applying())
	}
}
