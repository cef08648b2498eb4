package reconcile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// note writes what was seen, with what the plan found out. What stood in the way of it stays until it
// is mended.
func (r *vmRun) note(seen vm.Seen) {
	st := r.next(seen)
	st.Resets = r.count(st.Resets, seen.Resets)
	r.put(st)
}

// count adds to what was written down the resets that were seen since this daemon last looked.
func (r *vmRun) count(noted, seen *vm.Resets) *vm.Resets {
	if seen == nil {
		return noted
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.resets[r.target]
	r.resets[r.target] = *seen
	if before == *seen {
		return noted
	}
	sum := *seen
	if noted != nil {
		sum.Guest, sum.Host, sum.Watchdog = noted.Guest+seen.Guest-before.Guest, noted.Host+seen.Host-before.Host, noted.Watchdog+seen.Watchdog-before.Watchdog
	}
	return &sum
}

// mend notes that nothing stands in the way any more.
func (r *vmRun) mend() {
	st := *r.status
	st.Problem = nil
	r.put(st)
}

// ended is the end of a run that came while steps were done. The plan tells what it was.
func (r *vmRun) ended(seen vm.Seen) plan.Plan {
	if r.status == nil || r.status.Process == nil || seen.Process != nil {
		return plan.Plan{}
	}
	in := r.in
	in.Seen, in.Last = seen, r.status
	p, _ := plan.VM(in) // what follows from it is the next look's
	return p
}

// next is the status that follows from what is seen now and what was put last.
func (r *vmRun) next(seen vm.Seen) vm.PowerStatus {
	st := vm.PowerStatus{}
	if r.status != nil {
		st = *r.status
	}
	switch later := r.ended(seen); {
	case later.Ended != nil:
		st.Ended, st.Restart = later.Ended, later.Restart
	case r.plan.Ended != nil && !r.endNoted:
		st.Ended, st.Restart = r.plan.Ended, r.plan.Restart
	case r.plan.Ended == nil && r.plan.Restart == nil:
		st.Restart = nil
	}
	r.endNoted = true
	st.StopAsked, st.Served = r.stopAsked(), max(st.Served, r.served)
	if seen.Process == nil || len(r.plan.Findings) > 0 {
		st.Findings = r.plan.Findings // those of a start hold as long as its process
	}
	st.Findings = withLostShares(withCuts(st.Findings, r.in.Wish.Name, seen.Cut), r.in.Wish.Name, seen.LostShares)
	before := st.State
	st.State = vm.StateOf(seen, st.StopAsked != nil && r.in.Now.Before(st.StopAsked.Deadline))
	st.Process, st.Pending, st.PendingWhy, st.Reason = r.process(seen), nil, nil, ""
	if st.Process == nil {
		st.Accelerator = ""
		if st.Reason = r.plan.Held; st.Reason == "" {
			r.without(&st)
		}
	} else {
		st.Pending, st.PendingWhy = r.pending(seen, *st.Process, st.Pinned)
	}
	switch {
	case st.State == vm.StateUnknown:
		st.Reason = seen.Silent
	case st.State == vm.StateCrashed && st.Process != nil:
		st.Reason = seen.RunState
	}
	if seen.RunState == "watchdog" {
		st.Reason = "its guest did not pet its watchdog in time"
	}
	r.suspended(&st)
	if st.State != before {
		st.Since = r.Now()
	}
	return st
}

// without says why there is no process though one is wished.
func (r *vmRun) without(st *vm.PowerStatus) {
	if st.Ended == nil || r.in.Effective.Power == vm.Off || r.in.Wish.Deleted != nil {
		return
	}
	waiting := st.Restart != nil && r.in.Now.Before(st.Restart.Next)
	if st.Ended.PowerGeneration < r.in.Wish.PowerGeneration && !waiting {
		return
	}
	st.Reason = string(st.Ended.How)
	if waiting {
		st.Reason += fmt.Sprintf("; started again at %s, for the %d. time in a row", st.Restart.Next.Format(time.RFC3339), st.Restart.Count)
	}
	if st.Ended.How.Crash() {
		st.State = vm.StateCrashed
	}
}

// withCuts returns findings with those that tell of network cards without a network as they are now.
func withCuts(l finding.List, name string, cut map[string]string) finding.List {
	const code = "HV-VM-018"
	l = slices.DeleteFunc(slices.Clone(l), func(f finding.Finding) bool { return f.Code == code })
	for _, socket := range slices.Sorted(maps.Keys(cut)) {
		l = append(l, finding.Finding{
			Code: code, Severity: finding.Limited, Subject: []string{"vm/" + name},
			What: "network card " + strings.TrimPrefix(socket, "net-") + " has no network now; it is tried again", Why: cut[socket],
			Remedy: "see that the host has passt and a default route: ip route",
		})
	}
	return l
}

// withLostShares says which shares have nothing behind them. A virtiofsd that is started anew knows none of the files that the
// guest has open, and QEMU of this age connects to none: only a new start helps.
func withLostShares(l finding.List, name string, lost map[string]string) finding.List {
	const code = "HV-SHARE-007"
	l = slices.DeleteFunc(slices.Clone(l), func(f finding.Finding) bool { return f.Code == code })
	for _, tag := range slices.Sorted(maps.Keys(lost)) {
		l = append(l, finding.Finding{
			Code: code, Severity: finding.Limited, Subject: []string{"vm/" + name},
			What: "share " + tag + " is gone: its virtiofsd has ended, and who uses it in the guest hangs", Why: lost[tag],
			Remedy: "hv vm stop " + name + " --force, then start it; hv vm logs " + name + " --log qemu has the words of virtiofsd",
		})
	}
	return l
}

// serves notes that the process is for the wish of now: whatever ends it uses that up.
func (r *vmRun) serves() {
	st := *r.status
	if st.Process == nil || st.Process.Wish == 0 {
		return
	}
	p := *st.Process
	p.Wish, st.Process = r.in.Wish.PowerGeneration, &p
	r.put(st)
}

// stopAsked is for which wish the guest was asked to power off. That it is about to be asked is not
// written down: who finds that after a crash would wait for an answer to what was never said.
func (r *vmRun) stopAsked() *vm.StopAsked {
	asks := slices.ContainsFunc(r.plan.Steps, func(s plan.Step) bool { return s.Kind == plan.PowerDown })
	if !asks || r.asked {
		return r.plan.StopAsked
	}
	if r.in.Last == nil {
		return nil
	}
	return r.in.Last.StopAsked
}

// process is the living process, with what was written down about it and cannot be seen.
func (r *vmRun) process(seen vm.Seen) *vm.Process {
	if seen.Process == nil {
		return nil
	}
	p := *seen.Process
	if r.status != nil && r.status.Process != nil && r.status.Process.PID == p.PID && r.status.Process.StartTime == p.StartTime {
		was := r.status.Process
		p.Started, p.QEMU, p.Begun, p.Wish = was.Started, was.QEMU, was.Begun, was.Wish
		p.Memory, p.Ports, p.Changes = was.Memory, was.Ports, was.Changes
	}
	return &p
}

func (r *vmRun) trouble(err error) *vm.Trouble {
	t := &vm.Trouble{
		Code: fault.CodeOf(err), What: err.Error(), Hint: fault.HintOf(err), Since: r.Now(), Tries: 1, Retry: true,
	}
	if r.status != nil && r.status.Problem != nil && r.status.Problem.What == t.What {
		t.Since, t.Tries = r.status.Problem.Since, r.status.Problem.Tries+1
	}
	return t
}

// put writes a status unless nothing in it has changed.
func (r *vmRun) put(st vm.PowerStatus) {
	if r.status != nil {
		old := *r.status
		old.Seen = st.Seen
		if reflect.DeepEqual(old, st) {
			return
		}
	}
	st.Seen = r.Now()
	r.status = &st
	r.mu.Lock()
	r.power[r.target] = &st
	r.mu.Unlock()
	r.writer.put(powerKey(r.target), st)
}

// observed notes that this generation's wish is true.
func (r *vmRun) observed(generation int64) {
	st := *r.status
	st.ObservedGeneration = generation
	r.put(st)
}
