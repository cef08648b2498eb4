//go:build linux

package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

func onCrash(a vm.Afterwards) func(*vm.Definition) {
	return func(def *vm.Definition) { def.OnCrash = a }
}

// waiting waits until the VM waits for its nth restart, or for a later one: those come by themselves.
func waiting(d *fakehost.Daemon, n int) vm.PowerStatus {
	var p vm.PowerStatus
	d.Until("the next restart to be waited for", func() bool {
		p = d.Power("web")
		return p.State == vm.StateCrashed && p.Process == nil && p.Restart != nil && p.Restart.Count >= n
	})
	return p
}

// over waits until the end of a run is known.
func over(d *fakehost.Daemon) vm.PowerStatus {
	var p vm.PowerStatus
	d.Until("its end to be known", func() bool {
		p = d.Power("web")
		return p.Ended != nil
	})
	return p
}

func TestAVMThatCrashesAgainAndAgainIsStartedLaterEachTime(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Panics})
	d := h.Start()
	d.Create(fakehost.Tiny("web", on, onCrash(vm.AfterRestart)))
	for n := 1; n <= 6; n++ {
		p := waiting(d, n)
		n = p.Restart.Count
		if wait := p.Restart.Next.Sub(p.Ended.At).Round(time.Second); wait != time.Second<<(n-1) || p.Ended.How != vm.EndPanic || !strings.Contains(p.Reason, "started again at") {
			t.Errorf("restart %d waits %v: %+v, %q", n, wait, p.Restart, p.Reason)
		}
		h.Advance(time.Second << (n - 1))
		d.Engine.Poke(d.VM("web").Spec.UUID)
	}
	waiting(d, 7) // for a minute
	launches := h.Launches()

	h.Guest("web", fakeqemu.Options{})
	d.Done(d.Verb("start", "web")) // a person does not wait
	if p := d.State("web", vm.StateRunning); p.Restart != nil || h.Launches() != launches+1 {
		t.Errorf("%d launches after %d, restart %+v", h.Launches(), launches, p.Restart)
	}
}

func TestARestartThatIsWaitedForIsCalledOffByAStop(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Panics})
	d := h.Start()
	d.Create(fakehost.Tiny("web", on, onCrash(vm.AfterRestart)))
	waiting(d, 2)
	d.Done(d.Verb("stop", "web"))
	if p := d.State("web", vm.StateOff); p.Restart != nil {
		t.Errorf("%+v", p)
	}
}

func TestARestartIsWaitedForAcrossDaemons(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Panics})
	d := h.Start()
	d.Create(fakehost.Tiny("web", on, onCrash(vm.AfterRestart)))
	waiting(d, 3)
	d.Stop()
	h.Guest("web", fakeqemu.Options{})
	d = h.Start()
	if p := d.Power("web"); p.Restart == nil || p.Restart.Count < 3 {
		t.Errorf("%+v", p.Restart)
	}
	h.Advance(time.Minute)
	d.Engine.Poke(d.VM("web").Spec.UUID)
	if p := d.State("web", vm.StateRunning); p.Restart == nil || p.Restart.Count < 3 {
		t.Errorf("%+v", p.Restart)
	}
}

func TestWhoWaitsForAStartIsToldThatTheGuestCrashed(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Faults: []fakeqemu.Fault{{At: "greeting", Do: fakeqemu.Die}}})
	d := h.Start()
	end := d.Ended(d.Create(fakehost.Tiny("web", on, onCrash(vm.AfterRestart))))
	if end.State != operation.Failed || end.Error.Code != "HV-VM-014" {
		t.Errorf("%s: %+v", end.State, end.Error)
	}
	waiting(d, 1)
}

func TestACrashedGuestIsKeptUntilSomebodyWishesAnew(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Panics})
	d := h.Start()
	d.Create(fakehost.Tiny("web", on, onCrash(vm.AfterPreserve)))
	p := over(d)
	if p.State != vm.StateCrashed || p.Process == nil || d.PID("web") == 0 || p.Reason != "guest-panicked" || p.Ended == nil || p.Ended.How != vm.EndPanic {
		t.Errorf("%+v", p)
	}
	pid := d.PID("web")
	h.Guest("web", fakeqemu.Options{})
	d.Done(d.Verb("start", "web"))
	if d.State("web", vm.StateRunning); d.PID("web") == pid {
		t.Error("it is the process that crashed")
	}
}

func TestAGuestWhoseResetsEndItIsStoppedByItsOwnAndNotByOurs(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.ResetsOnce})
	d := h.Start()
	d.Create(fakehost.Tiny("web", on, func(def *vm.Definition) { def.OnReboot = vm.AfterStop }))
	if p := over(d); p.Ended.How != vm.EndReset {
		t.Errorf("%+v", p)
	}
	if p := d.State("web", vm.StateOff); p.Reason != "guest-reset" {
		t.Errorf("%+v", p)
	}
	h.Guest("web", fakeqemu.Options{})
	d.Done(d.Verb("start", "web"))
	pid := d.PID("web")
	d.Done(d.Verb("reset", "web"))
	if d.State("web", vm.StateRunning); d.PID("web") != pid {
		t.Error("the reset button has ended it")
	}
}

func TestAGuestThatPowersItselfOffIsStartedAgainWhereItsSpecSaysSo(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on, func(def *vm.Definition) { def.OnPowerOff = vm.AfterRestart })))
	pid := d.PID("web")
	if err := d.VMs.PowerDown(t.Context(), d.VM("web").Spec.UUID); err != nil { // as the guest would by itself
		t.Fatal(err)
	}
	d.Until("it to run anew", func() bool {
		p := d.Power("web")
		return p.State == vm.StateRunning && p.Process.PID != pid && p.Restart != nil && p.Restart.After == vm.EndGuest
	})
}
