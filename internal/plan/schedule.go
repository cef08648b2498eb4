package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// ScheduleInput is what is known of a VM's schedule of snapshots.
type ScheduleInput struct {
	UID    string // the VM's
	Wish   vm.Snapshots
	Alive  bool              // the VM has a process
	Last   vm.ScheduleStatus // what was written down last; zero for nothing
	Sets   []vm.Snapshot     // of the VM
	Ended  *operation.Status // how the operation of the run ended that was begun last; nil while it has not, and where nobody knows
	Gone   bool              // there is no such operation any more
	Now    time.Time
	Zone   *time.Location
	Future time.Duration // by how much a clock may have been ahead without anybody noticing; an hour where it is 0
}

// Schedule is what follows from that.
type Schedule struct {
	Status vm.ScheduleStatus
	Due    time.Time // a set is to be taken for this moment; zero for none
	Prune  bool      // what is past its time is to go: a new one is there
	Next   time.Time // when it is to be looked at again
}

// SnapshotSchedule says what is to be done for a schedule now. Of what was due while nobody looked, one is made up for. A set is not
// begun while the one before is on its way.
func SnapshotSchedule(in ScheduleInput) Schedule {
	out := Schedule{Status: in.Last}
	st := &out.Status
	if st.VM != in.UID {
		*st = vm.ScheduleStatus{VM: in.UID}
	}
	if st.Next = nil; st.For != in.Wish.Key() { // what another schedule left out is not made up for by this
		st.For, st.Served = in.Wish.Key(), in.Now
	}
	if far := in.Now.Add(max(in.Future, time.Hour)); st.Served.After(far) { // the clock was wrong then, or is now
		st.Served = in.Now
	}
	out.Prune = settleRun(st, in)
	out.Next = in.Wish.Next(in.Now, in.Zone)
	due := lastDue(in, st.Served)
	if due.IsZero() {
		return out
	}
	st.Served = in.Now
	skip := func(why string) {
		st.Skipped = &vm.ScheduledRun{Due: due, At: in.Now, State: vm.ScheduledSkipped, Why: why}
	}
	switch {
	case st.Last != nil && st.Last.State == vm.ScheduledTaking:
		skip(fmt.Sprintf("the one before, %s, is still being taken", st.Last.Snapshot))
	case !in.Alive && !in.Wish.WhileOff:
		skip("the VM does not run")
	default:
		out.Due, st.Skipped = due, nil
	}
	return out
}

// lastDue is the last moment up to now that was due since; zero for none.
func lastDue(in ScheduleInput, served time.Time) (due time.Time) {
	from := served
	for _, back := range []time.Duration{3 * time.Hour, 3 * 24 * time.Hour, 9 * 24 * time.Hour, 33 * 24 * time.Hour, 368 * 24 * time.Hour} {
		// the shortest way back that has a moment in it: those before are not made up for
		if t := in.Now.Add(-back); t.After(served) {
			if next := in.Wish.Next(t, in.Zone); !next.IsZero() && !next.After(in.Now) {
				from = t
				break
			}
		}
	}
	for t := in.Wish.Next(from, in.Zone); !t.IsZero() && !t.After(in.Now); t = in.Wish.Next(t, in.Zone) {
		due = t
	}
	return due
}

// settleRun finds out what has become of the set that was begun last, and reports whether it has come to be.
func settleRun(st *vm.ScheduleStatus, in ScheduleInput) bool {
	if st.Last == nil || st.Last.State != vm.ScheduledTaking {
		return false
	}
	run := *st.Last
	whole := slices.ContainsFunc(in.Sets, func(s vm.Snapshot) bool { return s.Name == run.Snapshot && s.Whole() })
	switch {
	case whole || in.Ended != nil && in.Ended.State == operation.Done:
		run.State = vm.ScheduledTaken
	case in.Ended != nil:
		run.State = vm.ScheduledFailed
		run.Why = "it was " + string(in.Ended.State)
		if p := in.Ended.Error; p != nil {
			run.Code, run.Why, run.Try = p.Code, p.What, p.Hint
		}
	case in.Gone:
		run.State, run.Why = vm.ScheduledFailed, "nobody knows what became of operation "+run.Operation
	default:
		return false
	}
	st.Last = &run
	return run.State == vm.ScheduledTaken
}
