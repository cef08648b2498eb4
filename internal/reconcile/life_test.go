//go:build linux

package reconcile_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func on(def *vm.Definition) { def.Power = vm.On }

func paused(def *vm.Definition) { def.Power = vm.Paused }

func withData(def *vm.Definition) { def.Disks = map[string]vm.Disk{"root": {Volume: "data"}} }

func TestAVMStartsAndStopsWhenItsGuestObeys(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Create(fakehost.Tiny("web")))
	op := d.Done(d.Verb("start", "web"))
	var steps []string
	for _, s := range op.Steps {
		if s.State != operation.Done || s.Started == nil || s.Ended == nil {
			t.Errorf("step %+v", s)
		}
		steps = append(steps, s.Name)
	}
	if want := []string{"launch QEMU (pc-q35-7.2, tcg)", "connect to its monitor", "let it run"}; !slices.Equal(steps, want) {
		t.Errorf("steps %q", steps)
	}
	p := d.State("web", vm.StateRunning)
	if p.Process == nil || p.Process.PID != d.PID("web") || p.Process.QEMU == "" || p.Pinned.MachineType != "pc-q35-7.2" || p.Accelerator != vm.TCG || p.ObservedGeneration != 2 || p.Problem != nil {
		t.Errorf("running is %+v", p)
	}
	d.Done(d.Verb("stop", "web"))
	p = d.State("web", vm.StateOff)
	if p.Process != nil || p.Ended == nil || p.Ended.How != vm.EndStopped || p.Accelerator != "" || d.PID("web") != 0 {
		t.Errorf("off is %+v", p)
	}
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
}

func TestAVMBootsItsKernelFromItsOwnDisk(t *testing.T) {
	d := fakehost.New(t).Start()
	d.BootFile("k", "kernel", storage.KernelFile)
	d.BootFile("i", "initrd", storage.InitrdFile)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData, func(def *vm.Definition) {
		def.Boot = &vm.Boot{Kernel: "k", Initrd: "i", Cmdline: "console=ttyS0"}
		def.NICs = map[string]vm.NIC{"lan": {}}
	})))
	if p := d.State("web", vm.StateRunning); p.Pinned.Slots == nil {
		t.Errorf("nothing is pinned: %+v", p)
	}
}

func TestAGuestThatIgnoresItsButtonMakesTheStopFailAndAKillEndsIt(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	stop := d.Verb("stop", "web", wire.VerbOptions{Timeout: 3600})
	d.State("web", vm.StateStopping)
	h.Advance(2 * time.Hour)
	d.Engine.Poke(d.VM("web").Spec.UUID)
	end := d.Ended(stop)
	if end.State != operation.Failed || end.Error == nil || end.Error.Code != "HV-VM-013" ||
		!strings.Contains(end.Error.What, "did not power off within 3600 s") || !strings.Contains(end.Error.Hint, "hv vm kill web") {
		t.Errorf("the stop is %+v", end)
	}
	if d.PID("web") == 0 {
		t.Fatal("it was ended without being asked for")
	}
	again := d.Verb("stop", "web")
	d.Until("the guest to be asked again", func() bool {
		op, err := d.View.Operation(t.Context(), again.ID)
		return err == nil && op.State == operation.Running && len(op.Steps) == 1
	})
	d.Done(d.Verb("kill", "web"))
	if p := d.State("web", vm.StateOff); p.Ended == nil || p.Ended.How != vm.EndKilled && p.Ended.How != vm.EndStopped {
		t.Errorf("its end is %+v", p.Ended)
	}
	if end := d.Ended(again); end.State != operation.Superseded {
		t.Errorf("the second stop is %s", end.State)
	}
}

func TestAVMPausesAndGoesOn(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Create(fakehost.Tiny("web", paused)))
	d.State("web", vm.StatePrelaunch)
	d.Done(d.Verb("resume", "web"))
	d.State("web", vm.StateRunning)
	d.Done(d.Verb("pause", "web"))
	d.State("web", vm.StatePaused)
	d.Done(d.Verb("pause", "web")) // is true already
	d.Done(d.Verb("resume", "web"))
	d.State("web", vm.StateRunning)
	d.Done(d.Verb("pause", "web"))
	d.Done(d.Verb("stop", "web")) // a paused guest has to run to hear of it
	d.State("web", vm.StateOff)
}

func TestAGuestThatPowersItselfOffStaysOffUntilItIsStarted(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.PowersOff})
	d := h.Start()
	d.Create(fakehost.Tiny("web", on))
	var p vm.PowerStatus
	d.Until("its end", func() bool { p = d.Power("web"); return p.State == vm.StateOff && p.Ended != nil })
	if p.Ended.How != vm.EndGuest || p.Reason != string(vm.EndGuest) {
		t.Errorf("its end is %+v", p)
	}
	d.Engine.Poke(d.VM("web").Spec.UUID)
	h.Guest("web", fakeqemu.Options{})
	d.Done(d.Verb("start", "web"))
	d.State("web", vm.StateRunning)
	if n := h.Launches(); n != 2 {
		t.Errorf("%d launches", n)
	}
}

func TestAGuestThatPanicsIsCrashedAndSaysSo(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Panics})
	d := h.Start()
	d.Create(fakehost.Tiny("web", on))
	p := d.State("web", vm.StateCrashed)
	d.Until("its process to be taken away", func() bool { p = d.Power("web"); return p.Process == nil })
	if p.Reason != string(vm.EndPanic) || p.Ended.How != vm.EndPanic || d.PID("web") != 0 {
		t.Errorf("%+v", p)
	}
}

func TestAQEMUThatIsKilledFromOutsideIsCrashedAndNotStartedAgain(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	h.Murder("web")
	p := d.State("web", vm.StateCrashed)
	if p.Ended == nil || p.Ended.How != vm.EndQEMU || !strings.Contains(p.Ended.Detail, "killed") {
		t.Errorf("its end is %+v", p.Ended)
	}
	d.Done(d.Verb("start", "web"))
	if n := h.Launches(); n != 2 {
		t.Errorf("%d launches", n)
	}
}

func TestAQEMUThatDiesAtOnceIsAnErrorWithItsLastWordsAndNotTriedForEver(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{}, "-nonsense")
	d := h.Start()
	end := d.Ended(d.Create(fakehost.Tiny("web", on)))
	if end.State != operation.Failed || end.Error.Code != "HV-VM-014" || !strings.Contains(end.Error.What, "-nonsense: invalid option") || !strings.Contains(end.Error.Hint, "hv vm logs web") {
		t.Errorf("the create is %+v %+v", end, end.Error)
	}
	p := d.State("web", vm.StateCrashed)
	if p.Ended == nil || !strings.Contains(p.Ended.Detail, "invalid option") || p.Reason != string(vm.EndQEMU) {
		t.Errorf("%+v", p)
	}
	d.Until("the problem to be told no more", func() bool { return d.Power("web").Problem == nil })
	if n := h.Launches(); n != 1 {
		t.Errorf("%d launches", n)
	}
	h.Guest("web", fakeqemu.Options{})
	d.Done(d.Verb("start", "web"))
}

func TestAQEMUThatDiesRightAfterItWasLetRunIsNotStartedAgain(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Faults: []fakeqemu.Fault{{At: "cont", Do: fakeqemu.DieAfter}}})
	d := h.Start()
	d.Create(fakehost.Tiny("web", on))
	p := d.State("web", vm.StateCrashed)
	d.Until("the problem to be told no more", func() bool { return d.Power("web").Problem == nil })
	if n := h.Launches(); n != 1 || p.Ended.How != vm.EndQEMU {
		t.Errorf("%d launches, ended %+v", n, p.Ended)
	}
}

func TestAVMWhoseMonitorSomebodyElseHoldsIsNotTouchedAndTold(t *testing.T) {
	h := fakehost.New(t)
	first := h.Start()
	first.Done(first.Create(fakehost.Tiny("web", on)))
	first.Stop()
	thief, err := net.Dial("unix", h.MonitorPath("web"))
	if err != nil {
		t.Fatal(err)
	}
	greeting := make([]byte, 10)
	if _, err := thief.Read(greeting); err != nil { // it is served
		t.Fatal(err)
	}
	d := h.Start()
	var p vm.PowerStatus
	d.Until("it to be told", func() bool { p = d.Power("web"); return p.Problem != nil && p.State == vm.StateUnknown })
	if p.Problem.Code != "HV-VM-010" || !strings.Contains(p.Problem.What, "runs as process") || !strings.Contains(p.Problem.What, "monitor") || p.Process == nil {
		t.Errorf("told %+v of %+v", p.Problem, p)
	}
	pid := d.PID("web")
	_ = thief.Close()
	d.State("web", vm.StateRunning)
	if d.PID("web") != pid || h.Launches() != 1 {
		t.Error("it was touched")
	}
}

func TestAVMWhoseMonitorSomebodyElseHoldsCanBeKilled(t *testing.T) {
	h := fakehost.New(t)
	first := h.Start()
	first.Done(first.Create(fakehost.Tiny("web", on)))
	first.Stop()
	thief, err := net.Dial("unix", h.MonitorPath("web"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = thief.Close() }()
	if _, err := thief.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	d := h.Start()
	d.Done(d.Verb("kill", "web"))
	d.State("web", vm.StateOff)
}

func TestANewDaemonAdoptsWhatRuns(t *testing.T) {
	h := fakehost.New(t)
	first := h.Start()
	for _, name := range []string{"a", "b"} {
		first.Done(first.Create(fakehost.Tiny(name, on)))
	}
	before := first.Power("a")
	first.Stop()
	h.Murder("b") // while nobody looks
	d := h.Start()
	if p := d.State("b", vm.StateCrashed); p.Ended.How != vm.EndQEMU {
		t.Errorf("b ended as %+v", p.Ended)
	}
	after := d.State("a", vm.StateRunning)
	if after.Process.PID != before.Process.PID || after.Process.Started == nil || after.Pinned == nil || after.Accelerator != before.Accelerator {
		t.Errorf("adopted as %+v, was %+v", after, before)
	}
	d.Done(d.Verb("stop", "a"))
	if h.Launches() != 2 {
		t.Error("something was started again")
	}
}

func TestAGuestThatPowersOffWhileNobodyLooksIsSeenByTheNext(t *testing.T) {
	h := fakehost.New(t)
	first := h.Start()
	first.Done(first.Create(fakehost.Tiny("web", on)))
	first.Stop()
	c, err := net.Dial("unix", strings.Replace(h.MonitorPath("web"), "qmp", "serial0", 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("poweroff\n")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	for got := ""; !strings.Contains(got, "poweroff"); {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got += string(buf[:n])
	}
	_ = c.Close()
	d := h.Start()
	if p := d.State("web", vm.StateOff); p.Ended == nil || p.Ended.How != vm.EndGuest {
		t.Errorf("ended as %+v", p.Ended)
	}
}

func TestADeletedVMIsGoneWithAllThatItHeld(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData, func(def *vm.Definition) {
		def.NICs = map[string]vm.NIC{"lan": {MAC: "52:54:00:11:22:33"}}
	})))
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	del := d.Delete("web", wire.VerbOptions{Force: true})
	d.Gone("web")
	d.Done(del)
	page, err := h.Store.List(t.Context(), store.Root, store.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range page.KVs {
		if strings.Contains(kv.Key, "/claim/") || strings.Contains(kv.Key, "/vm/") || strings.Contains(kv.Key, "/vm-status/") {
			t.Errorf("%s is left: %s", kv.Key, kv.Value)
		}
	}
	if _, err := d.View.Volume(t.Context(), fakehost.Ref("data")); err != nil {
		t.Errorf("its volume went too: %v", err)
	}
	d.Done(d.Create(fakehost.Tiny("web", withData))) // all of it is free again
	d.Done(d.Delete("web", wire.VerbOptions{Volumes: true}))
	d.Until("its volume to go", func() bool {
		_, err := d.View.Volume(t.Context(), fakehost.Ref("data"))
		return fault.KindOf(err) == fault.NotFound && err != nil
	})
}

// The VM was off when it was deleted, and its start was on the way: whatever came of that is ended,
// whether the guest heeds its button or not.
func TestAVMThatIsDeletedWhileItStartsIsGone(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web")))
	start := d.Verb("start", "web")
	del, err := d.Actions.DeleteVM(t.Context(), fakehost.Member, fakehost.Ref("web"), wire.VerbOptions{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	d.Gone("web")
	d.Done(*del.Operation)
	if end := d.Ended(start); end.State != operation.Superseded && end.State != operation.Done {
		t.Errorf("the start is %s: %+v", end.State, end.Error)
	}
}

func TestANewerWishTakesThePlaceOfAnOlder(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	stop := d.Verb("stop", "web")
	d.State("web", vm.StateStopping)
	kill := d.Verb("kill", "web")
	if end := d.Ended(stop); end.State != operation.Superseded {
		t.Errorf("the stop is %s", end.State)
	}
	d.Done(kill)
}

func TestACancelledStopLeavesTheVMRunning(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	stop := d.Verb("stop", "web")
	d.State("web", vm.StateStopping)
	if _, err := d.Actions.CancelOperation(t.Context(), fakehost.Member, stop.ID); err != nil {
		t.Fatal(err)
	}
	if end := d.Ended(stop); end.State != operation.Cancelled {
		t.Errorf("the stop is %s", end.State)
	}
	if d.VM("web").Spec.Power != vm.On || d.PID("web") == 0 {
		t.Error("it does not run")
	}
	h.Advance(time.Hour) // the guest may have been at it: until its deadline it counts as stopping
	d.Engine.Poke(d.VM("web").Spec.UUID)
	d.State("web", vm.StateRunning)
}

func TestWhatCannotBeStartedSaysWhyAndStartsWhenItCan(t *testing.T) {
	h := fakehost.New(t)
	h.SetFacts(func(f *host.Facts) {
		f.QEMU = &host.QEMU{Arch: "x86_64", Why: "QEMU 5.2.0 is too old: 7.2 is the oldest"}
	})
	d := h.Start()
	end := d.Ended(d.Create(fakehost.Tiny("web", on)))
	if end.State != operation.Failed || end.Error.Code != "HV-VM-015" || !strings.Contains(end.Error.What, "too old") || !strings.Contains(end.Error.Hint, "apt-get install") {
		t.Errorf("%+v", end.Error)
	}
	if p := d.Power("web"); p.Problem == nil || p.Problem.Tries != 1 || p.Problem.Hint == "" {
		t.Errorf("%+v", p.Problem)
	}
	h.SetFacts(func(f *host.Facts) {
		f.QEMU = &host.QEMU{Path: "/usr/bin/qemu-system-x86_64", Arch: "x86_64", Version: "7.2.22", Machines: []host.Machine{{Name: "pc-q35-7.2", Alias: "q35"}}}
	})
	p := d.State("web", vm.StateRunning) // the wish stands
	d.Until("the problem to be told no more", func() bool { p = d.Power("web"); return p.Problem == nil })
}

func TestAHelperThatIsAwayIsTriedAgain(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web")))
	away := 1
	h.Refuse(func(verb, _ string) error {
		if verb == "launch" && away > 0 {
			away--
			return fault.New(fault.Unavailable, "hv-helper is away")
		}
		return nil
	})
	d.Done(d.Verb("start", "web"))
}

func TestAStatusIsWrittenOnlyWhenSomethingIsNew(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on)))
	d.State("web", vm.StateRunning)
	before, err := h.Store.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.Engine.Poke(d.VM("web").Spec.UUID)
	d.Stop()
	d = h.Start() // looks at everything
	d.Done(d.Create(fakehost.Tiny("other")))
	page, err := h.Store.List(t.Context(), store.Root, store.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range page.KVs {
		if kv.ModRevision > before && !strings.Contains(kv.Key, "operation") && !strings.Contains(kv.Key, "other") {
			if !strings.Contains(kv.Key, "/claim/uuid/") {
				t.Errorf("%s was written anew", kv.Key)
			}
		}
	}
}

func TestAVolumeIsMadeOnceAndItsLossIsTold(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	v, _, err := store.Get[storage.Volume](t.Context(), h.Store, store.SpecKey(store.Ref{Kind: "volume", Project: "default", Name: "data"}))
	if err != nil {
		t.Fatal(err)
	}
	d.Stop()
	if err := h.Volumes.Delete(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	d = h.Start()
	var seen wire.Volume
	d.Until("the loss to be told", func() bool {
		seen, _ = d.View.Volume(t.Context(), fakehost.Ref("data"))
		return seen.Problem != ""
	})
	if !strings.Contains(seen.Problem, `the file of volume "data" is gone from its pool`) {
		t.Errorf("told %q", seen.Problem)
	}
	if there, err := h.Volumes.Exists(t.Context(), "default", v.File); there || err != nil {
		t.Errorf("an empty disk stands in its place: %v, %v", there, err)
	}
}

func TestAnImportIsRecordedOnce(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	body := wire.CreateVolume{Name: "data", VolumeSpec: storage.VolumeSpec{}}
	_, err := d.Actions.ImportVolume(t.Context(), fakehost.Member, "default", body, 512, strings.NewReader(strings.Repeat("x", 512)))
	if err != nil {
		t.Fatal(err)
	}
	d.Done(d.Create(fakehost.Tiny("web", on, withData))) // the engine has seen all of it
	d.Stop()
	h.OneOutcome()
}

func TestFiftyVMsStartAtOnce(t *testing.T) {
	const many = 50
	h := fakehost.New(t)
	d := h.Start()
	var ops []operation.Operation
	for i := range many {
		ops = append(ops, d.Create(fakehost.Tiny(fmt.Sprintf("vm-%02d", i), on)))
	}
	for _, op := range ops {
		d.Done(op)
	}
	if hosts, err := d.View.Host(t.Context()); err != nil || hosts.Running != many {
		t.Errorf("%d run, %v", hosts.Running, err)
	}
	h.OneOutcome()
}

// The press of the button does not get through once: it is pressed again, not waited for.
func TestAStopThatDidNotGetThroughIsAskedAgain(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Faults: []fakeqemu.Fault{{At: "system_powerdown", Do: fakeqemu.Half}}})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	d.Verb("stop", "web")
	p := vm.PowerStatus{}
	d.Until("the failure to be told", func() bool { p = d.Power("web"); return p.Problem != nil })
	if p.StopAsked != nil || p.State == vm.StateStopping {
		t.Errorf("it counts as asked: %+v", p)
	}
	d.Done(d.Verb("kill", "web"))
}

func TestWhatAGuestSaysStaysOverARestartOfTheDaemonAndGoesWithTheVM(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	uuid := d.VM("web").Spec.UUID
	d.Engine.Guest(uuid, vm.GuestStatus{Seen: time.Now().Add(time.Hour), Answers: true, Hostname: "webby"})
	says := func() string {
		if g := d.VM("web").Status.Guest; g != nil {
			return g.Hostname
		}
		return ""
	}
	d.Until("what the guest says", func() bool { return says() == "webby" })
	d.Stop()
	d = h.Start()
	if got := says(); got != "webby" {
		t.Errorf("the next daemon knows %q", got)
	}
	d.Done(d.Verb("kill", "web"))
	if got := says(); got != "" {
		t.Errorf("of a VM that is off it is still shown that %q", got)
	}
}
