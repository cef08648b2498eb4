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
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestAResetKeepsTheProcess(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	pid := d.PID("web")
	op := d.Done(d.Verb("reset", "web"))
	if len(op.Steps) != 1 || d.PID("web") != pid {
		t.Errorf("steps %+v, process %d after %d", op.Steps, d.PID("web"), pid)
	}
	p := d.State("web", vm.StateRunning)
	if len(p.Findings) != 1 || p.Findings[0].Code != "HV-VM-012" {
		t.Errorf("what limits it is not told any more: %+v", p.Findings)
	}
	if p.ObservedGeneration != 1 {
		t.Errorf("a reset is no edit: %d", p.ObservedGeneration)
	}
	d.Until("the reset to be counted", func() bool {
		r := d.Power("web").Resets
		return r != nil && r.Host == 1 && r.Guest == 0 && r.Reason == "host-qmp-system-reset"
	})
}

func TestARebootAsksTheGuestAndStartsItAgain(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	pid := d.PID("web")
	op := d.Done(d.Verb("reboot", "web"))
	p := d.State("web", vm.StateRunning)
	if d.PID("web") == pid || p.Ended == nil || p.Ended.How != vm.EndReboot || p.StopAsked != nil {
		t.Errorf("process %d after %d, status %+v", d.PID("web"), pid, p)
	}
	if op.Steps[0].Name != "ask the guest to power off, to be started again" || op.Steps[len(op.Steps)-1].Name != "let it run" {
		t.Errorf("steps %+v", op.Steps)
	}
	pid = d.PID("web")
	d.Done(d.Verb("reboot", "web")) // and once more, by a wish of its own
	if d.PID("web") == pid {
		t.Error("the second reboot did nothing")
	}
}

func TestAGuestThatIgnoresItsButtonIsNotRebootedAndRunsOn(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	pid := d.PID("web")
	op := d.Verb("reboot", "web", wire.VerbOptions{Timeout: 3600})
	d.State("web", vm.StateStopping)
	h.Advance(2 * time.Hour)
	d.Engine.Poke(d.VM("web").Spec.UUID)
	end := d.Ended(op)
	if end.State != operation.Failed || end.Error.Code != "HV-VM-070" || !strings.Contains(end.Error.Hint, "hv vm reset web") {
		t.Errorf("the reboot is %+v", end)
	}
	if p := d.State("web", vm.StateRunning); d.PID("web") != pid || p.StopAsked != nil || p.Problem != nil {
		t.Errorf("%+v", p)
	}
}

func TestAGuestThatResetsItselfIsCounted(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.ResetsOnce})
	d := h.Start()
	d.Done(d.Create(fakehost.Tiny("web", on)))
	d.Until("the reset to be told", func() bool {
		r := d.Power("web").Resets
		return r != nil && r.Guest == 1 && r.Reason == "guest-reset" && !r.Last.IsZero()
	})
	d.Stop()
	d = h.Start()
	d.Done(d.Verb("reset", "web"))
	d.Until("the next daemon to count on", func() bool {
		r := d.Power("web").Resets
		return r.Guest == 1 && r.Host == 1
	})
}
