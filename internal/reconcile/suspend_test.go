//go:build linux

package reconcile_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestASuspendedVMGoesOnWhereItWas(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	op := d.Done(d.Verb("suspend", "web"))
	p := d.State("web", vm.StateSuspended)
	s := p.Saved
	if p.Process != nil || d.PID("web") != 0 || s == nil || s.Phase != vm.IsSaved || s.Bytes == 0 || s.MachineType != "pc-q35-7.2" ||
		s.Generation != 1 || s.Process.QEMU == "" || s.Power != vm.On || p.Ended.How != vm.EndSuspended {
		t.Errorf("%+v, saved %+v", p, s)
	}
	if want := "stop its vCPUs and begin to save its memory, flush what is saved to the disk, end QEMU, take away what it has left"; steps(op) != want {
		t.Errorf("%q", steps(op))
	}
	if files := h.SavedFiles(); !slices.Equal(files, []string{s.File}) {
		t.Errorf("%q", files)
	}
	d.Done(d.Verb("suspend", "web")) // is so already
	d.Done(d.Verb("stop", "web"))    // does not run, and what is saved is kept
	d.State("web", vm.StateSuspended)
	d.Stop()

	h.SetFacts(func(f *host.Facts) { f.BootID = "another" }) // the host was restarted
	d = h.Start()
	op = d.Done(d.Verb("start", "web"))
	p = d.State("web", vm.StateRunning)
	if p.Saved != nil || p.Ended.How != vm.EndSuspended || len(h.SavedFiles()) > 0 {
		t.Errorf("%+v", p)
	}
	if n := d.Boots("web"); n != 1 {
		t.Errorf("its guest booted %d times", n)
	}
	if want := "launch QEMU to go on from what is saved (pc-q35-7.2, tcg), connect to its monitor, begin to read its saved memory, let it run, remove the file that it was saved in: its guest has run on"; steps(op) != want {
		t.Errorf("%q", steps(op))
	}
	d.Done(d.Verb("suspend", "web"))
	d.State("web", vm.StateSuspended)
	d.Done(d.Verb("resume", "web"))
	d.State("web", vm.StateRunning)
}

func TestAPausedVMThatWasSuspendedRunsWhenItIsStarted(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	d.Done(d.Verb("pause", "web"))
	d.Done(d.Verb("suspend", "web"))
	d.State("web", vm.StateSuspended)
	d.Done(edit(t, d, `{"power":"paused"}`))
	if p := d.State("web", vm.StatePaused); !p.Saved.Whole() {
		t.Errorf("its guest has not run, and %+v", p.Saved)
	}
	d.Done(d.Verb("kill", "web")) // nothing is lost by that
	d.State("web", vm.StateSuspended)
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
	if n := d.Boots("web"); n != 1 {
		t.Errorf("its guest booted %d times", n)
	}
}

func TestWhatIsSavedIsThrownAwayWhereThatIsAskedFor(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	d.Done(d.Verb("suspend", "web"))
	d.Done(d.Verb("start", "web", wire.VerbOptions{DiscardSuspend: true}))
	if p := d.State("web", vm.StateRunning); p.Saved != nil || len(h.SavedFiles()) > 0 || d.Boots("web") != 2 {
		t.Errorf("%+v", p)
	}
	d.Done(d.Verb("suspend", "web"))
	d.Done(d.Delete("web"))
	d.Gone("web")
	if files := h.SavedFiles(); len(files) > 0 {
		t.Errorf("a deleted VM has left %q", files)
	}
}

func TestAVMThatCannotBeSavedSaysWhyAndRunsOn(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Blocked: []string{"0000:01:00.0: VFIO migration is not supported in kernel"}})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	pid := d.PID("web")
	end := d.Ended(d.Verb("suspend", "web"))
	if end.State != operation.Failed || end.Error.Code != "HV-VM-081" || !strings.Contains(end.Error.What, "passed through") ||
		!strings.Contains(end.Error.What, "VFIO migration is not supported") {
		t.Errorf("%+v %+v", end, end.Error)
	}
	d.Until("it to go on as if nothing had been asked", func() bool {
		p := d.Power("web")
		return p.State == vm.StateRunning && p.NotSaved != nil && p.Saved == nil && p.Problem == nil
	})
	if d.PID("web") != pid || len(h.SavedFiles()) > 0 {
		t.Error("something has happened to it")
	}
	d.Done(d.Verb("stop", "web"))
	d.State("web", vm.StateOff)
}

func TestAVMWhoseMemoryDoesNotFitOnTheDiskRunsOn(t *testing.T) {
	h := fakehost.New(t)
	h.SetFacts(func(f *host.Facts) { f.Memory = vm.MaxMemory })
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on, func(def *vm.Definition) { def.Memory = vm.MaxMemory })))
	end := d.Ended(d.Verb("suspend", "web"))
	if end.State != operation.Failed || end.Error.Code != "HV-VM-082" || !strings.Contains(end.Error.What, "may need") || !strings.Contains(end.Error.What, "are free") {
		t.Errorf("%+v %+v", end, end.Error)
	}
	d.State("web", vm.StateRunning)
	if len(h.SavedFiles()) > 0 {
		t.Error("a file was left")
	}
}

func TestASaveThatIsCancelledLetsTheGuestRunOn(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Crawls: true})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	pid := d.PID("web")
	op := d.Verb("suspend", "web")
	d.Until("it to be written, and how far that is", func() bool {
		now, err := d.View.Operation(t.Context(), op.ID)
		if err != nil || len(now.Steps) == 0 {
			return false
		}
		last := now.Steps[len(now.Steps)-1]
		return last.Name == "save its memory" && last.Progress != nil && last.Progress.Done == 4<<20 && last.Progress.Total == 16<<20
	})
	if p := d.State("web", vm.StatePaused); p.Reason != "save its memory: 25 %" || p.Saved == nil || p.Saved.Phase != vm.Saving {
		t.Errorf("%+v", p)
	}
	d.Stop()
	d = h.Start() // another daemon goes on
	if _, err := d.Actions.CancelOperation(t.Context(), fakehost.Member, op.ID); err != nil {
		t.Fatal(err)
	}
	if end := d.Ended(op); end.State != operation.Cancelled {
		t.Errorf("%+v", end)
	}
	p := d.State("web", vm.StateRunning)
	d.Until("its file to go", func() bool { return d.Power("web").Saved == nil })
	if d.PID("web") != pid || len(h.SavedFiles()) > 0 || d.Boots("web") != 1 {
		t.Errorf("%+v", p)
	}
}

func TestWhatIsEditedInASuspendedVMWaits(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	d.Done(d.Verb("suspend", "web"))
	op := d.Done(edit(t, d, `{"cpus":3,"memory":"32MiB","disks":null}`))
	p := d.Power("web")
	if !slices.Equal(p.Pending, []string{"cpus", "disks.root", "memory"}) || p.PendingWhy["cpus"] == "" || len(op.Findings) != 3 || op.Findings[0].Code != "HV-VM-084" {
		t.Errorf("%+v, %v", p, op.Findings)
	}
	if _, err := d.Actions.CreateVM(t.Context(), fakehost.Member, "default", fakehost.Tiny("db", withData)); fault.KindOf(err) != fault.Conflict {
		t.Errorf("the disk that it is to go on with is free for others: %v", err)
	}
	d.Done(d.Verb("start", "web"))
	p = d.State("web", vm.StateRunning)
	d.Until("the disk to be detached", func() bool { return slices.Equal(d.Power("web").Pending, []string{"cpus", "memory"}) })
	if d.Boots("web") != 1 {
		t.Errorf("it did not go on: %+v", p)
	}
	d.Done(d.Verb("suspend", "web"))
	d.Done(d.Verb("start", "web", wire.VerbOptions{DiscardSuspend: true}))
	if p = d.State("web", vm.StateRunning); p.Process.Started.CPUs != 3 || len(p.Pending) > 0 {
		t.Errorf("%+v", p)
	}
}

func TestAQEMUThatDoesNotGoOnLeavesWhatIsSaved(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	d.Done(d.Verb("suspend", "web"))
	file := filepath.Join(h.Folder(), "saved", d.Power("web").Saved.File)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, good[:len(good)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it may be tried again
		end := d.Ended(d.Verb("start", "web"))
		if end.State != operation.Failed || end.Error.Code != "HV-VM-086" || !strings.Contains(end.Error.What, "load of migration failed") || !strings.Contains(end.Error.Hint, "--discard-suspend") {
			t.Errorf("%+v %+v", end, end.Error)
		}
		if p := d.State("web", vm.StateSuspended); !p.Saved.Whole() || p.Reason != "not-resumed" {
			t.Errorf("%+v", p)
		}
	}
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
	if d.Boots("web") != 1 {
		t.Error("it did not go on")
	}
}

func TestAFileThatIsGoneIsSaidBeforeAQEMUIsStartedForIt(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	d.Done(d.Verb("suspend", "web"))
	if err := os.Remove(filepath.Join(h.Folder(), "saved", d.Power("web").Saved.File)); err != nil {
		t.Fatal(err)
	}
	launches := d.Launches()
	if end := d.Ended(d.Verb("start", "web")); end.State != operation.Failed || end.Error.Code != "HV-VM-085" {
		t.Errorf("%+v %+v", end, end.Error)
	}
	if d.Launches() != launches {
		t.Error("a QEMU was started in vain")
	}
	d.Done(d.Verb("start", "web", wire.VerbOptions{DiscardSuspend: true}))
	d.State("web", vm.StateRunning)
}

// A guest that may have run on has written to its disks: whoever went on from its file again would destroy them.
func TestNobodyGoesOnTwiceFromOneFile(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	d.Done(d.Verb("suspend", "web"))
	d.Stop()
	points := &fakehost.Points{At: 1, Of: "before continue"}
	d = h.StartWith(points)
	d.Verb("start", "web")
	<-points.Ended()
	d.Stop()
	h.Murder("web") // the host's power went, say: nobody knows whether its guest ran

	d = h.Start()
	p := d.Power("web")
	d.Until("it to be known as gone", func() bool { p = d.Power("web"); return p.Process == nil && p.Saved == nil })
	if p.State == vm.StateSuspended || p.Ended == nil || !strings.Contains(p.Ended.Detail, "the next start boots it cold") || len(h.SavedFiles()) > 0 {
		t.Errorf("%+v, ended %+v", p, p.Ended)
	}
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
	if n := d.Boots("web"); n != 2 {
		t.Errorf("its guest booted %d times", n)
	}
}

func TestAQEMUThatRefusesToLetTheGuestGoLeavesWhatIsSaved(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	d.Done(d.Verb("suspend", "web"))
	h.Guest("web", fakeqemu.Options{Faults: []fakeqemu.Fault{{At: "cont", Do: fakeqemu.Refuse, Value: `Failed to get "write" lock`}}})
	if end := d.Ended(d.Verb("start", "web")); end.State != operation.Failed || !strings.Contains(end.Error.What, `"write" lock`) {
		t.Errorf("%+v %+v", end, end.Error)
	}
	if p := d.Power("web"); !p.Saved.Whole() || p.State != vm.StatePaused {
		t.Errorf("%+v %+v", p, p.Saved)
	}
	h.Guest("web", fakeqemu.Options{})
	d.Done(d.Verb("kill", "web"))
	d.State("web", vm.StateSuspended)
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
	if d.Boots("web") != 1 {
		t.Error("it did not go on")
	}
}

func TestWhatASuspendedVMGoesOnWithCannotBeDeleted(t *testing.T) {
	d := fakehost.New(t).Start()
	d.BootFile("k", "kernel", storage.KernelFile)
	d.Done(d.Create(fakehost.Tiny("web", on, func(def *vm.Definition) { def.Boot = &vm.Boot{Kernel: "k"} })))
	d.Done(d.Verb("suspend", "web"))
	d.Done(edit(t, d, `{"boot":null}`))
	if _, err := d.Actions.DeleteBootFile(t.Context(), fakehost.Member, fakehost.Ref("k")); fault.KindOf(err) != fault.Conflict {
		t.Errorf("%v", err)
	}
	d.Done(d.Verb("start", "web"))
	if p := d.State("web", vm.StateRunning); !slices.Contains(p.Pending, "boot") {
		t.Errorf("%+v", p)
	}
}

func TestAVMThatDiesWhileItIsSavedIsNotSuspended(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Crawls: true})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	op := d.Verb("suspend", "web")
	d.State("web", vm.StatePaused)
	h.Murder("web")
	if end := d.Ended(op); end.State != operation.Failed {
		t.Errorf("%+v", end)
	}
	d.State("web", vm.StateCrashed)
	d.Until("its file to go", func() bool { return d.Power("web").Saved == nil })
	if len(h.SavedFiles()) > 0 {
		t.Error("half a file is left")
	}
}

func TestOnlyWhatRunsIsSuspended(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Create(fakehost.Tiny("web")))
	if err := d.Refused("suspend", "web"); fault.KindOf(err) != fault.Precondition || !strings.Contains(fault.HintOf(err), "hv vm start web") {
		t.Errorf("%v", err)
	}
	d.Done(d.Create(fakehost.Tiny("db", func(def *vm.Definition) { def.Power = vm.Suspended })))
	d.State("db", vm.StateOff) // nothing of it is to be kept
}

func TestAHostThatGoesDownSuspendsWhatIsToBeSuspendedAndItGoesOnWithTheNextBoot(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("cannot", fakeqemu.Options{Blocked: []string{"no"}})
	d := h.Start()
	suspends := func(def *vm.Definition) {
		def.Autostart = true
		def.Startup = &vm.Startup{OnHostStop: vm.HostStopSuspend}
	}
	for _, name := range []string{"web", "cannot"} {
		d.Done(d.Create(fakehost.Tiny(name, on, suspends)))
	}
	d.Done(d.Create(fakehost.Tiny("lying", on)))
	d.Done(d.Verb("suspend", "lying"))
	op := d.Done(stopVMs(t, d, wire.StopVMs{}))
	if !strings.Contains(steps(op), "stop vm web: it is suspended") || strings.Contains(steps(op), "lying") {
		t.Errorf("%q", steps(op))
	}
	p := d.State("web", vm.StateSuspended)
	if p.Ended.Stays == 0 || !p.Saved.Host {
		t.Errorf("%+v %+v", p, p.Ended)
	}
	if p := d.State("cannot", vm.StateOff); p.Ended.How != vm.EndHostDown || p.NotSaved == nil {
		t.Errorf("%+v %+v", p, p.Ended)
	}
	d = reboot(h, d)
	d.State("web", vm.StateRunning)
	d.State("cannot", vm.StateRunning)
	d.State("lying", vm.StateSuspended)
	if n := d.Boots("web"); n != 1 {
		t.Errorf("its guest booted %d times", n)
	}
}

func TestWhatDoesNotComeToTheDiskIsNotTakenForSaved(t *testing.T) {
	h := fakehost.New(t)
	h.LoseSaved(fault.New(fault.Unavailable, "input/output error"))
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	pid := d.PID("web")
	end := d.Ended(d.Verb("suspend", "web"))
	if end.State != operation.Failed || end.Error.Code != "HV-VM-087" || !strings.Contains(end.Error.What, "input/output error") {
		t.Errorf("%+v %+v", end, end.Error)
	}
	d.Until("it to run on", func() bool { p := d.Power("web"); return p.State == vm.StateRunning && p.Saved == nil })
	if d.PID("web") != pid || len(h.SavedFiles()) > 0 || d.Boots("web") != 1 {
		t.Error("it did not run on where it was")
	}
	h.LoseSaved(nil)
	d.Done(d.Verb("suspend", "web"))
	d.State("web", vm.StateSuspended)
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
	if n := d.Boots("web"); n != 1 {
		t.Errorf("its guest booted %d times", n)
	}
}

// Only what is written down survives a power cut: until then QEMU has the one copy.
func TestAQEMUIsNotEndedBeforeItIsWrittenDownThatItsVMIsSaved(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	pid := d.PID("web")
	unwritten := h.LoseStoreOnceSaved(fault.New(fault.Unavailable, "input/output error"))
	op := d.Verb("suspend", "web")
	for range 8 { // it is looked at again meanwhile
		<-unwritten
		d.Look("web")
	}
	if names := d.Points.Names(); d.PID("web") != pid || slices.Contains(names, "before quit") {
		t.Error("it was ended, and after a power cut nobody would know of its file")
	}
	h.LoseStoreOnceSaved(nil)
	if d.Ended(op).State != operation.Done { // it was looked at so often that whoever asked was told; the VM is as it was
		d.Done(d.Verb("suspend", "web"))
	}
	d.State("web", vm.StateSuspended)
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
	if n := d.Boots("web"); n != 1 {
		t.Errorf("its guest booted %d times", n)
	}
}

// A store that is put back twice must not bring back the memory of a guest over disks that another run has written to.
func TestAColdBootLeavesNothingThatALaterSnapshotCouldGoOnFrom(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	older := h.Snapshot()
	d.Done(d.Verb("suspend", "web"))
	d.State("web", vm.StateSuspended)
	d.Stop()
	newer := h.Snapshot()
	h.Restore(older)
	d = h.Start()
	d.State("web", vm.StateCrashed) // its process is gone, as far as that store knows
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
	if files := h.SavedFiles(); len(files) > 0 || d.Boots("web") != 2 {
		t.Errorf("it booted %d times, and there is %q", d.Boots("web"), files)
	}
	d.Done(d.Verb("kill", "web"))
	d.Stop()
	h.Restore(newer)
	d = h.Start()
	if end := d.Ended(d.Verb("start", "web")); end.State != operation.Failed || end.Error.Code != "HV-VM-085" {
		t.Errorf("%+v %+v", end, end.Error)
	}
}

// One that waits for its guest can be ended and started anew; one that has it is taken for one whose guest has run.
func TestAQEMUGetsNoGuestBeforeItIsWrittenDown(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	d.Done(d.Verb("suspend", "web"))
	unwritten := h.LoseStoreOnceSaved(fault.New(fault.Unavailable, "input/output error"))
	op := d.Verb("start", "web")
	for range 6 {
		<-unwritten
		d.Look("web")
	}
	if names := d.Points.Names(); !slices.Contains(names, "after attach") || slices.Contains(names, "before load") {
		t.Errorf("%q", names)
	}
	h.LoseStoreOnceSaved(nil)
	d.Done(op)
	if p := d.State("web", vm.StateRunning); p.Process.Started == nil || d.Boots("web") != 1 {
		t.Errorf("%+v", p)
	}
}

func TestAGuestThatRunsOnAsAnOlderStoreSaysLeavesNothingToGoOnFrom(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	pid := d.PID("web")
	d.Done(d.Verb("pause", "web"))
	older := h.Snapshot()
	d.Stop()
	points := &fakehost.Points{At: 1, Of: "before quit"} // it is saved, and its QEMU is there still
	d = h.StartWith(points)
	d.Verb("suspend", "web")
	<-points.Ended()
	d.Stop()
	if files := h.SavedFiles(); len(files) != 1 {
		t.Fatalf("%q", files)
	}
	h.Restore(older)
	d = h.Start()
	d.Done(d.Verb("resume", "web"))
	d.State("web", vm.StateRunning)
	if files := h.SavedFiles(); len(files) > 0 || d.PID("web") != pid {
		t.Errorf("it runs, and there is %q", files)
	}
}
