package plan

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestASetIsTakenWhenItIsDueAndMissedOnesAreMadeUpForOnce(t *testing.T) {
	at := func(text string) time.Time {
		moment, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	daily := vm.Snapshots{Every: vm.Daily, At: "03:00"}
	now := at("2026-01-10 12:00")
	served := func(text string) vm.ScheduleStatus {
		return vm.ScheduleStatus{VM: "u1", For: daily.Key(), Served: at(text)}
	}
	taking := func(st vm.ScheduleStatus) vm.ScheduleStatus {
		st.Last = &vm.ScheduledRun{State: vm.ScheduledTaking, Snapshot: "auto-1", Operation: "op1"}
		return st
	}
	whole := vm.Snapshot{Metadata: model.Metadata{Name: "auto-1"}, Taken: &vm.Taken{}}
	failed := &operation.Status{State: operation.Failed, Error: &operation.Problem{Code: "HV-POOL-010", What: "no room"}}
	for _, c := range []struct {
		name    string
		in      ScheduleInput
		due     string
		skipped string
		state   vm.ScheduledState
		why     string
		prune   bool
	}{
		{name: "a new schedule makes up for nothing", in: ScheduleInput{Alive: true}},
		{name: "nor does another one", in: ScheduleInput{Alive: true, Last: vm.ScheduleStatus{VM: "u1", For: "weekly", Served: at("2026-01-01 00:00")}}},
		{name: "nor that of a VM which had the name before", in: ScheduleInput{Alive: true, Last: vm.ScheduleStatus{VM: "u0", For: daily.Key(), Served: at("2026-01-01 00:00")}}},
		{name: "not due yet", in: ScheduleInput{Alive: true, Last: served("2026-01-10 03:00")}},
		{name: "due", in: ScheduleInput{Alive: true, Last: served("2026-01-09 12:00")}, due: "2026-01-10 03:00"},
		{name: "a week is made up for by one, the newest", in: ScheduleInput{Alive: true, Last: served("2026-01-03 12:00")}, due: "2026-01-10 03:00"},
		{name: "ten years, too", in: ScheduleInput{Alive: true, Last: served("2016-01-03 12:00")}, due: "2026-01-10 03:00"},
		{name: "not of a VM that is off", in: ScheduleInput{Last: served("2026-01-09 12:00")}, skipped: "does not run"},
		{name: "but where it says so", in: ScheduleInput{Wish: vm.Snapshots{Every: vm.Daily, At: "03:00", WhileOff: true}, Last: served("2026-01-09 12:00")}, due: "2026-01-10 03:00"},
		{name: "not over the one before", in: ScheduleInput{Alive: true, Last: taking(served("2026-01-09 12:00"))}, skipped: "auto-1, is still being taken", state: vm.ScheduledTaking},
		{name: "which may have come to be", in: ScheduleInput{Alive: true, Last: taking(served("2026-01-09 12:00")), Sets: []vm.Snapshot{whole}}, due: "2026-01-10 03:00", state: vm.ScheduledTaken, prune: true},
		{name: "done and pruned already", in: ScheduleInput{Alive: true, Last: taking(served("2026-01-10 03:00")), Ended: &operation.Status{State: operation.Done}}, state: vm.ScheduledTaken, prune: true},
		{name: "failed, and told", in: ScheduleInput{Alive: true, Last: taking(served("2026-01-10 03:00")), Ended: failed}, state: vm.ScheduledFailed, why: "no room"},
		{name: "cancelled", in: ScheduleInput{Alive: true, Last: taking(served("2026-01-10 03:00")), Ended: &operation.Status{State: operation.Cancelled}}, state: vm.ScheduledFailed, why: "cancelled"},
		{name: "forgotten by everybody", in: ScheduleInput{Alive: true, Last: taking(served("2026-01-10 03:00")), Gone: true}, state: vm.ScheduledFailed, why: "op1"},
		{name: "on its way", in: ScheduleInput{Alive: true, Last: taking(served("2026-01-10 03:00"))}, state: vm.ScheduledTaking},
		{name: "a clock that was years ahead is forgotten", in: ScheduleInput{Alive: true, Last: served("2040-01-01 00:00")}},
		{name: "one that was set back by a little does not take it twice", in: ScheduleInput{Alive: true, Last: served("2026-01-10 12:30")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := c.in
			in.UID, in.Now, in.Zone = "u1", now, time.UTC
			if in.Wish.Every == "" {
				in.Wish = daily
			}
			out := SnapshotSchedule(in)
			due := ""
			if !out.Due.IsZero() {
				due = out.Due.Format("2006-01-02 15:04")
			}
			if due != c.due || out.Prune != c.prune {
				t.Errorf("due %q, want %q; prunes: %v", due, c.due, out.Prune)
			}
			if s := out.Status.Skipped; (s == nil) != (c.skipped == "") || s != nil && !strings.Contains(s.Why, c.skipped) {
				t.Errorf("skipped: %+v, want %q", s, c.skipped)
			}
			if l := out.Status.Last; (l == nil) != (c.state == "") || l != nil && (l.State != c.state || !strings.Contains(l.Why, c.why)) {
				t.Errorf("the last: %+v, want %s", l, c.state)
			}
			if !out.Next.Equal(at("2026-01-11 03:00")) {
				t.Errorf("next look at %s", out.Next)
			}
		})
	}
}

// Whenever it is looked at, in whatever order looks come: each moment is seen to once at most, and none is for the future.
func TestNoMomentIsServedTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wish := vm.Snapshots{Every: rapid.SampledFrom([]vm.Every{vm.Hourly, vm.Daily, vm.Weekly}).Draw(t, "every")}
		st, now := vm.ScheduleStatus{}, time.Unix(1767355200, 0).UTC()
		seen := map[time.Time]bool{}
		for range rapid.IntRange(1, 30).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(50*time.Hour)).Draw(t, "later")))
			out := SnapshotSchedule(ScheduleInput{UID: "u", Wish: wish, Alive: true, Last: st, Now: now, Zone: time.UTC})
			if st = out.Status; out.Due.IsZero() {
				continue
			}
			if seen[out.Due] || out.Due.After(now) {
				t.Fatalf("at %s it is due for %s", now, out.Due)
			}
			seen[out.Due] = true
		}
	})
}
