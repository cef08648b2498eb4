package snapshots

import (
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Schedule adds what became of a VM's schedule of snapshots, and when it is due next.
func Schedule(s *session.Session, f *output.Fields, st *vm.ScheduleStatus) {
	if st == nil {
		return
	}
	if st.Next != nil {
		f.Add("next snapshot", output.Moment(s.Now(), *st.Next))
	}
	for _, one := range []struct {
		what string
		run  *vm.ScheduledRun
	}{{"last snapshot", st.Last}, {"left out", st.Skipped}} {
		if one.run != nil {
			f.Add(one.what, ran(s, one.run))
		}
	}
	f.Add("not pruned", st.Prune)
}

func ran(s *session.Session, run *vm.ScheduledRun) string {
	out := fmt.Sprintf("%s, due %s", run.State, output.Moment(s.Now(), run.Due))
	if run.State == vm.ScheduledTaken || run.State == vm.ScheduledTaking {
		out = run.Snapshot + ": " + out
	}
	if run.Why != "" {
		out += ": " + run.Why
	}
	if run.Code != "" {
		out += " " + run.Code
	}
	return out
}

// told says below a list what became of the schedule.
func told(s *session.Session, st *vm.ScheduleStatus) {
	if st == nil {
		return
	}
	if run := st.Last; run != nil && run.State == vm.ScheduledFailed {
		s.Notice("by schedule: " + ran(s, run))
	}
	if st.Skipped != nil {
		s.Notice("by schedule: " + ran(s, st.Skipped))
	}
	if st.Prune != "" {
		s.Notice("by schedule: what it does not keep is not deleted: " + st.Prune)
	}
	if st.Next != nil {
		s.Notice("by schedule: the next is taken " + output.Moment(s.Now(), *st.Next))
	}
}
