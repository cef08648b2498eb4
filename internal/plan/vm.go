package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// VMInput is everything that the plan of a VM follows from.
type VMInput struct {
	Wish      vm.Object
	Effective vm.Spec         // Wish.Spec, defaults filled in
	Last      *vm.PowerStatus // what was written down last; nil for a VM that was never looked at
	Seen      vm.Seen
	Facts     host.Facts
	Now       time.Time // steady: what is due is held against it
	Clock     time.Time // on the wall, for what people read

	Volumes   map[string]storage.Volume       // by disk device name; a missing one is absent
	Media     map[string]storage.Volume       // by CD-ROM drive; the same
	BootFiles map[string]storage.BootFile     // by name
	Can       map[string]storage.Capabilities // what the pools of volumes can do; none of one that is closed

	Shares map[string]storage.ShareSpec // by mount tag; a missing one is absent

	// Features are those that the host's declaration comes to; none is on in a zero one.
	Features feature.Resolution

	Kill   bool // somebody asked to end it without asking the guest
	Reboot bool // somebody asked the guest to power off and be started again, and that was not begun
	Reset  bool // somebody asked for a reset, and that was not done

	// Hold says why it must not be started now, and until when where that is known; empty where it may.
	Hold      string
	HoldUntil time.Time
	// Missing are VMs after which it was to start with its host, and that did not start, in words.
	Missing []string
	// Halt says that it is its turn to stop since its host goes down; nil where it is not.
	Halt *Halt
	// Discard says that somebody asked to start it without what is saved of it.
	Discard bool
	// Kept is the same for what is saved of it: its spec then, and the volumes and boot files of that. Gather fills it in.
	Kept *VMInput
	// From is what it goes on from; nil for a start.
	From *vm.Saved
	// Restore says that somebody asked to go back to a snapshot, and that was not done.
	Restore bool
	// OpenTray says that somebody asked for another medium, whether or not the guest holds the old one.
	OpenTray bool
}

// VM returns what is to be done about a VM. An error says why its wish cannot be reached as things
// are; the plan beside it still holds what can be done, such as taking away leftovers.
func VM(in VMInput) (Plan, error) {
	p := Plan{Ended: end(in)}
	p.Restart = restart(in, p.Ended)
	wish := want(in, p.Ended)
	if in.Restore && in.Wish.Deleted == nil {
		return restore(in, p), nil
	}
	if in.Seen.Process == nil {
		return gone(in, p, wish)
	}
	if in.Last != nil {
		p.StopAsked = in.Last.StopAsked
	}
	before, p, done := moved(in, p, wish)
	var err error
	if !done {
		p, err = alive(in, p, wish)
		p.Steps = thenDiscard(in, append(before, p.Steps...))
	}
	if in.Halt != nil && in.Effective.Power != vm.Off { // what is wished is not that it is down
		p.Reached = false
	}
	if err == nil && p.Reached && !down(wish) && in.saved() == nil && in.Last != nil && in.Last.Process != nil {
		p = withLive(in, p)
	}
	if in.Wish.Deleted != nil && p.Reached { // its process is: what is left of it goes with the next look
		p.Reached, p.Until = false, in.Now
	}
	return p, err
}

// withLive adds what the spec has become since the start of a process that goes on.
func withLive(in VMInput, p Plan) Plan {
	if p.StopAsked != nil || in.Last.Process.PID != in.Seen.Process.PID || in.Last.Process.StartTime != in.Seen.Process.StartTime {
		return p
	}
	l := LiveEdit(in, *in.Last.Process, in.Last.Pinned)
	p.Steps = append(p.Steps, l.Steps...)
	if !l.Until.IsZero() && (p.Until.IsZero() || l.Until.Before(p.Until)) {
		p.Until = l.Until
	}
	return p
}

// want is the power that is wished now: a wish that an end has used up is off.
func want(in VMInput, justEnded *vm.Ended) vm.Power {
	if in.Wish.Deleted != nil {
		return vm.Off
	}
	if in.Halt != nil {
		return haltTo(in)
	}
	ended := justEnded
	if ended == nil && in.Last != nil {
		ended = in.Last.Ended
	}
	if ended != nil && ended.PowerGeneration >= in.Wish.PowerGeneration {
		return vm.Off
	}
	return in.Effective.Power
}

// overStates are the run states in which a guest has ended and its QEMU has not.
var overStates = []string{"shutdown", "guest-panicked", "internal-error"}

// end finds out how a run ended that was not written down yet.
func end(in VMInput) *vm.Ended {
	if in.Last == nil || in.Last.Process == nil {
		return nil
	}
	dead := in.Seen.Process == nil
	expired := in.Seen.RunState == "watchdog" && in.Effective.OnCrash == vm.AfterRestart
	if !dead && !slices.Contains(overStates, in.Seen.RunState) && !expired {
		return nil
	}
	run := in.Last.Process.StartTime
	if in.Last.Ended != nil && in.Last.Ended.Run == run {
		return nil
	}
	e := &vm.Ended{At: in.Clock, PowerGeneration: usedUp(in), Detail: in.Seen.Words, Run: run}
	asked := in.Last.StopAsked
	saved := endSaved(in)
	switch {
	case saved != "":
		e.How = saved
		if s := in.saved(); s.Host && s.Of(in.Last.Process) && !down(in.Effective.Power) && in.Wish.Deleted == nil {
			withHost(in, e, s.Process.BootID)
		}
		if in.Discard && in.Halt == nil && !down(in.Effective.Power) { // what was asked for is a cold boot, and comes yet
			e.PowerGeneration = min(e.PowerGeneration, in.Wish.PowerGeneration-1)
		}
	case in.Seen.RunState == "guest-panicked":
		e.How = vm.EndPanic
	case expired && !dead:
		e.How = vm.EndWatchdog
	case in.Last.Process.BootID != in.Facts.BootID && dead:
		e.How = vm.EndHostReboot
		withHost(in, e, in.Last.Process.BootID)
	case in.Effective.Power != vm.Off && in.Wish.Deleted == nil && (in.Halt != nil || asked != nil && asked.Host):
		e.How = vm.EndHostDown
		withHost(in, e, in.Facts.BootID)
	case in.Restore:
		e.How = vm.EndKilled
		if !down(in.Effective.Power) { // the wish stays
			e.PowerGeneration = min(e.PowerGeneration, in.Wish.PowerGeneration-1)
		}
	case asked != nil && asked.Reboot:
		e.How, e.PowerGeneration = vm.EndReboot, asked.PowerGeneration-1 // the wish stays: it is on
	case in.Reboot && in.Seen.RunState == "shutdown": // it was asked, and who asked was cut off before that was written down
		e.How, e.PowerGeneration = vm.EndReboot, min(e.PowerGeneration, in.Wish.PowerGeneration-1)
	case asked != nil:
		e.How, e.PowerGeneration = vm.EndStopped, asked.PowerGeneration
	case in.Seen.RunState == "shutdown" && in.Seen.Shutdown == "guest-reset":
		e.How = vm.EndReset
	case in.Seen.RunState == "shutdown":
		e.How = vm.EndGuest
	case in.Effective.Power == vm.Off || in.Wish.Deleted != nil || in.Kill:
		e.How = vm.EndKilled
	default:
		e.How = vm.EndQEMU
		if e.Detail == "" {
			e.Detail = in.Seen.Exit
		}
	}
	e.Detail = voided(in, e.Detail)
	if s := in.saved(); s != nil && s.Phase == vm.Saving && s.Of(in.Last.Process) && in.Effective.Power == vm.Suspended {
		e.PowerGeneration = in.Wish.PowerGeneration // what was to be saved is lost
	}
	wished := !down(in.Effective.Power) && in.Wish.Deleted == nil
	if wished && afterwards(in.Effective, e.How) == vm.AfterRestart {
		e.PowerGeneration = min(e.PowerGeneration, in.Wish.PowerGeneration-1) // the wish stays
	}
	return e
}

// usedUp is the newest wish that the process which has ended was for. One that came later stands: nobody
// has acted on it, whatever ended the process before.
func usedUp(in VMInput) int64 {
	if in.Last.Process.Wish == 0 { // an earlier build has started it
		return in.Wish.PowerGeneration
	}
	return min(in.Wish.PowerGeneration, max(in.Last.Process.Wish, in.Last.ObservedGeneration))
}

// gone plans for a VM that has no process.
func gone(in VMInput, p Plan, wish vm.Power) (Plan, error) {
	if in.Seen.Leftover {
		p.Steps = append(p.Steps, Step{Kind: Cleanup, Name: "take away what the last run has left"})
	}
	if s := in.saved(); s != nil && (!s.Whole() || in.Discard) {
		p.Steps = append(p.Steps, Step{Kind: Discard, Name: "throw away what was saved of it"})
	}
	if in.Wish.Deleted == nil && !down(wish) && held(in, &p) {
		return p, nil
	}
	if in.Wish.Deleted != nil {
		p.Steps = append(p.Steps, Step{Kind: Forget, Name: "give back its uids and logs"})
		p.Reached, p.Removed = true, true
		return p, nil
	}
	if down(wish) {
		p.Reached = true
		return p, nil
	}
	if p.Restart != nil && in.Now.Before(p.Restart.Next) {
		p.Waiting, p.Until = true, p.Restart.Next
		return p, nil
	}
	if in.saved().Whole() && !in.Discard && in.Kept != nil {
		return resume(in, p)
	}
	start, findings, err := startVM(in)
	findings = append(findings, missing(in)...)
	p.Findings = findings
	if err != nil {
		return p, err
	}
	p.Steps = append(p.Steps,
		Step{Kind: Launch, Name: fmt.Sprintf("launch QEMU (%s, %s)", start.Pinned.MachineType, start.Accelerator), Start: start},
		Step{Kind: Attach, Name: "connect to its monitor"})
	p.Steps = slices.Concat(p.Steps, links(in.Effective), throttles(in.Effective), pins(in.Effective))
	if wish == vm.On {
		p.Steps = append(p.Steps, Step{Kind: Continue, Name: "let it run"})
	}
	p.Reached = true
	return p, nil
}

// alive plans for a VM that has a process.
func alive(in VMInput, p Plan, wish vm.Power) (planned Plan, err error) {
	if in.Kill {
		p.Steps = []Step{{Kind: Kill, Name: "end QEMU"}, {Kind: Cleanup, Name: "take away what it has left"}}
		p.Reached = down(wish)
		return p, nil
	}
	if in.Halt != nil && !savesUnheard(in, wish) {
		end := in.Halt.deadline(in.Effective)
		if !in.Now.Before(end) {
			p.Steps = []Step{{Kind: Kill, Name: "end QEMU: the guest has let its time pass"}, {Kind: Cleanup, Name: "take away what it has left"}}
			p.Until = in.Now
			return p, nil
		}
		defer func() {
			if planned.Overdue || planned.Until.IsZero() || planned.Until.After(end) {
				planned.Overdue, planned.Until = false, end
			}
		}()
	}
	switch in.Seen.RunState {
	case "":
		return p, fault.New(fault.Unavailable, "vm %q runs as process %d and cannot be asked: %s", in.Wish.Name, in.Seen.Process.PID, in.Seen.Silent).
			Try("hv vm kill %s ends it", in.Wish.Name).WithCode("HV-VM-010")
	case "watchdog": // it was to pause; resuming it is for somebody who has looked at it
		if p.Ended != nil {
			return over(in, p, wish), nil
		}
		if wish == vm.On && in.Last != nil && in.Last.Process != nil && usedUp(in) >= in.Wish.PowerGeneration {
			p.Reached = true
			return p, nil
		}
	case "shutdown", "guest-panicked", "internal-error":
		if in.Seen.RunState != "shutdown" && preserved(in, p.Ended) {
			p.Reached = true
			return p, nil
		}
		return over(in, p, wish), nil
	case "prelaunch":
		switch wish {
		case vm.Off, vm.Suspended: // nothing of it has run
			p.Steps = []Step{{Kind: Quit, Name: "end QEMU"}, {Kind: Cleanup, Name: "take away what it has left"}}
		case vm.On:
			p.Steps = []Step{{Kind: Continue, Name: "let it run"}}
		case vm.Paused: // as good as
		}
		p.Reached = true
		return p, nil
	case "running":
		return running(in, p, wish), nil
	}
	switch wish { // its vCPUs are stopped
	case vm.On:
		p.Steps = []Step{{Kind: Continue, Name: "let it run"}}
		p.Reached = true
	case vm.Off:
		return powerDown(in, p, Step{Kind: Continue, Name: "let it run, so that it can power itself off"}), nil
	case vm.Suspended:
		return save(in, p), nil
	default:
		p.Reached = true
	}
	return p, nil
}

// running plans for a VM whose vCPUs run.
func running(in VMInput, p Plan, wish vm.Power) Plan {
	switch wish {
	case vm.Off:
		return powerDown(in, p)
	case vm.Suspended:
		return save(in, p)
	case vm.Paused:
		p.Steps = []Step{{Kind: Pause, Name: "stop its vCPUs"}}
	case vm.On:
	}
	if wish == vm.On && (in.Reboot || p.StopAsked != nil && p.StopAsked.Reboot) && !in.Reset {
		return reboot(in, p)
	}
	if p.StopAsked != nil && !in.Reset { // the wish before this one was to power off, and the guest may be at it
		if in.Now.Before(p.StopAsked.Deadline) {
			p.Until = p.StopAsked.Deadline
			return p
		}
		p.StopAsked = nil
	}
	if in.Reset {
		p.StopAsked = nil // what was asked of the guest is gone with its memory
		p.Steps = append(p.Steps, Step{Kind: Reset, Name: "reset it"})
	}
	p.Reached = true
	return p
}

// over plans for a QEMU whose guest has ended: the process goes, and if the wish is newer than the
// end, the next look starts it again.
func over(in VMInput, p Plan, wish vm.Power) Plan {
	p.Steps = []Step{{Kind: Quit, Name: "end QEMU"}, {Kind: Cleanup, Name: "take away what it has left"}}
	p.Reached = down(wish)
	if !p.Reached {
		p.Until = in.Now
	}
	return p
}
