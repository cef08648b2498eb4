package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func (d *desk) next(s *Stream) wire.Event {
	d.t.Helper()
	ev, err := s.Next(d.t.Context())
	d.must(err)
	return ev
}

func TestEventsTellWhatHappened(t *testing.T) {
	d := newDesk(t)
	d.run()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := d.Events(ctx, 0, nil, "")
	d.must(err)
	d.commit(putVM(t, "web", nil))
	d.commit(putPower(t, "web", vm.PowerStatus{State: vm.StateStarting, Seen: noon}))
	d.commit(putPower(t, "web", vm.PowerStatus{State: vm.StateRunning, Seen: noon}))
	d.commit(putPower(t, "web", vm.PowerStatus{State: vm.StateRunning, Seen: noon, Problem: &vm.Trouble{What: "no room"}}))
	d.commit(putVM(t, "web", map[string]string{"a": "b"}))
	d.commit(put(t, store.SpecKey(ref("operation", "a1")), operation.Wish{ID: "a1"}), put(t, store.StatusKey(ref("operation", "a1"), "reconcile"), operation.Status{State: operation.Done}))
	d.commit(store.DeleteOp(store.SpecKey(ref("vm", "web"))), store.DeletePrefixOp(store.StatusPrefix(ref("vm", "web"))))
	want := []string{
		"vm.created vm/default/web ", `vm.state.changed vm/default/web {"state":"starting"}`, `vm.state.changed vm/default/web {"before":"starting","state":"running"}`,
		`vm.status.changed vm/default/web {"problem":"no room","state":"running"}`, "vm.changed vm/default/web ", "operation.created operation/default/a1 *", "operation.changed operation/default/a1 *",
		"vm.deleted vm/default/web ",
	}
	last := int64(0)
	for i, w := range want {
		ev := d.next(s)
		data := string(ev.Data)
		if len(w) > 0 && w[len(w)-1] == '*' {
			data = "*"
		}
		if got := ev.Type + " " + ev.Subject + " " + data; got != w {
			t.Errorf("event %d is %s, want %s", i, got, w)
		}
		if ev.Revision < last || ev.SpecVersion != "1.0" || ev.Source != "testhost" || ev.ID == "" {
			t.Errorf("%+v", ev)
		}
		last = ev.Revision
	}
}

func TestAnEventThatIsReadLateTellsWhenItHappened(t *testing.T) {
	d := newDesk(t)
	d.run()
	created, ended := noon.Add(-2*time.Hour), noon.Add(-time.Hour)
	done := operation.Status{State: operation.Done, Steps: []operation.Step{{Name: "launch", Started: &created, Ended: &ended}}}
	d.commit(put(t, store.SpecKey(ref("operation", "a1")), operation.Wish{ID: "a1", Created: created}))
	d.commit(put(t, store.StatusKey(ref("operation", "a1"), "reconcile"), done))
	d.commit(put(t, store.SpecKey(ref("operation", "a1")), operation.Wish{ID: "a1", Created: created, CancelAsked: true}))
	s, err := d.Events(t.Context(), 1, nil, "")
	d.must(err)
	for i, want := range []time.Time{created, ended, noon} { // what says nothing of its time happened when it is told
		if ev := d.next(s); !ev.Time.Equal(want) {
			t.Errorf("event %d (%s) was at %s, not %s", i, ev.Type, ev.Time, want)
		}
	}
}

func TestEventsGoOnFromARevisionWithoutLossOrRepeat(t *testing.T) {
	const many = 20
	d := newDesk(t)
	d.run()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ids []string
	resume := int64(1)
	for i := range many {
		d.commit(putVM(t, vmName(2*i), nil), putVM(t, vmName(2*i+1), nil))
		if i%5 != 4 {
			continue
		}
		part, stop := context.WithCancel(ctx)
		s, err := d.Events(part, resume, []string{"vm."}, "")
		d.must(err)
		for range 10 { // all of five revisions
			ids = append(ids, d.next(s).ID)
		}
		resume = s.Seen() + 1
		stop()
	}
	if len(slices.Compact(slices.Clone(ids))) != 2*many {
		t.Fatalf("%d events: %v", len(ids), ids)
	}
	for i, id := range ids {
		if want := fmt.Sprintf("%d.%d", i/2+1, i%2); id != want {
			t.Fatalf("event %d has ID %s, want %s", i, id, want)
		}
	}
}

func TestAnEventHasOneIDWhateverElseIsWanted(t *testing.T) {
	d := newDesk(t)
	d.run()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d.commit(putVM(t, "a", nil), putVM(t, "b", nil), putPower(t, "b", vm.PowerStatus{State: vm.StateRunning}))
	all, err := d.Events(ctx, 1, nil, "")
	d.must(err)
	some, err := d.Events(ctx, 1, []string{"vm.created", "volume."}, "vm/default/b")
	d.must(err)
	wanted := d.next(some)
	for ev := d.next(all); ; ev = d.next(all) {
		if ev.Subject == wanted.Subject && ev.Type == wanted.Type {
			if ev.ID != wanted.ID {
				t.Errorf("it is %s and %s", ev.ID, wanted.ID)
			}
			return
		}
	}
}

func TestAWaitThatIsGivenUpLosesNoEvent(t *testing.T) {
	d := newDesk(t)
	d.run()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := d.Events(ctx, 0, nil, "")
	d.must(err)
	gone, giveUp := context.WithCancel(t.Context())
	giveUp()
	for range 3 {
		if _, err := s.Next(gone); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	d.shown(putVM(t, "web", nil))
	for range 3 {
		if ev, err := s.Next(gone); err == nil { // it was there already
			if ev.Type != "vm.created" {
				t.Errorf("%+v", ev)
			}
			return
		}
	}
	if ev := d.next(s); ev.Type != "vm.created" {
		t.Errorf("%+v", ev)
	}
}

func TestARevisionThatIsTooOldIsSaid(t *testing.T) {
	d := newDesk(t)
	d.run()
	for i := range 3 {
		d.shown(putVM(t, vmName(i), nil))
	}
	d.must(d.store.Compact(t.Context(), 2))
	if _, err := d.Events(t.Context(), 1, nil, ""); fault.KindOf(err) != fault.Precondition {
		t.Errorf("%v", err)
	}
}

func TestAnEventOfADeclarationTellsItsGeneration(t *testing.T) {
	d := newDesk(t)
	d.run()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := d.Events(ctx, 0, []string{"config."}, "")
	d.must(err)
	key := store.SpecKey(store.Ref{Kind: "config", Project: store.HostWide, Name: "current"})
	d.commit(put(t, key, map[string]any{"generation": 3, "at": noon, "by": operation.Actor{Name: "root"}, "source": "applied", "declaration": map[string]any{}, "complete": false}))
	d.commit(put(t, key, map[string]any{"generation": 3, "at": noon, "by": operation.Actor{Name: "root"}, "source": "applied", "declaration": map[string]any{}, "complete": true}))
	ev := d.next(s)
	var data struct{ Generation int64 }
	if err := json.Unmarshal(ev.Data, &data); err != nil || ev.Type != "config.applied" || data.Generation != 3 || ev.Revision != 2 {
		t.Errorf("%+v, %v", ev, err)
	}
}
