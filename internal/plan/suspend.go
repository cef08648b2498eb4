package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// lookAtMove is how soon a VM is looked at again whose memory is on its way: its end is told by an event, how far it is
// by nothing.
const lookAtMove = 500 * time.Millisecond

// Progress is how far a step is that goes on between two looks.
type Progress struct {
	Name        string
	Done, Total int64
}

// Encrypted reports whether what a VM writes to its disks is encrypted. Its memory is kept in no file then: what of its disks
// is in there would be in clear.
func (in VMInput) Encrypted() bool {
	for _, v := range in.Volumes {
		if len(storage.Keys(v.Chain())) > 0 {
			return true
		}
	}
	return false
}

// down reports whether a wish is that there is no process.
func down(p vm.Power) bool { return p == vm.Off || p == vm.Suspended }

// Wished is the power that a VM is to have. A wish to be suspended that was given up leaves it what it was.
func Wished(effective vm.Power, o vm.Object, last *vm.PowerStatus) vm.Power {
	if effective == vm.Suspended && last != nil && last.NotSaved != nil && last.NotSaved.PowerGeneration == o.PowerGeneration {
		return last.NotSaved.Power
	}
	return effective
}

// SavedRoom is the most that a VM's memory and devices may need on a disk. A page of memory has a head of eight bytes, and
// the images of its firmware are memory too.
func SavedRoom(s vm.Spec) model.Bytes {
	need := s.Memory + s.Memory/64 + 64*model.MiB
	if s.Firmware == vm.UEFI {
		need += 128 * model.MiB
	}
	return need
}

// saved is what was written down of a VM's file.
func (in VMInput) saved() *vm.Saved {
	if in.Last == nil {
		return nil
	}
	return in.Last.Saved
}

// save begins to write a VM's guest to a file.
func save(in VMInput, p Plan) Plan {
	p.StopAsked = nil
	p.Steps = []Step{{Kind: Save, Name: "stop its vCPUs and begin to save its memory"}}
	p.Until = in.Now.Add(lookAtMove)
	return p
}

// unload ends a QEMU whose guest is whole in a file, and has not run since.
func unload(p Plan) Plan {
	p.Steps = append(p.Steps, Step{Kind: Quit, Name: "end QEMU"}, Step{Kind: Cleanup, Name: "take away what it has left"})
	p.Reached = true
	return p
}

// moved plans for a VM with a process, and with something written down of a file. What it returns first is to be done
// before anything else that is planned; done says that nothing else is.
func moved(in VMInput, p Plan, wish vm.Power) (before []Step, _ Plan, done bool) {
	s := in.saved()
	if s == nil || in.Kill || in.Seen.RunState == "" {
		return nil, p, false
	}
	discard := []Step{{Kind: Discard, Name: "throw away what was saved of it: its guest has run on"}}
	ran := in.Seen.RunState == "running" || slices.Contains(overStates, in.Seen.RunState)
	switch s.Phase {
	case vm.Saving:
		if !s.Of(in.Seen.Process) || slices.Contains(overStates, in.Seen.RunState) {
			return discard, p, false
		}
		if wish != vm.Suspended {
			return []Step{{Kind: Abandon, Name: "give up to save its memory"}}, p, false
		}
		return nil, saving(in, p, *s), true
	case vm.IsSaved:
		switch {
		case ran:
			return discard, p, false
		case in.Discard && !s.Of(in.Seen.Process), down(wish):
			p = unload(p)
			if !down(wish) {
				p.Reached, p.Until = false, in.Now
			}
			return nil, p, true
		case in.Seen.RunState == "inmigrate":
			return nil, loading(in, p), true
		}
	case vm.Resuming:
		if ran || wish == vm.Suspended {
			return discard, p, false
		}
	case vm.Discarding:
		return discard, p, false
	}
	return nil, p, false
}

// savesUnheard reports whether a QEMU that writes its guest does not answer now: a disk that is busy with that keeps it
// from it, and to end it would lose what the deadline of its host is to leave time for.
func savesUnheard(in VMInput, wish vm.Power) bool {
	s := in.saved()
	return wish == vm.Suspended && in.Seen.RunState == "" && s != nil && s.Phase == vm.Saving && s.Of(in.Seen.Process)
}

// saving goes on with a VM that is being written to its file.
func saving(in VMInput, p Plan, s vm.Saved) Plan {
	p.StopAsked = nil
	m := in.Seen.Moving
	switch {
	case m == nil, in.Seen.RunState == "running", in.Seen.RunState == "paused" && (m.State == vm.MoveDone || m.State == vm.MoveCancelled):
		return save(in, p) // not begun: what is done is how its guest came in, and what is cancelled is an earlier wish's
	case m.State == vm.MoveDone && in.Seen.RunState == "postmigrate": // QEMU gets there too when it fails at the very end
		p.Steps = []Step{{Kind: Keep, Name: "flush what is saved to the disk"}}
		return unload(p)
	case m.State == vm.MoveFailed, m.State == vm.MoveCancelled:
		why := m.Why
		if why == "" {
			why = "QEMU has given it up"
		}
		p.NotSaved = &vm.NotSaved{PowerGeneration: in.Wish.PowerGeneration, Power: s.Power, Why: why}
		p.Steps = []Step{{Kind: Abandon, Name: "give up to save its memory"}}
		if s.Power == vm.On {
			p.Steps = append(p.Steps, Step{Kind: Continue, Name: "let it run on"})
		}
		p.Reached = true
		if in.Halt != nil { // then it is stopped
			p.Until = in.Now
		}
		return p
	}
	p.Moving = &Progress{Name: "save its memory", Done: m.Done, Total: m.Total}
	p.Until = in.Now.Add(lookAtMove)
	return p
}

// loading goes on with a QEMU that is to read its guest from a file. One that cannot ends by itself.
func loading(in VMInput, p Plan) Plan {
	p.Until = in.Now.Add(lookAtMove)
	m := in.Seen.Moving
	if m == nil {
		p.Steps = []Step{loadStep()}
		return p
	}
	if m.State == vm.MoveFailed || m.State == vm.MoveCancelled {
		p = unload(p)
		p.Reached, p.Until = false, in.Now
		return p
	}
	p.Moving = &Progress{Name: "read its saved memory", Done: m.Done, Total: m.Total}
	return p
}

func loadStep() Step { return Step{Kind: Load, Name: "begin to read its saved memory"} }

// thenDiscard adds to steps that let a guest run on from its file that the file goes, once it does.
func thenDiscard(in VMInput, steps []Step) []Step {
	s := in.saved()
	if s == nil || s.Phase != vm.IsSaved && s.Phase != vm.Resuming {
		return steps
	}
	i := slices.IndexFunc(steps, func(s Step) bool { return s.Kind == Continue })
	if i < 0 {
		return steps
	}
	return slices.Insert(steps, i+1, Step{Kind: Discard, Name: "remove the file that it was saved in: its guest has run on"})
}

// endSaved finds out how a run ended of which, or from which, something is saved; empty where that says nothing.
func endSaved(in VMInput) vm.End {
	s := in.saved()
	switch {
	case !s.Whole() || in.Seen.Process != nil:
		return ""
	case s.Of(in.Last.Process):
		return vm.EndSuspended
	case in.Last.Process.BootID != in.Facts.BootID:
		return ""
	case down(in.Effective.Power), in.Wish.Deleted != nil, in.Halt != nil, in.Kill, in.Discard:
		return vm.EndSuspended // it was to go on, and somebody has wished otherwise before it did
	}
	return vm.EndUnresumed
}

// voided says, in the words about the end of a run, that nobody can go on from the file from which that run did.
func voided(in VMInput, detail string) string {
	s := in.saved()
	if s == nil || s.Phase != vm.Resuming {
		return detail
	}
	const void = "it was cut off while it was let go on from what was saved, so its guest may have written to its disks since: the next start boots it cold"
	if detail == "" {
		return void
	}
	return detail + "; " + void
}

// resume adds the steps by which a VM without a process goes on from its file.
func resume(in VMInput, p Plan) (Plan, error) {
	from := *in.Kept
	from.From = in.saved()
	start, findings, err := startVM(from)
	findings = append(findings, missing(in)...)
	p.Findings = findings
	if err != nil {
		return p, err
	}
	start.Saved = from.From.File
	p.Steps = append(p.Steps,
		Step{Kind: Launch, Name: fmt.Sprintf("launch QEMU to go on from what is saved (%s, %s)", start.Pinned.MachineType, start.Accelerator), Start: start},
		Step{Kind: Attach, Name: "connect to its monitor"}, loadStep())
	p.Until = in.Now.Add(lookAtMove)
	return p, nil
}

// PendingSaved are the JSON paths of what was edited in a VM that is suspended, and why they wait: it goes on with what
// it was saved with.
func PendingSaved(in VMInput) map[string]string {
	s := in.saved()
	if !s.Whole() || s.Process.Started == nil {
		return nil
	}
	why := map[string]string{}
	for _, path := range vm.NeedRestart(*s.Process.Started, in.Effective) {
		why[path] = "it goes on with what it was saved with"
	}
	return why
}

// PendingSavedFinding tells who edits a VM that is suspended that something of it has to wait.
func PendingSavedFinding(name, path, why string) finding.Finding {
	return finding.Finding{
		Code: "HV-VM-084", Severity: finding.Limited, Subject: []string{"vm/" + name}, Path: path,
		What: path + " takes effect when the VM has gone on and is restarted, or its saved state is discarded", Why: why,
		Remedy: "hv vm start " + name + ", then hv vm stop and start it again; or hv vm start --discard-suspend " + name,
	}
}
