package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// isSaved is a VM of whose process, number 42, something is saved.
func isSaved(phase vm.SavePhase) func(*VMInput) {
	return func(in *VMInput) {
		started, _ := vm.Effective(vm.Spec{UUID: in.Wish.Spec.UUID, Memory: model.GiB}, "x86_64")
		was := *process()
		was.Started, was.Ports, was.QEMU = &started, 7, "7.2.22"
		if in.Last == nil {
			in.Last = &vm.PowerStatus{}
		}
		in.Last.Pinned = &vm.Pinned{MachineType: "pc-q35-7.2", Slots: map[string]int{"rng": 5}}
		in.Last.Saved = &vm.Saved{Phase: phase, File: "f", Power: vm.On, Accelerator: vm.TCG, Process: was}
	}
}

// loads is another process, which is to go on from what is saved.
func loads(state string) func(*VMInput) {
	return func(in *VMInput) {
		p := vm.Process{PID: 43, StartTime: 9, BootID: "boot-1", Wish: 3}
		in.Seen = vm.Seen{Process: &p, RunState: state}
		in.Last = &vm.PowerStatus{State: vm.StateStarting, Process: &p}
	}
}

func halts(in *VMInput) { in.Halt = &Halt{Begun: noon} }

func onHostStop(in *VMInput) { in.Wish.Spec.Startup = &vm.Startup{OnHostStop: vm.HostStopSuspend} }

func notSaved(in *VMInput) { in.Last.NotSaved = &vm.NotSaved{PowerGeneration: 3, Power: vm.On} }

func moves(s vm.MoveState) func(*VMInput) {
	return func(in *VMInput) { in.Seen.Moving = &vm.Moving{State: s, Done: 1, Total: 4, Why: "no luck"} }
}

func nobody(in *VMInput) {
	in.Seen = vm.Seen{Leftover: true, Words: "last words"}
}

func TestWhatIsDoneAboutAVMAndItsFile(t *testing.T) {
	suspend := wish(vm.Suspended)
	for name, c := range map[string]struct {
		edit    func(*VMInput)
		steps   string
		reached bool
		end     vm.End
	}{
		"one that runs":                                 {with(runs("running"), suspend), "save", false, ""},
		"one that is paused":                            {with(runs("paused"), suspend), "save", false, ""},
		"one that has not run":                          {with(runs("prelaunch"), suspend), "quit cleanup", true, ""},
		"one that does not run":                         {suspend, "", true, ""},
		"a guest that has powered off":                  {with(runs("shutdown"), suspend), "quit cleanup", true, vm.EndGuest},
		"it is being written":                           {with(runs("paused"), suspend, isSaved(vm.Saving), moves(vm.MoveUnderWay)), "", false, ""},
		"it is at its end":                              {with(runs("finish-migrate"), suspend, isSaved(vm.Saving), moves(vm.MoveDone)), "", false, ""},
		"it is written":                                 {with(runs("postmigrate"), suspend, isSaved(vm.Saving), moves(vm.MoveDone)), "keep quit cleanup", true, ""},
		"it was not begun":                              {with(runs("paused"), suspend, isSaved(vm.Saving)), "save", false, ""},
		"it was not even stopped":                       {with(runs("running"), suspend, isSaved(vm.Saving)), "save", false, ""},
		"it was not begun, and had come in so":          {with(runs("paused"), suspend, isSaved(vm.Saving), moves(vm.MoveDone)), "save", false, ""},
		"an earlier one was given up for another wish":  {with(runs("paused"), suspend, isSaved(vm.Saving), moves(vm.MoveCancelled)), "save", false, ""},
		"it fails":                                      {with(runs("paused"), suspend, isSaved(vm.Saving), moves(vm.MoveFailed)), "abandon continue", true, ""},
		"it fails at its very end":                      {with(runs("postmigrate"), suspend, isSaved(vm.Saving), moves(vm.MoveFailed)), "abandon continue", true, ""},
		"it is given up at its very end":                {with(runs("postmigrate"), suspend, isSaved(vm.Saving), moves(vm.MoveCancelled)), "abandon continue", true, ""},
		"nobody knows how it has ended":                 {with(runs("postmigrate"), suspend, isSaved(vm.Saving)), "save", false, ""},
		"it is to run instead":                          {with(runs("paused"), isSaved(vm.Saving), moves(vm.MoveUnderWay)), "abandon continue", true, ""},
		"it is to stop instead":                         {with(runs("paused"), wish(vm.Off), isSaved(vm.Saving), moves(vm.MoveUnderWay)), "abandon continue powerdown", false, ""},
		"it is killed instead":                          {with(runs("paused"), wish(vm.Off), isSaved(vm.Saving), func(in *VMInput) { in.Kill = true }), "kill cleanup", true, ""},
		"its guest panics before it is stopped":         {with(runs("guest-panicked"), suspend, isSaved(vm.Saving)), "discard quit cleanup", true, vm.EndPanic},
		"it dies while it is written":                   {with(runs(""), suspend, isSaved(vm.Saving), nobody), "cleanup discard", true, vm.EndQEMU},
		"it is kept and its QEMU lives":                 {with(runs("postmigrate"), suspend, isSaved(vm.IsSaved)), "quit cleanup", true, ""},
		"it is kept and is to run instead":              {with(runs("postmigrate"), isSaved(vm.IsSaved)), "continue discard", true, ""},
		"it is kept and its QEMU is gone":               {with(runs(""), suspend, isSaved(vm.IsSaved), nobody), "cleanup", true, vm.EndSuspended},
		"it is off, and stays":                          {with(isSaved(vm.IsSaved), wish(vm.Off)), "", true, ""},
		"it goes on":                                    {isSaved(vm.IsSaved), "launch attach load", false, ""},
		"it is thrown away":                             {with(isSaved(vm.IsSaved), func(in *VMInput) { in.Discard = true }), "discard launch attach continue", true, ""},
		"it is deleted":                                 {with(isSaved(vm.IsSaved), func(in *VMInput) { in.Wish.Deleted = &noon }), "forget", true, ""},
		"its QEMU waits for it":                         {with(loads("inmigrate"), isSaved(vm.IsSaved)), "load", false, ""},
		"it comes in":                                   {with(loads("inmigrate"), isSaved(vm.IsSaved), moves(vm.MoveUnderWay)), "", false, ""},
		"it is in":                                      {with(loads("paused"), isSaved(vm.IsSaved), moves(vm.MoveDone)), "continue discard", true, ""},
		"it is in, and is to be paused":                 {with(loads("paused"), isSaved(vm.IsSaved), wish(vm.Paused)), "", true, ""},
		"it is in, and is to stop":                      {with(loads("paused"), isSaved(vm.IsSaved), wish(vm.Off)), "quit cleanup", true, ""},
		"it comes in, and is to be suspended":           {with(loads("inmigrate"), isSaved(vm.IsSaved), suspend), "quit cleanup", true, ""},
		"it comes in, and is to be thrown away":         {with(loads("inmigrate"), isSaved(vm.IsSaved), func(in *VMInput) { in.Discard = true }), "quit cleanup", false, ""},
		"it is thrown away, and has not come in":        {with(loads(""), isSaved(vm.IsSaved), nobody, func(in *VMInput) { in.Discard = true }), "cleanup discard launch attach continue", true, vm.EndSuspended},
		"it is thrown away, and is to stop since":       {with(loads(""), isSaved(vm.IsSaved), nobody, wish(vm.Off), func(in *VMInput) { in.Discard = true }), "cleanup discard", true, vm.EndSuspended},
		"it does not come in":                           {with(loads(""), isSaved(vm.IsSaved), nobody), "cleanup", true, vm.EndUnresumed},
		"the host goes down while it comes in":          {with(loads(""), isSaved(vm.IsSaved), nobody, func(in *VMInput) { in.Facts.BootID = "boot-2" }), "cleanup", true, vm.EndHostReboot},
		"it is let go, and does not run yet":            {with(loads("paused"), isSaved(vm.Resuming)), "continue discard", true, ""},
		"it is let go, and runs":                        {with(loads("running"), isSaved(vm.Resuming)), "discard", true, ""},
		"it is let go, and is to be saved again":        {with(loads("running"), isSaved(vm.Resuming), suspend), "discard save", false, ""},
		"it was let go, and its QEMU is gone":           {with(loads(""), isSaved(vm.Resuming), nobody), "cleanup discard", true, vm.EndQEMU},
		"it was let go, is gone, and is to run":         {with(isSaved(vm.Resuming)), "discard launch attach continue", true, ""},
		"it is being thrown away":                       {with(isSaved(vm.Discarding)), "discard launch attach continue", true, ""},
		"its host goes down, and it is to be stopped":   {with(runs("running"), halts), "powerdown", false, ""},
		"its host goes down, and it is to be suspended": {with(runs("running"), halts, onHostStop), "save", false, ""},
		"it is off":                                     {with(runs("running"), halts, onHostStop, wish(vm.Off)), "powerdown", false, ""},
		"its host goes down, and it could not be saved": {with(runs("running"), halts, onHostStop, notSaved), "powerdown", false, ""},
		"its host goes down, and it has been saved":     {with(runs("postmigrate"), halts, onHostStop, isSaved(vm.Saving), moves(vm.MoveDone)), "keep quit cleanup", false, ""},
		"its host goes down while it comes in":          {with(loads("inmigrate"), halts, isSaved(vm.IsSaved), moves(vm.MoveUnderWay)), "quit cleanup", false, ""},
		"what runs is older than the store thinks":      {with(runs("running"), isSaved(vm.IsSaved)), "discard", true, ""},
	} {
		in := input(c.edit)
		gathered(t, &in)
		p, err := VM(in)
		if err != nil || kinds(p) != c.steps || p.Reached != c.reached {
			t.Errorf("%s: %q, reached %v, %v; want %q, %v", name, kinds(p), p.Reached, err, c.steps, c.reached)
		}
		if how := howEnded(p); how != c.end {
			t.Errorf("%s: it ended as %q, want %q", name, how, c.end)
		}
		if !p.Reached && p.Until.IsZero() && p.StopAsked == nil && in.Halt == nil { // those end by their process's end
			t.Errorf("%s: nobody looks again", name)
		}
	}
}

func gathered(t *testing.T, in *VMInput) {
	t.Helper()
	err := in.Gather(func(string) (storage.Volume, bool, error) { return storage.Volume{}, false, nil },
		func(string) (storage.BootFile, bool, error) { return storage.BootFile{}, false, nil },
		func(string) (storage.Share, bool, error) { return storage.Share{}, false, nil })
	if err != nil {
		t.Fatal(err)
	}
}

func howEnded(p Plan) vm.End {
	if p.Ended == nil {
		return ""
	}
	return p.Ended.How
}

// What it was saved with counts, whatever was edited since.
func TestAVMGoesOnWithWhatItWasSavedWith(t *testing.T) {
	in := input(with(isSaved(vm.IsSaved), func(in *VMInput) {
		in.Wish.Spec.Memory, in.Wish.Spec.CPUs, in.Wish.Spec.Accelerator = 2*model.GiB, 4, vm.KVM
		in.Facts.KVM.OK = true // it has come to work
	}))
	gathered(t, &in)
	p, err := VM(in)
	if err != nil {
		t.Fatal(err)
	}
	start := p.Steps[0].Start
	args := strings.Join(start.Order.Args, " ")
	for _, want := range []string{"-incoming defer", "-m size=1024M", "-accel tcg", `"id":"rp7"`, `"bus":"rp5"`} {
		if !strings.Contains(args, want) {
			t.Errorf("no %q in %s", want, args)
		}
	}
	if start.Ports != 7 || start.Spec.CPUs != 1 || start.Saved != "f" || start.Order.KVM || strings.Contains(args, "rp8") {
		t.Errorf("%+v", start)
	}
	for _, f := range start.Files {
		if f.Source == FromLog && f.GoesOn != (f.Log == "serial") {
			t.Errorf("log %+v", f)
		}
	}
	why := PendingSaved(in)
	if len(why) != 3 || why["memory"] == "" || why["cpus"] == "" || why["accelerator"] == "" {
		t.Errorf("pending: %v", why)
	}
}

func TestAWishToBeSuspendedThatWasGivenUpIsNotTriedAgain(t *testing.T) {
	in := input(with(runs("running"), wish(vm.Suspended), func(in *VMInput) {
		in.Last.NotSaved = &vm.NotSaved{PowerGeneration: 3, Power: vm.On}
	}))
	gathered(t, &in)
	if p, err := VM(in); err != nil || kinds(p) != "" || !p.Reached {
		t.Errorf("%q, %v, %v", kinds(p), p.Reached, err)
	}
	in.Wish.PowerGeneration++
	in.Effective.Power = vm.Suspended
	gathered(t, &in)
	if p, err := VM(in); err != nil || kinds(p) != "save" {
		t.Errorf("wished anew: %q, %v", kinds(p), err)
	}
}

func TestAGuestThatWasPausedStaysSoWhenItCannotBeSaved(t *testing.T) {
	in := input(with(runs("paused"), wish(vm.Suspended), isSaved(vm.Saving), moves(vm.MoveFailed)))
	in.Last.Saved.Power = vm.Paused
	gathered(t, &in)
	p, err := VM(in)
	if err != nil || kinds(p) != "abandon" || p.NotSaved == nil || p.NotSaved.Power != vm.Paused || p.NotSaved.Why != "no luck" {
		t.Errorf("%q, %+v, %v", kinds(p), p.NotSaved, err)
	}
}

func TestASuspendedVMDoesNotStartWithItsHost(t *testing.T) {
	in := input(with(isSaved(vm.IsSaved), wish(vm.Suspended)))
	in.Last.Ended = &vm.Ended{How: vm.EndSuspended, PowerGeneration: 3, At: noon.Add(-time.Hour)}
	in.Effective.Autostart = true
	in.Facts.BootID = "boot-2"
	if StartsWithHost(in.Wish, in.Effective, *in.Last, in.Facts) {
		t.Error("it does")
	}
}

// One that was suspended because its host went down goes on with the next boot, where it starts with its host at all.
func TestAVMThatWasSuspendedForItsHostGoesOnWithTheNextBoot(t *testing.T) {
	for _, autostart := range []bool{true, false} {
		in := input(with(runs(""), onHostStop, isSaved(vm.IsSaved), nobody, func(in *VMInput) { in.Wish.Spec.Autostart = autostart }))
		in.Last.Saved.Host = true
		gathered(t, &in)
		p, err := VM(in)
		if err != nil || p.Ended == nil || p.Ended.How != vm.EndSuspended || (p.Ended.Stays == 3) != autostart || (p.Held != "") != autostart || kinds(p) != "cleanup" {
			t.Errorf("%q, held %q, ended %+v, %v", kinds(p), p.Held, p.Ended, err)
		}
		in.Last.Ended, in.Last.Process, in.Seen = p.Ended, nil, vm.Seen{}
		in.Facts.BootID = "boot-2"
		if StartsWithHost(in.Wish, in.Effective, *in.Last, in.Facts) != autostart {
			t.Errorf("autostart %v, and it starts: %v", autostart, !autostart)
		}
		gathered(t, &in)
		want := map[bool]string{true: "launch attach load", false: ""}[autostart]
		if p, err := VM(in); err != nil || kinds(p) != want {
			t.Errorf("after a boot: %q, %v", kinds(p), err)
		}
	}
}

// A disk that is busy with what is saved keeps QEMU from its monitor too: the deadline of the host is not for that.
func TestAQEMUThatSavesAndDoesNotAnswerIsNotEndedByTheDeadlineOfItsHost(t *testing.T) {
	late := func(in *VMInput) { in.Halt = &Halt{Begun: noon.Add(-time.Hour)} }
	for name, c := range map[string]struct {
		edit  func(*VMInput)
		steps string
	}{
		"it saves":                   {with(runs(""), late, onHostStop, isSaved(vm.Saving)), ""},
		"another process has saved":  {with(runs(""), loads(""), late, onHostStop, isSaved(vm.Saving)), "kill cleanup"},
		"it is only to be stopped":   {with(runs(""), late, isSaved(vm.Saving)), "kill cleanup"},
		"nothing of it is saved":     {with(runs(""), late, onHostStop), "kill cleanup"},
		"somebody asks to kill it":   {with(runs(""), late, onHostStop, isSaved(vm.Saving), func(in *VMInput) { in.Kill = true }), "kill cleanup"},
		"it answers, and still does": {with(runs("paused"), late, onHostStop, isSaved(vm.Saving), moves(vm.MoveUnderWay)), ""},
	} {
		in := input(c.edit)
		gathered(t, &in)
		p, err := VM(in)
		if kinds(p) != c.steps || (err != nil) != (c.steps == "" && in.Seen.RunState == "") {
			t.Errorf("%s: %q, %v; want %q", name, kinds(p), err, c.steps)
		}
	}
}

// A cable that was pulled when it was saved is pulled when it goes on: only who knows that plugs it in again.
func TestACableThatWasPulledWhenAVMWasSavedIsKnownToBe(t *testing.T) {
	in := input(with(isSaved(vm.IsSaved), func(in *VMInput) {
		in.Last.Saved.Process.Started.NICs = map[string]vm.NIC{"lan": {MAC: "52:54:00:00:00:01", Link: vm.LinkDown}}
		in.Wish.Spec.NICs = map[string]vm.NIC{"lan": {MAC: "52:54:00:00:00:01"}}
	}))
	gathered(t, &in)
	p, err := VM(in)
	if err != nil || kinds(p) != "launch attach load" || p.Steps[0].Start.Spec.NICs["lan"].Link != vm.LinkDown {
		t.Fatalf("%q, %+v, %v", kinds(p), p.Steps, err)
	}
	goesOn := *process()
	goesOn.Started, goesOn.Ports = &p.Steps[0].Start.Spec, p.Steps[0].Start.Ports
	in.Seen, in.Last.Process, in.Last.Saved = vm.Seen{Process: process(), RunState: "running"}, &goesOn, nil
	gathered(t, &in)
	if p, err := VM(in); err != nil || kinds(p) != "link" || p.Steps[0].Edit.Down {
		t.Errorf("%q, %+v, %v", kinds(p), p.Steps, err)
	}
}
