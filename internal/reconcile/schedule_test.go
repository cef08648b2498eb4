package reconcile_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func hourly(keep vm.Keep) func(*vm.Definition) {
	return func(d *vm.Definition) { d.Snapshots = &vm.Snapshots{Every: vm.Hourly, Keep: &keep} }
}

// schedule waits until what became of a VM's schedule is as is says.
func schedule(t *testing.T, d *fakehost.Daemon, what string, is func(*vm.ScheduleStatus) bool) *vm.ScheduleStatus {
	t.Helper()
	var st *vm.ScheduleStatus
	d.Until(what, func() bool {
		st = d.VM("web").Status.Schedule
		return st != nil && is(st)
	})
	return st
}

func taken(st *vm.ScheduleStatus) bool { return st.Last != nil && st.Last.State == vm.ScheduledTaken }

// A daemon that was down while snapshots were due makes up for them by one, and has those go that are past their time, but none that
// somebody has taken by hand.
func TestWhatWasDueWhileTheDaemonWasDownIsMadeUpForOnceAndPruned(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData, hourly(vm.Keep{Last: 1}))))
	d.State("web", vm.StateRunning)
	schedule(t, d, "it is known when the next is due", func(st *vm.ScheduleStatus) bool { return st.Next != nil && !st.Served.IsZero() && st.Last == nil })
	done(t, take(t, d, "mine", false))
	var last string
	for range 2 {
		d.Stop()
		h.Advance(5 * time.Hour)
		d = h.Start()
		st := schedule(t, d, "one is taken", func(st *vm.ScheduleStatus) bool { return taken(st) && st.Last.Snapshot != last })
		last = st.Last.Snapshot
	}
	d.Until("the one before is gone", func() bool { return len(setsOf(t, d).Items) == 2 })
	all := setsOf(t, d)
	if all.Items[0].Name != "mine" || all.Items[1].Name != last || !all.Items[1].Scheduled || all.Items[0].Scheduled {
		t.Errorf("left are %+v", all.Items)
	}
	if st := d.VM("web").Status.Schedule; st.Skipped != nil || st.Prune != "" {
		t.Errorf("%+v", st)
	}
}

func TestASnapshotThatWasDueAndIsRefusedIsTold(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := snapshotsOn(t, h)
	d.Done(d.Create(fakehost.Tiny("web", on, hourly(vm.Keep{Last: 1})))) // it has no disk
	d.State("web", vm.StateRunning)
	schedule(t, d, "it is known when the next is due", func(st *vm.ScheduleStatus) bool { return !st.Served.IsZero() })
	d.Stop()
	h.Advance(5 * time.Hour)
	d = h.Start()
	st := schedule(t, d, "it failed", func(st *vm.ScheduleStatus) bool { return st.Last != nil })
	if st.Last.State != vm.ScheduledFailed || !strings.Contains(st.Last.Why, "no snapshot of vm") {
		t.Errorf("%+v", st.Last)
	}
	found := d.VM("web").Findings
	if len(found) == 0 || found[len(found)-1].Code != "HV-SNAP-030" {
		t.Errorf("its findings: %+v", found)
	}
	if all := setsOf(t, d); all.Schedule == nil || all.Schedule.Last == nil {
		t.Errorf("the list does not tell: %+v", all.Schedule)
	}
}

func TestPruneSaysWhatGoesAndWhyTheRestStays(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	for _, name := range []string{"one", "two", "three"} {
		done(t, take(t, d, name, false))
		h.Advance(time.Minute)
	}
	yes := true
	if _, err := d.Actions.EditSnapshot(t.Context(), fakehost.Member, fakehost.Ref("web"), "one", wire.EditSnapshot{Protected: &yes}); err != nil {
		t.Fatal(err)
	}
	body := wire.PruneSnapshots{Keep: &vm.Keep{Last: 1}, ByHand: true}
	dry := fakehost.Member
	dry.DryRun = true
	res, err := d.Actions.PruneSnapshots(t.Context(), dry, fakehost.Ref("web"), body)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, s := range res.Preview.Plan {
		told = append(told, s.Name)
	}
	if got := strings.Join(told, "; "); !regexp.MustCompile(`^keep three: last \(1 of 1\); delete two: no rule keeps it; [0-9]+KiB at most come free; keep one: protected$`).MatchString(got) {
		t.Errorf("%s", got)
	}
	if res, err = d.Actions.PruneSnapshots(t.Context(), fakehost.Member, fakehost.Ref("web"), body); err != nil {
		t.Fatal(err)
	}
	done(t, d.Ended(*res.Operation))
	d.Until("two is gone", func() bool { return len(setsOf(t, d).Items) == 2 })
	if _, err := d.Actions.DeleteSnapshot(t.Context(), fakehost.Member, fakehost.Ref("web"), "one"); err == nil || !strings.Contains(err.Error(), "protected") {
		t.Errorf("one that is protected is deleted: %v", err)
	}
	if _, err := d.Actions.PruneSnapshots(t.Context(), fakehost.Member, fakehost.Ref("web"), wire.PruneSnapshots{}); err == nil || !strings.Contains(err.Error(), "no schedule") {
		t.Errorf("without a rule: %v", err)
	}
	if res, err = d.Actions.PruneSnapshots(t.Context(), fakehost.Member, fakehost.Ref("web"), wire.PruneSnapshots{Keep: &vm.Keep{Last: 5}}); err != nil {
		t.Fatal(err)
	}
	done(t, d.Ended(*res.Operation))
}
